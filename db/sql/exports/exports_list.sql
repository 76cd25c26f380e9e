-- Page of exports, newest first. $1 caller, $2 name, key: $3 sequence to stay below; $4 state or NULL,
-- $5 labels that it must have or NULL, $6 rows. Rows: JSON, key. One row of NULLs for an empty page, none
-- without the dataset.
WITH {{dataset}}
SELECT p.item, p.key
FROM ds LEFT JOIN LATERAL (
    SELECT {{export_json}}::text AS item, x.sequence::text AS key
    FROM exports x, (SELECT ds.name) d
    WHERE x.dataset = ds.number AND x.sequence < $3::bigint AND x.deleted_at IS NULL
      AND ($4::text IS NULL OR x.state = $4)
      AND ($5::text IS NULL OR x.labels @> $5::text::jsonb)
    ORDER BY x.sequence DESC
    LIMIT $6::bigint) p ON true
