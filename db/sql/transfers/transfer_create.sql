-- Prepares a transfer, or finds the one of the same method, parameters, moments and encoder. $1 caller,
-- $2 name, $3 method, $4 parameters, $5 encoder name or NULL, $6 text moments or NULL for the newest,
-- image moments by $7 label or NULL, $8 version or NULL for the newest, $9 id or NULL; $10 whether they
-- are needed, $11 ready, or preparing when a task has to read the embeddings. One row: JSON, id, then
-- what the steps follow from, all NULL when nothing could be made or another request has just made it;
-- then whether there are text moments, whether there are image moments, why the newest transfer that
-- failed did. No row without the dataset.
WITH {{dataset}}, text AS (
    SELECT m.moments_id, m.encoder_id
    FROM moments m JOIN encoders e ON e.encoder_id = m.encoder_id
    WHERE m.side = 'text' AND m.dataset = (SELECT number FROM ds)
      AND ($5::text IS NULL OR e.name = $5) AND ($6::uuid IS NULL OR m.moments_id = $6)
    ORDER BY m.created_at DESC, m.moments_id
    LIMIT 1
), image AS (
    SELECT m.moments_id
    FROM moments m, text
    WHERE $10::boolean AND m.side = 'image' AND m.encoder_id = text.encoder_id
      AND ($7::text IS NULL OR m.label = $7) AND ($8::integer IS NULL OR m.version = $8)
      AND ($9::uuid IS NULL OR m.moments_id = $9)
    ORDER BY m.version DESC
    LIMIT 1
), bound AS (
    SELECT ds.number AS dataset, text.encoder_id, text.moments_id, image.moments_id AS image_id
    FROM ds CROSS JOIN text LEFT JOIN image ON true
    WHERE NOT $10::boolean OR image.moments_id IS NOT NULL
), there AS (
    SELECT t.*
    FROM transfers t JOIN bound b ON t.dataset = b.dataset AND t.encoder_id = b.encoder_id
    WHERE t.method = $3::text AND t.parameters = $4::text::jsonb AND t.moments_id = b.moments_id
      AND t.image_moments_id IS NOT DISTINCT FROM b.image_id
    ORDER BY t.created_at, t.transfer_id
    LIMIT 1
), made AS (
    INSERT INTO transfers (transfer_id, dataset, encoder_id, method, parameters, moments_id,
                           image_moments_id, state, finished_at, sequence)
    SELECT encode(substr(sha256(convert_to(concat_ws('|', 'transfer', b.dataset, b.encoder_id, $3::text,
                                                     $4::text::jsonb, b.moments_id, b.image_id),
                                           'UTF8')), 1, 16), 'hex')::uuid,
           b.dataset, b.encoder_id, $3::text, $4::text::jsonb, b.moments_id, b.image_id, $11::text,
           CASE WHEN $11::text = 'ready' THEN now() END,
           (SELECT coalesce(max(o.sequence), 0) + 1 FROM transfers o WHERE o.dataset = b.dataset)
    FROM bound b
    WHERE NOT EXISTS (SELECT FROM there)
    ON CONFLICT DO NOTHING
    RETURNING *
), t AS (
    SELECT * FROM there UNION ALL SELECT * FROM made
), task AS (
    INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at)
    SELECT t.dataset * 65536, t.transfer_id, 'prepare', '00000000-0000-0000-0000-000000000000',
           'ffffffff-ffff-ffff-ffff-ffffffffffff', t.dataset, now()
    FROM t WHERE t.state = 'preparing'
    ON CONFLICT DO NOTHING
)
SELECT p.*, EXISTS (SELECT FROM text), EXISTS (SELECT FROM image),
       (SELECT f.reason FROM transfers f WHERE f.dataset = ds.number AND f.state = 'failed'
        ORDER BY f.created_at DESC LIMIT 1)
FROM ds LEFT JOIN LATERAL (
    SELECT {{transfer_json}}::text AS item, w.id AS key, {{transfer_columns}}
    FROM t CROSS JOIN (SELECT ds.name) d {{transfer_parts}}) p ON true
