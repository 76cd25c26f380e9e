-- Embeddings of shard $1, of run $2 or NULL, by encoder. Rows: its name, number, tokens, first and
-- last time in microseconds, those of truncated texts.
-- result: binary
SELECT n.name, e.rows, e.tokens_in, (extract(epoch FROM e.first_at) * 1000000)::bigint,
       (extract(epoch FROM e.last_at) * 1000000)::bigint, e.truncated
FROM (SELECT encoder_id, count(*) AS rows, sum(tokens_in) AS tokens_in, min(created_at) AS first_at,
             max(created_at) AS last_at, count(*) FILTER (WHERE truncated) AS truncated
      FROM embeddings
      WHERE shard_id = $1 AND ($2::uuid IS NULL OR run_id = $2)
      GROUP BY encoder_id) e
JOIN encoders n ON n.encoder_id = e.encoder_id
