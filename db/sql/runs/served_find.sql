-- What the server behind a provider called its model within the last ten minutes ($1 provider,
-- $2 model); no row when nobody has asked it since.
SELECT s.served FROM served_models s
WHERE s.provider = $1::text AND s.model = $2::text AND s.seen_at > now() - interval '10 minutes'
