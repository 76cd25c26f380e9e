-- A new version of a label's image moments. $1 id, $2 encoder, $3 label, $4 count, $5 mean, $6 trace,
-- $7 source, $8 sample or NULL, if the id of the newest version is what $9 and $10 ask for. One row: JSON,
-- also when the same id was put before; none when it is not. A unique violation means that another
-- request took the version: to be repeated.
WITH asked AS (
    SELECT $9::text[] AS match, $10::text[] AS none
), newest AS (
    SELECT o.version, encode(uuid_send(o.moments_id), 'hex') AS tag
    FROM moments o
    WHERE o.side = 'image' AND o.encoder_id = $2::uuid AND o.label = $3::text
    ORDER BY o.version DESC
    LIMIT 1
), made AS (
    INSERT INTO moments (moments_id, encoder_id, side, view, count, mean, trace, label, version,
                         source, sample)
    SELECT $1::uuid, $2::uuid, 'image', '{}', $4::bigint, $5::float8[], $6::float8, $3::text,
           coalesce((SELECT version FROM newest), 0) + 1, $7::text, $8::bytea
    FROM (SELECT (SELECT tag FROM newest) AS tag) x
    WHERE {{precondition}}
    ON CONFLICT (moments_id) DO NOTHING
    RETURNING *
)
SELECT {{image_moments_json}}::text
FROM (SELECT * FROM made UNION ALL SELECT * FROM moments WHERE moments_id = $1::uuid) m
JOIN encoders e ON e.encoder_id = m.encoder_id
