-- What the server behind a provider calls its model now ($1 provider, $2 model, $3 served).
INSERT INTO served_models (provider, model, served) VALUES ($1, $2, $3)
ON CONFLICT (provider, model) DO UPDATE SET served = EXCLUDED.served, seen_at = EXCLUDED.seen_at
