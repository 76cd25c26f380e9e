-- Page of keys, oldest first. $1 caller, key: $2 time in microseconds, $3 id; $4 rows. Rows: JSON, key.
SELECT {{key_json}}::text, concat_ws('|', k.at, k.key_id)
FROM (SELECT o.*, (extract(epoch FROM o.created_at) * 1000000)::bigint AS at
      FROM keys o WHERE o.owner = {{owner}}) k
WHERE (k.at, k.key_id) > ($2::bigint, $3::text)
ORDER BY k.at, k.key_id
LIMIT $4::bigint
