-- Page of prompts by name and version, built-in ones among them. $1 caller, key: $2 name, $3 version;
-- $4 stage or NULL, then arrays of the built-in ones: $5 names, $6 stages, $7 hashes,
-- $8 descriptions; $9 rows. Rows: JSON, key.
SELECT json_strip_nulls(json_build_object(
           'name', p.name,
           'version', p.version,
           'stage', p.stage,
           'hash', p.hash,
           'built_in', p.built_in,
           'description', p.description,
           'created_at', to_char(p.created_at AT TIME ZONE 'UTC', {{utc}})))::text,
       concat_ws('|', p.name, p.version)
FROM (SELECT name, version, stage, hash, false AS built_in, description, created_at
      FROM prompts WHERE owner = {{owner}}
      UNION ALL
      SELECT u.*, NULL
      FROM (SELECT name, 1, stage, hash, true, description
            FROM unnest($5::text[], $6::text[], $7::text[], $8::text[])
                 AS b (name, stage, hash, description)) u) p
WHERE (p.name, p.version) > ($2::text, $3::bigint) AND ($4::text IS NULL OR p.stage = $4)
ORDER BY p.name, p.version
LIMIT $9::bigint
