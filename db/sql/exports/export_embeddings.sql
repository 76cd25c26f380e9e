-- Embeddings by encoder $4 of the seeds of shard $1 behind $2 and up to $3, in the order of the primary
-- key: seed, hash of the caption, vector.
-- result: binary
SELECT e.seed_id, e.caption_hash, e.vector
FROM embeddings e
WHERE e.shard_id = $1 AND e.seed_id > $2::uuid AND e.seed_id <= $3::uuid AND e.encoder_id = $4::uuid
ORDER BY e.seed_id, e.caption_hash
