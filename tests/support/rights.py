"""What the role that serves may do, tried on the program's own statements."""
import json

from support.server import ROOT
from support.statements import load

# One session: PREPARE asks for no rights, EXPLAIN EXECUTE asks for all that running would, but for those
# of defaults.
TRY = """
CREATE TEMP TABLE tried (kind text, name text, privilege text, used boolean);
DO $do$
DECLARE
    calls text[] := (SELECT array_agg(format('EXPLAIN EXECUTE %I%s', p.name, CASE WHEN p.parameter_types = '{}'
                                      THEN '' ELSE format('(%s)', (SELECT string_agg('NULL', ',')
                                                                   FROM unnest(p.parameter_types))) END)
                                      ORDER BY p.name)
                     FROM pg_prepared_statements p);
    texts text[] := (SELECT array_agg(p.statement ORDER BY p.name) FROM pg_prepared_statements p);
    r record;
    used boolean;
BEGIN
    FOR r IN SELECT * FROM rights LOOP
        EXECUTE format('REVOKE %s ON %s %s FROM monoceros_service', r.privilege, r.kind, r.name);
        used := false;
        SET LOCAL ROLE monoceros_service;
        FOR i IN 1 .. array_length(calls, 1) LOOP
            CONTINUE WHEN strpos(texts[i], split_part(r.name, '(', 1)) = 0;
            BEGIN
                EXECUTE calls[i];
            EXCEPTION WHEN insufficient_privilege THEN
                used := true;
            END;
            EXIT WHEN used;
        END LOOP;
        RESET ROLE;
        EXECUTE format('GRANT %s ON %s %s TO monoceros_service', r.privilege, r.kind, r.name);
        INSERT INTO tried VALUES (r.kind, r.name, r.privilege, used);
    END LOOP;
END $do$;
SELECT json_agg(format('%s on %s', privilege, name) ORDER BY name, privilege) FROM tried WHERE NOT used;
"""


def decided(database):
    """The table of rights as the program has it: dictionaries of kind, name and privilege, one each."""
    return database.query(f"""
        SELECT kind, name, privilege FROM ({_fragment()}) g (kind, name, privileges, columns),
            LATERAL (SELECT unnest(string_to_array(privileges, ',')) UNION ALL
                     SELECT format('UPDATE (%s)', c) FROM unnest(string_to_array(columns, ',')) c) p (privilege)""")


def named(database):
    """The names in it, those that the role must not touch too."""
    return {row["name"] for row in database.query(f"SELECT name FROM ({_fragment()}) g (kind, name, p, c)")}


def _fragment():
    lines = (ROOT / "db/sql/fragments/grants.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))[1:-1]


def unused(database, rights):
    """Of these rights those without which every statement goes on."""
    values = ", ".join(f"('{r['kind']}', '{r['name']}', '{r['privilege']}')" for r in rights)
    prepared = "".join(f"PREPARE {name} AS {text};\n" for name, text in load().items())
    out = database.execute(f"{prepared}CREATE TEMP TABLE rights AS SELECT * FROM (VALUES {values}) "
                           f"r (kind, name, privilege);\n{TRY}")
    return json.loads(out or "null") or []
