-- What the key with id $1 may do; its use is noted to the minute when it is the one with hash $2. One
-- row: hash as hex digits, caller, scopes separated by commas, whether it was revoked, seconds until it
-- expires or NULL, then its limits of requests, seeds and runs, each or NULL; none without the key.
WITH used AS (
    UPDATE keys SET last_used_at = now()
    WHERE key_id = $1::text AND hash = $2::bytea AND revoked_at IS NULL
      AND (expires_at IS NULL OR expires_at > now())
      AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
)
SELECT encode(k.hash, 'hex'), (ARRAY[k.owner] || coalesce(k.datasets, '{}'))::text,
       array_to_string(k.scopes, ','), k.revoked_at IS NOT NULL, extract(epoch FROM k.expires_at - now()),
       k.requests_per_minute, k.seeds_per_day, k.runs_in_flight
FROM keys k
WHERE k.key_id = $1::text
