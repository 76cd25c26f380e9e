-- result: binary
-- A vector of a prepared transfer. $1 caller, $2 name, $3 id, $4 text_mean, image_mean or center. One
-- row: state, dimension, vector or NULL; state is NULL when there is no such transfer; no row without
-- the dataset.
WITH {{dataset}}
SELECT p.*
FROM ds LEFT JOIN LATERAL (
    SELECT t.state, e.dimension,
           CASE $4::text WHEN 'text_mean' THEN m.mean WHEN 'image_mean' THEN i.mean
                         ELSE t.center END AS vector
    FROM transfers t
    JOIN encoders e ON e.encoder_id = t.encoder_id
    LEFT JOIN moments m ON m.moments_id = t.moments_id
    LEFT JOIN moments i ON i.moments_id = t.image_moments_id
    WHERE t.dataset = ds.number AND t.transfer_id = $3::uuid) p ON true
