-- What transfer_json and transfer_columns need beside transfer t and dataset d.
JOIN encoders e ON e.encoder_id = t.encoder_id
LEFT JOIN moments m ON m.moments_id = t.moments_id
LEFT JOIN moments i ON i.moments_id = t.image_moments_id
CROSS JOIN LATERAL (SELECT replace(t.transfer_id::text, '-', '') AS id OFFSET 0) n
CROSS JOIN LATERAL (SELECT n.id, '/v1/datasets/' || d.name || '/transfers/' || n.id AS path,
                           '/v1/datasets/' || d.name || '/transfers/' || n.id || '/files/' AS files
                    OFFSET 0) w
