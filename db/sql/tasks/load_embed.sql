-- The items of an embed task ($1 shard, $2 run, $3 lo).
-- result: binary
SELECT s.seed_id, c.variant::int, {{item_state}} AS state,
       CASE WHEN d.run_id IS NULL AND f.run_id IS NULL THEN c.text END AS text,
       c.hash, NULL::text AS task, false AS dropped,
       NULL::text AS domain, NULL::text AS source, NULL::text AS label
FROM {{embed_items}}
ORDER BY s.seed_id, c.variant
