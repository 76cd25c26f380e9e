-- Every item of an embed task ($1 shard, $2 run, $3 lo): the captions of the view.
(SELECT * FROM tasks
 WHERE shard_id = $1 AND run_id = $2::uuid AND stage = 'embed' AND lo = $3::uuid OFFSET 0) t
{{task_seeds}}
{{run_view}}
LEFT JOIN LATERAL (
    SELECT x.run_id FROM embeddings x
    WHERE x.shard_id = $1 AND x.seed_id = s.seed_id AND x.caption_hash = c.hash
      AND x.encoder_id = r.encoder_id
    LIMIT 1
) d ON true
LEFT JOIN LATERAL (
    SELECT CASE WHEN NOT x.put_back THEN x.run_id END AS run_id, x.retry FROM failures x
    WHERE x.shard_id = $1 AND x.run_id = $2::uuid AND x.stage = 'representations' AND x.seed_id = s.seed_id
      AND x.item = encode(c.hash, 'hex')
    LIMIT 1
) f ON true
{{retry_items}}
