-- Adds rows to the audit log; those that are there already stay as they are. By position: $1 id, $2 time in
-- microseconds, $3 owner, $4 operation, $5 outcome, $6 reason, $7 status or 0, $8 key, $9 client, $10
-- request, $11 resource, $12 location, $13 count; texts that are not known are NULL.
INSERT INTO audit (audit_id, at, owner, source, operation, outcome, reason, status, key_id, client,
                   request_id, resource, location, count)
SELECT u.id, 'epoch'::timestamptz + u.at * interval '1 microsecond', u.owner, 'http', u.operation, u.outcome,
       u.reason, nullif(u.status, 0), u.key_id, u.client, u.request_id, u.resource, u.location, u.count
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[],
            $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[])
    AS u (id, at, owner, operation, outcome, reason, status, key_id, client, request_id, resource, location, count)
ON CONFLICT (audit_id) DO NOTHING
