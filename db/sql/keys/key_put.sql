-- Stores a key. $1 caller, $2 id, $3 name, $4 hash, $5 scopes, $6 datasets or NULL, $7 seconds until it
-- expires or NULL. One row: JSON.
WITH k AS (
    INSERT INTO keys (key_id, owner, name, hash, scopes, datasets, expires_at)
    VALUES ($2::text, {{owner}}, $3::text, $4::bytea, $5::text[], $6::text[],
            now() + $7::bigint * interval '1 second')
    RETURNING *
)
SELECT {{key_json}}::text FROM k
