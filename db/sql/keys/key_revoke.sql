-- Takes a key back, once and for all. $1 caller, $2 key. One row: JSON; none without the key.
WITH k AS (
    UPDATE keys SET revoked_at = coalesce(revoked_at, now())
    WHERE key_id = $2::text AND owner = {{owner}}
    RETURNING *
)
SELECT {{key_json}}::text FROM k
