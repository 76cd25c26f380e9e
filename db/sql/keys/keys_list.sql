-- Page of keys, oldest first. $1 caller, key: $2 time in microseconds, $3 id; $4 rows. Rows: JSON, key.
SELECT {{key_json}}::text, concat_ws('|', (extract(epoch FROM k.created_at) * 1000000)::bigint, k.key_id)
FROM keys k
WHERE k.owner = {{owner}}
  AND ((extract(epoch FROM k.created_at) * 1000000)::bigint, k.key_id) > ($2::bigint, $3::text)
ORDER BY (extract(epoch FROM k.created_at) * 1000000)::bigint, k.key_id
LIMIT $4::bigint
