-- Stores embeddings from outside, those that are not there. $1 caller, $2 name, $3 encoder, then arrays:
-- $4 seed ids, $5 hashes of the captions, $6 vectors. One row: new embeddings, how many of the others
-- differ from the one that stays, and the places of those whose caption is not there, from 1, as text.
-- Inserted in key order, so that two batches with the same rows cannot lock each other.
WITH {{dataset}}, judged AS MATERIALIZED (
    SELECT {{shard_of}} AS shard_id, k.*
    FROM ds, unnest($4::uuid[], $5::bytea[], $6::bytea[]) WITH ORDINALITY
        AS k (seed_id, hash, vector, place)
), known AS MATERIALIZED (
    SELECT j.* FROM judged j
    WHERE EXISTS (SELECT FROM captions c
                  WHERE c.shard_id = j.shard_id AND c.seed_id = j.seed_id AND c.hash = j.hash)
), firsts AS MATERIALIZED (
    SELECT DISTINCT ON (shard_id, seed_id, hash) * FROM known
    ORDER BY shard_id, seed_id, hash, place
), put AS (
    INSERT INTO embeddings (shard_id, seed_id, caption_hash, encoder_id, vector, run_id, tokens_in)
    SELECT shard_id, seed_id, hash, $3::uuid, vector, '00000000-0000-0000-0000-000000000000', 0
    FROM firsts ORDER BY shard_id, seed_id, hash
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM put),
       (SELECT count(*)
        FROM known k
             JOIN firsts f ON f.shard_id = k.shard_id AND f.seed_id = k.seed_id AND f.hash = k.hash
             LEFT JOIN embeddings e ON e.shard_id = k.shard_id AND e.seed_id = k.seed_id
                                       AND e.caption_hash = k.hash AND e.encoder_id = $3
        WHERE coalesce(e.vector, f.vector) <> k.vector),
       (SELECT string_agg(j.place::text, ',' ORDER BY j.place)
        FROM judged j WHERE NOT EXISTS (SELECT FROM known k WHERE k.place = j.place))
FROM ds
