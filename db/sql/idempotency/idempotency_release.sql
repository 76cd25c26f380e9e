-- Gives an Idempotency-Key free whose request has changed nothing. $1 caller, $2 dataset, $3 path,
-- $4 key, $5 token of the attempt.
DELETE FROM idempotency
WHERE owner = {{owner}} AND dataset = $2::bigint AND path = $3::text AND key = $4::text
  AND token = $5::text
