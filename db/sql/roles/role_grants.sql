-- The commands that give role $1 what the service needs and nothing else, in their order. Of the schema
-- and the database everybody's rights go too, if these belong to the caller. Rows: command, whether the
-- role can become the caller, the caller; none without the role.
WITH r AS (
    SELECT rolname AS name, pg_has_role(oid, current_user, 'MEMBER') AS is_owner
    FROM pg_roles WHERE rolname = $1::text
), d AS (
    SELECT datname AS name, datdba::regrole::text = quote_ident(current_user) AS ours
    FROM pg_database WHERE datname = current_database()
), s AS (
    SELECT n.nspname AS name, n.nspowner::regrole::text = quote_ident(current_user)
                              OR n.nspowner::regrole::text = 'pg_database_owner' AND d.ours AS ours
    FROM pg_namespace n, d WHERE n.nspname = current_schema()
)
SELECT c.command, r.is_owner, current_user
FROM r, LATERAL (
    SELECT 1, format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC, %I', d.name, r.name)
    FROM d WHERE d.ours
    UNION ALL
    SELECT 2, format('REVOKE ALL ON SCHEMA %I FROM PUBLIC, %I', s.name, r.name) FROM s WHERE s.ours
    UNION ALL
    SELECT 3, format('GRANT USAGE ON SCHEMA %I TO %I', s.name, r.name) FROM s WHERE s.ours
    UNION ALL
    SELECT 4, format('REVOKE ALL ON %s %s FROM %I', o.kind, o.written, r.name)
    FROM {{granted_objects}} o
    UNION ALL
    SELECT 5, format('GRANT %s ON %s %s TO %I', o.privileges, o.kind, o.written, r.name)
    FROM {{granted_objects}} o WHERE o.privileges <> ''
    UNION ALL
    SELECT 6, format('GRANT UPDATE (%s) ON %s %s TO %I', o.columns, o.kind, o.written, r.name)
    FROM {{granted_objects}} o WHERE o.columns <> ''
) c (place, command)
ORDER BY c.place, c.command
