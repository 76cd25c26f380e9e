-- Texts and embeddings of given captions of shard $1. $2 encoder, $3 seed ids, $4 caption hashes. Rows:
-- position in the arrays (from 0), vector, text, when embedded in microseconds; only those that are
-- there.
-- result: binary
SELECT k.place - 1, e.vector, c.text, (extract(epoch FROM e.created_at) * 1000000)::bigint
FROM unnest($3::uuid[], $4::bytea[]) WITH ORDINALITY AS k (seed_id, hash, place)
     JOIN embeddings e ON e.shard_id = $1 AND e.seed_id = k.seed_id AND e.caption_hash = k.hash
                      AND e.encoder_id = $2::uuid
     CROSS JOIN LATERAL (
         SELECT b.text FROM captions b
         WHERE b.shard_id = $1 AND b.seed_id = k.seed_id AND b.hash = k.hash
         LIMIT 1) c
ORDER BY k.place
