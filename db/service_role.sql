-- Makes the role that serves, for the administrator of a database, or gives it another password:
--   SERVICE_PASSWORD=… psql --no-psqlrc --file=db/service_role.sql postgresql://…
-- It may log in, and `monoceros migrate` with service_role=monoceros_service gives it the rest.
\set ON_ERROR_STOP on
\getenv password SERVICE_PASSWORD
SELECT 'CREATE ROLE monoceros_service LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'monoceros_service')
\gexec
ALTER ROLE monoceros_service NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'password';
