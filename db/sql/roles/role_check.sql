-- What the role of this session is. One row: its name; whether it is a superuser, the owner of the tables
-- or who may become that; whether it may make things in the schema; whether there are tables of ours that
-- it cannot see; what it lacks, as text.
WITH lacks AS (
    SELECT o.name, p.privilege
    FROM {{granted_objects}} o, unnest(string_to_array(o.privileges, ',')) p (privilege)
    WHERE NOT CASE o.kind WHEN 'TABLE' THEN has_table_privilege(o.relation, p.privilege)
                          WHEN 'SEQUENCE' THEN has_sequence_privilege(o.relation, p.privilege)
                          ELSE has_function_privilege(o.function, p.privilege) END
    UNION ALL
    SELECT o.name, 'UPDATE'
    FROM {{granted_objects}} o
    WHERE o.columns <> ''
      AND NOT (SELECT bool_and(has_column_privilege(o.relation, c, 'UPDATE'))
               FROM unnest(string_to_array(o.columns, ',')) c)
)
SELECT current_user, current_setting('is_superuser') = 'on'
       OR EXISTS (SELECT FROM {{granted_objects}} o JOIN pg_class c ON c.oid = o.relation
                  WHERE pg_has_role(c.relowner, 'MEMBER')),
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
       to_regclass('schema_migrations') IS NULL
       AND EXISTS (SELECT FROM pg_class c JOIN pg_class r USING (relnamespace)
                   WHERE c.relname = 'schema_migrations' AND r.relname = 'dataset_recipes'
                     AND NOT has_schema_privilege(c.relnamespace, 'USAGE')),
       coalesce((SELECT string_agg(l.privilege || ' on ' || l.name, ', ' ORDER BY l.name, l.privilege)
                 FROM lacks l), '')
