-- A prepared transfer t with what applying it takes, as prepared_take reads it.
replace(t.transfer_id::text, '-', '') AS transfer_id, t.method,
       replace(m.moments_id::text, '-', '') AS moments_id, m.mean,
       replace(e.encoder_id::text, '-', '') AS encoder_id, e.name, e.kind, e.model,
       e.dimension, t.parameters::text, replace(i.moments_id::text, '-', '') AS image_id,
       i.mean AS image_mean, t.scale, t.center
FROM transfers t
     JOIN encoders e ON e.encoder_id = t.encoder_id
     LEFT JOIN moments m ON m.moments_id = t.moments_id
     LEFT JOIN moments i ON i.moments_id = t.image_moments_id
