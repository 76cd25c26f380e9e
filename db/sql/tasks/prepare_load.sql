-- result: binary
-- What the preparation of a transfer needs ($1 run of its task: the transfer itself, or the run that
-- wants it): transfer id, its moments, dimension, mean and trace of the texts, mean and trace of the
-- images, shards. No row when nothing is left to prepare.
SELECT t.transfer_id, t.moments_id, e.dimension, m.mean, m.trace, i.mean, i.trace, d.shards
FROM transfers t
JOIN encoders e ON e.encoder_id = t.encoder_id
JOIN moments m ON m.moments_id = t.moments_id
JOIN moments i ON i.moments_id = t.image_moments_id
JOIN datasets d ON d.number = t.dataset
WHERE (t.transfer_id = $1::uuid OR t.run_id = $1::uuid) AND t.state = 'preparing'
LIMIT 1
