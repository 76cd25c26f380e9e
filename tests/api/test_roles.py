"""The role that serves owns nothing, may do what the statements need, and no more."""
import os
import subprocess

import pytest

from conftest import unique_name
from support import rights
from support.client import Api
from support.cluster import Database, DatabaseError
from support.dataset import Dataset
from support.seeds import generate
from support.server import ROOT, run, sanitized
from support.wait import until

SERVICE = "monoceros_service"
# Every table of the service, whoever may do what with it.
TABLES = """SELECT c.relname AS name, c.relkind = 'S' AS sequence FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S', 'v', 'm')
            ORDER BY 1"""
FUNCTIONS = """SELECT proname || '(' || pg_get_function_identity_arguments(oid) || ')' AS name FROM pg_proc
               WHERE pronamespace = 'public'::regnamespace"""
FORBIDDEN = [
    "CREATE TABLE mine (n integer)", "CREATE TEMP TABLE mine (n integer)", "CREATE SCHEMA mine",
    "CREATE VIEW mine AS SELECT 1", "CREATE SEQUENCE mine", "CREATE TYPE mine AS (n integer)",
    "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE INDEX mine ON seeds (text)", "CREATE ROLE mine", "CREATE DATABASE mine", "CREATE LANGUAGE mine HANDLER plpgsql_call_handler",
    "ALTER TABLE seeds ADD COLUMN mine text", "ALTER TABLE seeds OWNER TO monoceros_service",
    "ALTER TABLE seeds DISABLE TRIGGER ALL", "ALTER TABLE datasets RENAME TO mine",
    "ALTER ROLE monoceros_service SUPERUSER", "ALTER ROLE monoceros PASSWORD 'mine'", "ALTER SYSTEM SET jit = on",
    "DROP TABLE seeds", "DROP SEQUENCE dataset_numbers", "DROP SCHEMA public CASCADE", "DROP DATABASE postgres",
    "DROP INDEX datasets_owner_name", "TRUNCATE seeds", "TRUNCATE schema_migrations", "BEGIN; LOCK TABLE keys",
    "SET ROLE monoceros",
    "SET SESSION AUTHORIZATION monoceros", "SET session_replication_role = replica", 
    "CLUSTER seeds USING seeds_pkey", "REINDEX TABLE seeds", "COMMENT ON TABLE seeds IS 'mine'",
    "CREATE TRIGGER mine BEFORE INSERT ON seeds EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE POLICY mine ON seeds", "CREATE RULE mine AS ON INSERT TO seeds DO INSTEAD NOTHING",
    "COPY seeds TO PROGRAM 'cat'", "COPY seeds TO '/tmp/mine'", "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')", "SELECT rolpassword FROM pg_authid", "SELECT setval('dataset_numbers', 1)",
    "INSERT INTO schema_migrations (version, name) VALUES (9999, 'mine')", "DELETE FROM schema_migrations",
    "UPDATE schema_migrations SET version = 0", "INSERT INTO tickers (name) VALUES ('mine')",
    "DELETE FROM keys", "UPDATE keys SET scopes = '{admin}'", "UPDATE keys SET hash = ''", "UPDATE keys SET owner = ''",
    "UPDATE captions SET text = 'mine'", "UPDATE seeds SET text = 'mine'", "UPDATE datasets SET owner = 'mine'",
    "DELETE FROM datasets", "DELETE FROM runs", "UPDATE recipes SET settings = '{}'", "DELETE FROM recipes",
    "UPDATE embeddings SET vector = ''", "UPDATE review_verdicts SET verdict = 'accepted'",
    "UPDATE moments SET trace = 0", "DELETE FROM audit", "UPDATE audit SET owner = ''", "TRUNCATE audit",
    "UPDATE prompts SET template = 'mine'",
]


def as_service(database, sql):
    return database.cluster.psql(sql, database.name, role=SERVICE)


@pytest.fixture(scope="module")
def migrated(cluster):
    """A database with both roles and nobody on it."""
    made = Database(cluster)
    migrate(made)
    return made


