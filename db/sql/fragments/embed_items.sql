-- Every item of an embed task: the captions of the view.
{{task_seeds}} AND t.stage = 'embed'
{{run_view}}
LEFT JOIN embeddings d ON d.shard_id = $1 AND d.seed_id = s.seed_id AND d.caption_hash = c.hash
    AND d.encoder_id = r.encoder_id
LEFT JOIN failures f ON f.shard_id = $1 AND f.run_id = $2::uuid AND f.stage = 'representations'
    AND f.seed_id = s.seed_id AND f.item = encode(c.hash, 'hex')
