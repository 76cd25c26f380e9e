-- Stores seeds that are not there. $1 caller, $2 name, then arrays: $3 ids, $4 texts, $5 sources,
-- $6 domains, $7 metadata as JSON text; $8 a key that may add $9 seeds a day, or NULL. One row: new ones, and how many of the others differ from
-- the one that stays in source, domain or metadata. Within the batch the first one stays.
-- Inserted in key order, so that two batches with the same seeds cannot lock each other.
WITH {{dataset}}, input AS (
    SELECT {{shard_of}} AS shard_id, k.*
    FROM ds, unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY
        AS k (seed_id, text, source, domain, metadata, place)
), firsts AS MATERIALIZED (
    SELECT DISTINCT ON (shard_id, seed_id) * FROM input ORDER BY shard_id, seed_id, place
), stored AS (
    INSERT INTO seeds (shard_id, seed_id, text, source, domain, metadata)
    SELECT shard_id, seed_id, text, source, domain, metadata::json
    FROM firsts ORDER BY shard_id, seed_id
    ON CONFLICT DO NOTHING
    RETURNING 1
), who AS (
    SELECT $8::text AS key_id, $9::bigint AS allowed
), {{seeds_counted}}
SELECT (SELECT count(*) FROM stored),
       (SELECT count(*)
        FROM input i
             JOIN firsts f ON f.shard_id = i.shard_id AND f.seed_id = i.seed_id
             LEFT JOIN seeds s ON s.shard_id = i.shard_id AND s.seed_id = i.seed_id
        WHERE CASE WHEN s.seed_id IS NOT NULL
                   THEN (s.source, s.domain, s.metadata::jsonb)
                        IS DISTINCT FROM (i.source, i.domain, i.metadata::jsonb)
                   ELSE (f.source, f.domain, f.metadata::jsonb)
                        IS DISTINCT FROM (i.source, i.domain, i.metadata::jsonb) END)
FROM ds
