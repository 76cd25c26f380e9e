-- The embeddings that a run's moments are summed over, a page of a shard ($1 shard, $2 run, $3 seed to
-- start behind): those that were made before the sums were begun.
-- result: binary
SELECT s.seed_id, e.vector
FROM (SELECT r.view, r.encoder_id, k.planned_at AS until
      FROM runs r
      JOIN tasks k ON k.shard_id = $1 AND k.run_id = $2::uuid AND k.stage = 'moments'
                   AND k.lo = '00000000-0000-0000-0000-000000000000'
      WHERE r.run_id = $2::uuid) o
{{embeddings_page}}
ORDER BY s.seed_id, c.variant
