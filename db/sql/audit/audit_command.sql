-- Notes what was done on the command line. $1 caller, $2 operation, $3 resource, $4 what was made, as a
-- path, or NULL.
INSERT INTO audit (audit_id, at, owner, source, operation, outcome, resource, location)
VALUES (gen_random_uuid(), now(), {{owner}}, 'command', $2::text, 'done', $3::text, $4::text)
