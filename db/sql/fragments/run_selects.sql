-- Whether run r selects seed s. A verdict selects the seeds of which the view would pick a caption with
-- this verdict, had it not been given: one that was replaced since is not redone. All as it was when
-- the run started, so that what the run makes itself does not take its seeds away.
(NOT r.selection ? 'source' OR s.source = r.selection->>'source')
AND (NOT r.selection ? 'domain' OR s.domain = r.selection->>'domain')
AND (NOT r.selection ? 'seed_ids'
     OR r.selection->'seed_ids' ? replace(s.seed_id::text, '-', ''))
AND (NOT r.selection ? 'verdict' OR EXISTS (
     SELECT FROM captions k
     WHERE k.shard_id = s.shard_id AND k.seed_id = s.seed_id
       AND k.verdict = r.selection->>'verdict' AND k.reviewed_at <= r.started_at
       AND NOT EXISTS (
           SELECT FROM captions b
           WHERE b.shard_id = k.shard_id AND b.seed_id = k.seed_id AND b.variant = k.variant
             AND b.dropped IS NULL AND NOT b.rejected AND b.created_at <= r.started_at
             AND array_position(r.view, b.recipe_id) < array_position(r.view, k.recipe_id))))
