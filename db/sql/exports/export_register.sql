-- Registers the files of a task of an export ($1 shard, $2 export, $3 stage, $4 lo, $5 token), as long as
-- it is held: $6 first shard of the group, $7 names, $8 paths, $9 formats, $10 whether they are served,
-- $11 rows, $12 bytes, $13 SHA-256, $14 dtype or NULL, $15 dimension.
INSERT INTO export_files (export_id, piece, name, path, format, served, rows, bytes, sha256, dtype,
                          dimension)
SELECT k.run_id, $6::integer, f.name, f.path, f.format, f.served = 1, f.rows, f.bytes, f.sha256, f.dtype,
       CASE WHEN f.dtype IS NOT NULL THEN $15::integer END
FROM tasks k,
     unnest($7::text[], $8::text[], $9::text[], $10::integer[], $11::bigint[], $12::bigint[],
            $13::bytea[], $14::text[])
         AS f (name, path, format, served, rows, bytes, sha256, dtype)
WHERE k.shard_id = $1 AND k.run_id = $2::uuid AND k.stage = $3 AND k.lo = $4::uuid
  AND k.token = $5 AND k.state = 'leased'