def migrate(database, role=SERVICE, **more):
    done = run("migrate", MONOCEROS_DATABASE_URL=database.url, MONOCEROS_SERVICE_ROLE=role, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_forbidden(migrated, statement):
    with pytest.raises(DatabaseError) as refused:
        as_service(migrated, statement)
    said = str(refused.value)
    assert "permission denied" in said or "must be owner" in said or "must be superuser" in said \
        or "not have permission" in said, said


def test_it_hands_nothing_on(migrated):
    """PostgreSQL only warns of this."""
    before = migrated.value("SELECT json_agg(relacl::text ORDER BY oid) FROM pg_class")
    as_service(migrated, "GRANT SELECT ON keys TO PUBLIC; REVOKE ALL ON keys FROM monoceros")
    assert migrated.value("SELECT json_agg(relacl::text ORDER BY oid) FROM pg_class") == before


def test_it_owns_nothing(migrated):
    assert migrated.value(f"SELECT count(*) FROM pg_shdepend WHERE refobjid = '{SERVICE}'::regrole "
                          "AND deptype = 'o'") == 0
    role, = migrated.query(f"SELECT * FROM pg_roles WHERE rolname = '{SERVICE}'")
    assert not any(role[flag] for flag in ("rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication",
                                           "rolbypassrls"))
    assert migrated.value(f"SELECT count(*) FROM pg_auth_members WHERE member = '{SERVICE}'::regrole") == 0


def test_every_object_has_its_decision(migrated):
    there = {row["name"] for row in migrated.query(TABLES) + migrated.query(FUNCTIONS)}
    assert rights.named(migrated) == there


def test_what_was_decided_is_what_there_is(migrated):
    """No other right, of no other object, and none for everybody."""
    held = migrated.query(f"""
        SELECT c.relname AS name, a.privilege_type AS privilege FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.relnamespace = 'public'::regnamespace AND a.grantee IN (0, '{SERVICE}'::regrole)
        UNION ALL
        SELECT c.relname, format('%s (%s)', x.privilege_type, a.attname)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) x
        WHERE c.relnamespace = 'public'::regnamespace AND x.grantee IN (0, '{SERVICE}'::regrole)
        UNION ALL
        SELECT proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', a.privilege_type
        FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        WHERE p.pronamespace = 'public'::regnamespace AND a.grantee IN (0, '{SERVICE}'::regrole)""")
    assert {(h["name"], h["privilege"]) for h in held} == {
        (r["name"], r["privilege"]) for r in rights.decided(migrated)}


@pytest.mark.skipif(sanitized(), reason="PostgreSQL alone is at work here")
def test_no_right_is_there_for_nothing(migrated):
    decided = [r for r in rights.decided(migrated)
               if r["name"] != "schema_migrations" and r["kind"] != "SEQUENCE"]
    assert rights.unused(migrated, decided) == []
    spare = {"kind": "TABLE", "name": "keys", "privilege": "DELETE"}
    migrated.execute(f"GRANT DELETE ON keys TO {SERVICE}")
    assert rights.unused(migrated, [spare]) == ["DELETE on keys"]
    migrate(migrated)


def test_everybody_elses_rights(migrated):
    """In a database of ours."""
    migrated.cluster.execute("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN", migrated.name)
    for statement in ("SELECT 1 FROM public.seeds", "CREATE TABLE public.mine ()", "CREATE TEMP TABLE mine ()"):
        with pytest.raises(DatabaseError, match="permission denied"):
            migrated.cluster.psql(statement, migrated.name, role="stranger")


def test_migrating_again_mends_rights(migrated):
    migrated.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {SERVICE}; GRANT CREATE ON SCHEMA public TO "
                     f"{SERVICE}; REVOKE INSERT ON seeds FROM {SERVICE}")
    as_service(migrated, "CREATE TABLE mine (n integer)")
    as_service(migrated, "DROP TABLE mine")
    assert f"0 migrations applied, rights given to {SERVICE}" in migrate(migrated)
    test_what_was_decided_is_what_there_is(migrated)
    assert as_service(migrated, "SELECT has_schema_privilege('public', 'CREATE')").strip() == "f"


