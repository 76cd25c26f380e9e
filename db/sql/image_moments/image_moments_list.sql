-- Page of an encoder's image moments by label, the newest version first, over all versions of the
-- encoder. $1 encoder, key: $2 label, $3 version to stay below, $4 encoder version; $5 label or NULL,
-- $6 rows. Rows: JSON, key. One row of NULLs for an empty page, none when nobody has used the encoder.
SELECT p.item, p.key
FROM (SELECT 1 WHERE EXISTS (SELECT FROM encoders WHERE name = $1::text)) known
LEFT JOIN LATERAL (
    SELECT {{image_moments_json}}::text AS item,
           concat_ws('|', m.version, m.encoder_id, m.label) AS key
    FROM encoders e JOIN moments m ON m.encoder_id = e.encoder_id AND m.side = 'image'
    WHERE e.name = $1::text AND ($5::text IS NULL OR m.label = $5)
      AND (m.label, -m.version, m.encoder_id) > ($2::text, -($3::bigint), $4::uuid)
    ORDER BY m.label, m.version DESC, m.encoder_id
    LIMIT $6::bigint) p ON true
