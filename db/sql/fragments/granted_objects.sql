-- The rows of grants whose object there is in the schema of the tables, with how it is written.
(SELECT g.*, CASE g.kind WHEN 'FUNCTION' THEN o.function::text ELSE o.relation::text END AS written,
        o.relation, o.function
 FROM {{grants}} g(kind, name, privileges, columns),
      LATERAL (SELECT CASE WHEN g.kind <> 'FUNCTION'
                           THEN to_regclass(quote_ident(current_schema()) || '.' || g.name) END AS relation,
                      CASE WHEN g.kind = 'FUNCTION'
                           THEN to_regprocedure(quote_ident(current_schema()) || '.' || g.name) END AS function) o
 WHERE coalesce(o.relation::oid, o.function::oid) IS NOT NULL)
