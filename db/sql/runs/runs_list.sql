-- Page of runs, newest first. $1 caller, $2 name, key: $3 sequence to stay below; $4 state or NULL,
-- $5 labels that it must have or NULL, $6 rows. Rows: JSON, key. One row of NULLs for an empty page, none without the dataset.
WITH {{dataset}}
SELECT p.item, p.key
FROM ds LEFT JOIN LATERAL (
    SELECT {{run_json}}::text AS item, r.sequence::text AS key
    FROM runs r, (SELECT ds.name) d
    WHERE r.dataset = ds.number AND r.sequence < $3::bigint
      AND ($4::text IS NULL OR r.state = $4)
      AND ($5::text IS NULL OR r.labels @> $5::text::jsonb)
    ORDER BY r.sequence DESC
    LIMIT $6::bigint) p ON true
