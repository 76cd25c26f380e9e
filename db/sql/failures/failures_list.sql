-- result: binary
-- Page of failures. $1 caller, $2 name, key: $3 shard, $4 run, $5 stage, $6 seed, $7 item; $8 run,
-- $9 stage, $10 reason, each or NULL; $11 rows. Rows: JSON, key, the first 4 KiB of the reply,
-- whether there is more of it. One row of NULLs for an empty page, none without the
-- dataset.
WITH {{dataset}}
SELECT p.item, p.key, p.raw, p.more
FROM ds LEFT JOIN LATERAL (
    SELECT {{failure_json}}::text AS item,
           concat_ws('|', f.shard_id - ds.lo, f.run_id, f.stage, f.seed_id, f.item) AS key,
           substring(f.raw FROM 1 FOR 4096) AS raw,
           octet_length(f.raw) > 4096 AS more
    FROM failures f
    WHERE (f.shard_id, f.run_id, f.stage, f.seed_id, f.item)
          > (ds.lo + $3::bigint, $4::uuid, $5::text, $6::uuid, $7::text)
      AND f.shard_id <= ds.hi AND NOT f.put_back
      AND ($8::uuid IS NULL OR f.run_id = $8)
      AND ($9::text IS NULL OR f.stage = $9)
      AND ($10::text IS NULL OR f.reason = $10)
    ORDER BY f.shard_id, f.run_id, f.stage, f.seed_id, f.item
    LIMIT $11::bigint) p ON true
