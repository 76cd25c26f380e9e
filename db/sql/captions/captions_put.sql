-- Stores captions from outside with their seeds, those that are not there. $1 caller, $2 name,
-- $3 recipe, then arrays: $4 seed ids, $5 texts of the seeds (NULL: the seed must be there, or have
-- come before in the batch), $6 sources, $7 domains, $8 metadata as JSON text, $9 variants, $10 hashes,
-- $11 texts and $12 MinHash signatures (or NULL) of the captions; $13 a key that may add $14 seeds a
-- day, or NULL. One row: new captions, how many of
-- the others differ from the one that stays in their slot, new seeds, and the places of those that have
-- no seed, from 1, as text. Inserted in key order, so that two batches with the same rows cannot lock
-- each other.
WITH {{dataset}}, input AS (
    SELECT {{shard_of}} AS shard_id, k.*
    FROM ds, unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::integer[],
                    $10::bytea[], $11::text[], $12::bytea[]) WITH ORDINALITY
        AS k (seed_id, seed_text, source, domain, metadata, variant, hash, text, signature, place)
), born AS MATERIALIZED (
    SELECT DISTINCT ON (shard_id, seed_id) * FROM input WHERE seed_text IS NOT NULL
    ORDER BY shard_id, seed_id, place
), stored AS (
    INSERT INTO seeds (shard_id, seed_id, text, source, domain, metadata)
    SELECT shard_id, seed_id, seed_text, source, domain, metadata::json
    FROM born ORDER BY shard_id, seed_id
    ON CONFLICT DO NOTHING
    RETURNING 1
), who AS (
    SELECT $13::text AS key_id, $14::bigint AS allowed
), {{seeds_counted}}, judged AS MATERIALIZED (
    SELECT i.*, i.seed_text IS NOT NULL OR s.seed_id IS NOT NULL OR b.place < i.place AS has_seed
    FROM input i
         LEFT JOIN seeds s ON s.shard_id = i.shard_id AND s.seed_id = i.seed_id
         LEFT JOIN born b ON b.shard_id = i.shard_id AND b.seed_id = i.seed_id
), firsts AS MATERIALIZED (
    SELECT DISTINCT ON (shard_id, seed_id, variant) * FROM judged WHERE has_seed
    ORDER BY shard_id, seed_id, variant, place
), put AS (
    INSERT INTO captions (shard_id, seed_id, recipe_id, variant, hash, text, run_id, model,
                          finish_reason, tokens_in, tokens_out, calls, signature)
    SELECT shard_id, seed_id, $3::uuid, variant, hash, text,
           '00000000-0000-0000-0000-000000000000', 'imported', 'imported', 0, 0, 0, signature
    FROM firsts ORDER BY shard_id, seed_id, variant
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM put),
       (SELECT count(*)
        FROM judged j
             JOIN firsts f ON f.shard_id = j.shard_id AND f.seed_id = j.seed_id
                              AND f.variant = j.variant
             LEFT JOIN captions c ON c.shard_id = j.shard_id AND c.seed_id = j.seed_id
                                     AND c.recipe_id = $3 AND c.variant = j.variant
        WHERE j.has_seed AND coalesce(c.hash, f.hash) <> j.hash),
       (SELECT count(*) FROM stored),
       (SELECT string_agg(place::text, ',' ORDER BY place) FROM judged WHERE has_seed IS NOT TRUE)
FROM ds
