-- Stores a review with its items. $1 caller, $2 name, $3 review id, $4 label, $5 sample, $6 seed of the
-- draw, $7 selection, $8 lease in seconds; then arrays of the captions in the order of the draw:
-- $9 seeds, $10 hashes, $11 recipes, $12 variants. One row: number of items; none without the dataset.
-- A unique violation means that another review took the sequence number: to be repeated.
WITH {{dataset}}, w AS (
    INSERT INTO reviews (review_id, dataset, sequence, label, sample, seed, selection, lease_seconds)
    SELECT $3::uuid, ds.number,
           (SELECT coalesce(max(o.sequence), 0) + 1 FROM reviews o WHERE o.dataset = ds.number),
           $4::text, $5::integer, $6::bigint, $7::text::json, $8::integer
    FROM ds
    RETURNING review_id
), k AS MATERIALIZED (
    SELECT {{shard_of}} AS shard_id, k.*
    FROM ds, unnest($9::uuid[], $10::bytea[], $11::uuid[], $12::integer[]) WITH ORDINALITY
        AS k (seed_id, hash, recipe_id, variant, place)
), items AS (
    INSERT INTO review_items (shard_id, seed_id, caption_hash, review_id, place, recipe_id, variant)
    SELECT k.shard_id, k.seed_id, k.hash, w.review_id, k.place, k.recipe_id, k.variant
    FROM k, w
    ORDER BY k.shard_id, k.seed_id, k.hash
    RETURNING 1
)
SELECT (SELECT count(*) FROM items) FROM w
