-- Claims an Idempotency-Key, or says what became of it. $1 caller, $2 path, $3 key, $4 SHA-256 of the
-- body, $5 token of this attempt, $6 the dataset that the path names or NULL. One row: claimed, busy,
-- answered or reused (for another body); dataset; status, Location, Retry-After and body of the answer;
-- then 32 bytes as hex digits that ids of what this request makes are taken from, today's and
-- yesterday's. None without the dataset. An attempt that has not answered within 60 s has lost its
-- claim, and so has an answer that was too long to be kept.
WITH target AS (
    SELECT d.number AS dataset FROM datasets d WHERE {{mine}} AND d.name = $6::text
    UNION ALL
    SELECT 0 WHERE $6::text IS NULL
), claimed AS (
    INSERT INTO idempotency AS i (owner, dataset, path, key, request, token, created_at, attempted_at)
    SELECT {{owner}}, dataset, $2::text, $3::text, $4::bytea, $5::text, now(), now() FROM target
    ON CONFLICT (owner, dataset, path, key) DO UPDATE
    SET request = excluded.request, token = excluded.token, attempted_at = excluded.attempted_at,
        created_at = CASE WHEN i.created_at <= excluded.created_at - interval '24 hours'
                          THEN excluded.created_at ELSE i.created_at END,
        status = NULL, location = NULL, retry_after = NULL, body = NULL
    WHERE i.token = excluded.token
       OR i.created_at <= excluded.created_at - interval '24 hours'
       OR (i.request = excluded.request
           AND CASE WHEN i.status IS NULL
                    THEN i.attempted_at <= excluded.attempted_at - interval '60 seconds'
                    ELSE i.body IS NULL END)
    RETURNING 1
)
SELECT CASE WHEN EXISTS (SELECT FROM claimed) THEN 'claimed'
            WHEN i.request <> $4::bytea THEN 'reused'
            WHEN i.body IS NULL THEN 'busy'
            ELSE 'answered' END,
       t.dataset, i.status, i.location, i.retry_after, i.body, id.today, id.yesterday
FROM target t
     LEFT JOIN idempotency i ON i.owner = {{owner}} AND i.dataset = t.dataset AND i.path = $2::text
                                AND i.key = $3::text
     CROSS JOIN LATERAL (
         SELECT max(hex) FILTER (WHERE n = 0) AS today, max(hex) FILTER (WHERE n = 1) AS yesterday
         FROM (SELECT n, encode(sha256(convert_to(concat_ws(
                          chr(10), 'idempotency', {{owner}}, t.dataset, $2::text, $3::text,
                          encode($4::bytea, 'hex'),
                          floor(extract(epoch FROM now()) / 86400)::bigint - n), 'UTF8')), 'hex') AS hex
               FROM generate_series(0, 1) n) h) id
