-- The items of a captions task ($1 shard, $2 run, $3 lo). The text is sent for pending ones only.
-- result: binary
SELECT s.seed_id, v.variant::int, {{item_state}} AS state,
       CASE WHEN d.run_id IS NULL AND f.run_id IS NULL THEN s.text END AS text,
       NULL::bytea AS hash, NULL::text AS task, coalesce(d.dropped IS NOT NULL, false) AS dropped,
       CASE WHEN d.run_id IS NULL AND f.run_id IS NULL THEN s.domain END AS domain,
       CASE WHEN d.run_id IS NULL AND f.run_id IS NULL THEN s.source END AS source,
       CASE WHEN d.run_id IS NULL AND f.run_id IS NULL THEN s.metadata ->> 'label' END AS label
FROM {{caption_items}}
ORDER BY s.seed_id, v.variant
