-- Page of the audit log, newest first. $1 caller, key: $2 time in microseconds, $3 id; $4 key that was used
-- or is what it was about, $5 operation, $6 outcome, $7 from, $8 to, all NULL for any; $9 rows. Rows: JSON,
-- key.
SELECT json_strip_nulls(json_build_object(
           'id', replace(a.audit_id::text, '-', ''),
           'at', to_char(a.at AT TIME ZONE 'UTC', {{utc}}),
           'source', a.source,
           'operation', a.operation,
           'outcome', a.outcome,
           'reason', a.reason,
           'status', a.status,
           'key', a.key_id,
           'client', a.client,
           'request_id', a.request_id,
           'resource', a.resource,
           'location', a.location,
           'count', a.count))::text,
       concat_ws('|', (extract(epoch FROM a.at) * 1000000)::bigint, a.audit_id)
FROM audit a
WHERE a.owner = {{owner}}
  AND (a.at, a.audit_id) < ('epoch'::timestamptz + $2::bigint * interval '1 microsecond', $3::uuid)
  AND ($4::text IS NULL OR a.key_id = $4 OR a.location = '/v1/keys/' || $4
       OR a.resource IN ('/v1/keys/' || $4, '/v1/keys/' || $4 || '/rotate'))
  AND ($5::text IS NULL OR a.operation = $5)
  AND ($6::text IS NULL OR a.outcome = $6)
  AND ($7::timestamptz IS NULL OR a.at >= $7)
  AND ($8::timestamptz IS NULL OR a.at < $8)
ORDER BY a.at DESC, a.audit_id DESC
LIMIT $9::bigint
