-- result: binary
-- Embeddings of given captions. $1 caller, $2 name, $3 encoder, $4 seed ids, $5 caption hashes. Rows:
-- position in the arrays (from 0), vector (float16); only those that are there.
WITH {{dataset}}, k AS MATERIALIZED (
    SELECT {{shard_of}} AS shard_id, k.*
    FROM ds, unnest($4::uuid[], $5::bytea[]) WITH ORDINALITY AS k (seed_id, hash, place)
)
SELECT k.place - 1, e.vector
FROM k JOIN embeddings e ON e.shard_id = k.shard_id AND e.seed_id = k.seed_id
                        AND e.caption_hash = k.hash AND e.encoder_id = $3::uuid
ORDER BY k.place
