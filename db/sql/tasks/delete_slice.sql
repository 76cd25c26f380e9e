-- Removes up to five thousand seeds of a deleted dataset's shard with all that was made from them
-- ($1 shard); comes back with how many.
WITH victims AS (
    SELECT seed_id FROM seeds WHERE shard_id = $1 ORDER BY seed_id LIMIT 5000
), c AS (
    DELETE FROM captions WHERE shard_id = $1 AND seed_id IN (SELECT seed_id FROM victims)
), d AS (
    DELETE FROM dialogues WHERE shard_id = $1 AND seed_id IN (SELECT seed_id FROM victims)
), e AS (
    DELETE FROM embeddings WHERE shard_id = $1 AND seed_id IN (SELECT seed_id FROM victims)
), f AS (
    DELETE FROM failures WHERE shard_id = $1 AND seed_id IN (SELECT seed_id FROM victims)
), i AS (
    DELETE FROM review_items WHERE shard_id = $1 AND seed_id IN (SELECT seed_id FROM victims)
), v AS (
    DELETE FROM review_verdicts WHERE shard_id = $1 AND seed_id IN (SELECT seed_id FROM victims)
), s AS (
    DELETE FROM seeds WHERE shard_id = $1 AND seed_id IN (SELECT seed_id FROM victims) RETURNING 1
)
SELECT count(*) FROM s
