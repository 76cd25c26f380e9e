-- Stores a key that may do what another one may, for as long, and lets that one expire. $1 caller,
-- $2 the other one, $3 id, $4 hash, $5 seconds for which the other one can still be used. One row:
-- whether the other one could still be used, and JSON if so; no row without it.
WITH old AS (
    SELECT o.*, o.revoked_at IS NULL AND (o.expires_at IS NULL OR o.expires_at > now()) AS usable
    FROM keys o WHERE o.key_id = $2::text AND o.owner = {{owner}}
    FOR UPDATE
), k AS (
    INSERT INTO keys (key_id, owner, name, hash, scopes, datasets, rotated_from, expires_at,
                      requests_per_minute, seeds_per_day, runs_in_flight)
    SELECT $3::text, owner, name, $4::bytea, scopes, datasets, key_id,
           now() + (expires_at - created_at), requests_per_minute, seeds_per_day, runs_in_flight
    FROM old WHERE usable
    RETURNING *
), ending AS (
    UPDATE keys e
    SET expires_at = least(e.expires_at, now() + $5::bigint * interval '1 second')
    FROM old WHERE e.key_id = old.key_id AND old.usable
)
SELECT old.usable, (SELECT {{key_json}}::text FROM k) FROM old
