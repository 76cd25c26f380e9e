-- The versions of the encoders, or of one ($1 name or NULL). Rows: name, id, kind, model, revision,
-- weights, dimension, version, created, smallest cosine, when the vectors last agreed.
SELECT n.name, replace(n.encoder_id::text, '-', ''), n.kind, n.model, n.revision, n.weights,
       n.dimension, n.version, to_char(n.created_at AT TIME ZONE 'UTC', {{utc}}), n.cosine,
       to_char(n.checked_at AT TIME ZONE 'UTC', {{utc}})
FROM encoders n
WHERE $1::text IS NULL OR n.name = $1
ORDER BY n.name, n.created_at, n.version
