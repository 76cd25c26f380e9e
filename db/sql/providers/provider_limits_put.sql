-- Sets the limits of a provider ($1 name, $2 max_in_flight, $3 rpm, $4 tpm, each NULL for what the
-- configuration says).
INSERT INTO provider_limits (provider, max_in_flight, rpm, tpm)
VALUES ($1::text, $2::integer, $3::integer, $4::bigint)
ON CONFLICT (provider) DO UPDATE
SET max_in_flight = EXCLUDED.max_in_flight, rpm = EXCLUDED.rpm, tpm = EXCLUDED.tpm,
    updated_at = EXCLUDED.updated_at
RETURNING 1
