-- The embeddings that text moments were summed over, a page of a shard ($1 shard, $2 moments, $3 seed to
-- start behind): those that were there then.
-- result: binary
SELECT s.seed_id, e.vector
FROM (SELECT m.view, m.encoder_id, m.created_at AS until FROM moments m WHERE m.moments_id = $2::uuid) o
{{embeddings_page}}
ORDER BY s.seed_id, c.variant
