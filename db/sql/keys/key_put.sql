-- Stores a key. $1 caller, $2 id, $3 name, $4 hash, $5 scopes, $6 datasets or NULL, $7 seconds until it
-- expires or NULL, $8 the id that the same request would have had yesterday or NULL, limits of
-- $9 requests, $10 seeds and $11 runs, each or NULL. One row: JSON, id,
-- whether the key was there and so has another hash. A unique violation means that the same request has
-- just made it: to be repeated.
WITH there AS (
    SELECT o.* FROM keys o
    WHERE o.owner = {{owner}}
      AND (o.key_id = $2::text
           OR (o.key_id = $8::text AND o.created_at > now() - interval '24 hours'))
), made AS (
    INSERT INTO keys (key_id, owner, name, hash, scopes, datasets, expires_at, requests_per_minute,
                      seeds_per_day, runs_in_flight)
    SELECT $2::text, {{owner}}, $3::text, $4::bytea, $5::text[], $6::text[],
           now() + $7::bigint * interval '1 second', $9::integer, $10::integer, $11::integer
    WHERE NOT EXISTS (SELECT FROM there)
    RETURNING *
), k AS (
    SELECT * FROM there UNION ALL SELECT * FROM made
)
SELECT {{key_json}}::text, k.key_id, k.hash <> $4::bytea FROM k
