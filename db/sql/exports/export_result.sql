-- The manifest of an export. $1 caller, $2 export. One row: whether there is one, JSON; none without the
-- export.
SELECT x.state = 'succeeded', x.manifest::text
FROM exports x JOIN datasets d ON d.number = x.dataset
WHERE x.export_id = $2::uuid AND x.deleted_at IS NULL AND {{mine}}
