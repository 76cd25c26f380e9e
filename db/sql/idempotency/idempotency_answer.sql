-- Keeps the answer to a request with an Idempotency-Key. $1 caller, $2 dataset, $3 path, $4 key,
-- $5 token of the attempt, $6 status, $7 Location, $8 Retry-After and $9 body, each or NULL.
UPDATE idempotency
SET status = $6::integer, location = $7::text, retry_after = $8::text, body = $9::text
WHERE owner = {{owner}} AND dataset = $2::bigint AND path = $3::text AND key = $4::text
  AND token = $5::text
