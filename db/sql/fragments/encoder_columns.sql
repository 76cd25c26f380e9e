-- What is compared of an encoder version n.
encode(uuid_send(n.encoder_id), 'hex'), n.dimension, n.version, n.probes,
coalesce(n.cosine < 0.9995, false)
