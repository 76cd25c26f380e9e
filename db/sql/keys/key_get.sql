-- $1 caller, $2 key. One row: JSON; none without the key.
SELECT {{key_json}}::text FROM keys k WHERE k.key_id = $2::text AND k.owner = {{owner}}
