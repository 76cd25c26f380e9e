-- Page of seeds. $1 caller, $2 name, key: $3 shard, $4 seed; $5 source or NULL, $6 domain or NULL,
-- $7 rows. Rows: JSON, key. One row of NULLs for an empty page, none without the dataset.
WITH {{dataset}}
SELECT p.item, p.key
FROM ds LEFT JOIN LATERAL (
    SELECT {{seed_json}} || '}' AS item, concat_ws('|', s.shard_id - ds.lo, s.seed_id) AS key
    FROM seeds s
    WHERE (s.shard_id, s.seed_id) > (ds.lo + $3::bigint, $4::uuid) AND s.shard_id <= ds.hi
      AND ($5::text IS NULL OR s.source = $5) AND ($6::text IS NULL OR s.domain = $6)
    ORDER BY s.shard_id, s.seed_id
    LIMIT $7::bigint) p ON true