def test_without_a_role_nothing_is_given(cluster):
    database = Database(cluster)
    done = run("migrate", MONOCEROS_DATABASE_URL=database.url)
    assert done.returncode == 0 and b"rights" not in done.stdout
    assert database.value("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                          "AND relacl IS NOT NULL") == 0


@pytest.mark.parametrize("role, told", [
    ("nobody_like_that", b'there is no role "nobody_like_that"'), ("monoceros", b"who migrates"),
    ("postgres", b"can become that"), ("member", b"can become that"), ('x"; DROP TABLE keys; --', b"there is no role")])
def test_roles_that_are_refused(cluster, migrated, role, told):
    cluster.execute("DROP ROLE IF EXISTS member; CREATE ROLE member LOGIN IN ROLE monoceros", migrated.name)
    done = run("migrate", MONOCEROS_DATABASE_URL=migrated.url, MONOCEROS_SERVICE_ROLE=role)
    assert done.returncode == 1 and told in done.stderr
    migrated.value("SELECT count(*) FROM keys")


def test_a_role_whose_name_needs_quotes(cluster):
    database = Database(cluster)
    cluster.execute('DROP ROLE IF EXISTS "It\'s ""one"""; CREATE ROLE "It\'s ""one""" LOGIN', database.name)
    migrate(database, role='It\'s "one"')
    assert database.value("SELECT has_table_privilege('It''s \"one\"', 'keys', 'INSERT')")


def test_tables_in_a_schema_of_their_own(cluster, new_server):
    database = Database(cluster)
    cluster.execute(f"""CREATE SCHEMA "Of Mine" AUTHORIZATION monoceros;
                        ALTER DATABASE {database.name} SET search_path = "Of Mine";""", database.name)
    server = new_server(database=database)
    dataset = Dataset(Api(server.base), unique_name("schema"))
    dataset.load(generate(10))
    dataset.run()
    assert len(dataset.captions()) == 10


def test_the_log_says_who_serves(new_server):
    server = new_server()
    assert b'"event":"database_role","role":"monoceros_service"' in server.log()
    assert b"can change the schema" not in server.log()
    owner = new_server(MONOCEROS_DATABASE_URL=server.database.url, database=server.database)
    assert b"can change the schema" in owner.log()


def test_a_server_without_its_rights_waits_for_them(cluster, new_server):
    database = Database(cluster)
    run("migrate", MONOCEROS_DATABASE_URL=database.url)
    server = new_server(start=False, database=database)
    server.start(ready=False)
    api = Api(server.base)
    until(lambda: b"rights_missing" in server.log(), "the server to say what it lacks")
    assert b"lacks" in server.log() and b"service_role=monoceros_service" in server.log()
    answer = api.request("GET", "/readyz")
    assert answer.status == 503 and "lacks rights" in answer.json()["detail"]
    assert api.call("list_datasets", expect=503).headers["Retry-After"]
    server.migrate()
    server.wait_ready()
    api.call("list_datasets")


def test_a_server_that_cannot_see_the_schema(cluster, new_server):
    database = Database(cluster)
    run("migrate", MONOCEROS_DATABASE_URL=database.url)
    database.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    server = new_server(start=False, database=database)
    server.start(ready=False)
    until(lambda: b"lacks USAGE on the schema" in server.log(), "the server to say what it lacks")
    server.migrate()
    server.wait_ready()


def test_somebody_elses_schema(cluster, new_server):
    """What it cannot see there is not ours, whatever its name."""
    database = Database(cluster)
    cluster.execute("CREATE SCHEMA theirs; CREATE TABLE theirs.schema_migrations (); "
                    "CREATE TABLE theirs.dataset_recipes ()", database.name)
    assert b"rights_missing" not in new_server(database=database).log()


def test_a_right_that_goes_while_it_serves(new_server):
    """It is the operator's to mend, and clients may come again."""
    server = new_server()
    server.database.execute(f"REVOKE SELECT ON datasets FROM {SERVICE}")
    answer = Api(server.base).call("list_datasets", expect=503)
    assert "run `monoceros migrate`" in answer.json()["detail"] and answer.headers["Retry-After"]
    server.migrate()
    assert Api(server.base).request("GET", "/v1/datasets").status == 200


def test_the_script_that_makes_it(cluster):
    """As docker-compose.yml and administrators run it: again, and with any password."""
    database = Database(cluster)
    cluster.execute("ALTER ROLE monoceros_service CREATEDB", database.name)
    cluster.execute("CREATE ROLE monoceros_admin SUPERUSER LOGIN", database.name)
    url = cluster.url(database.name, "monoceros_admin")
    for password in ("it's \\ \"one\"", "another"):
        done = subprocess.run(["psql", "--no-psqlrc", "--quiet", f"--file={ROOT / 'db/service_role.sql'}", url],
                              env={**os.environ, "SERVICE_PASSWORD": password}, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 0, done.stderr
    assert database.value(f"SELECT rolcreatedb FROM pg_roles WHERE rolname = '{SERVICE}'") is False
    fresh = (ROOT / "db/service_role.sql").read_text(encoding="utf-8").replace(SERVICE, "made_by_script")
    subprocess.run(["psql", "--no-psqlrc", "--quiet", url], input=fresh.encode(), check=True,
                   env={**os.environ, "SERVICE_PASSWORD": "x"})
    assert database.value("SELECT rolcanlogin AND NOT rolsuper FROM pg_roles WHERE rolname = 'made_by_script'")


def test_keys_by_the_role_that_serves(new_server):
    server = new_server(start=False)
    done = run("keys", "create", "--name", "x", "--scopes", "read", **server.settings)
    assert done.returncode == 1
    server.migrate()
    assert run("keys", "create", "--name", "x", "--scopes", "read", **server.settings).returncode == 0
