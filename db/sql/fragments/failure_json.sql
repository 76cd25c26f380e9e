-- Failure f as a JSON object, without the raw reply.
json_build_object(
    'seed_id', replace(f.seed_id::text, '-', ''),
    'stage', f.stage,
    'item', f.item,
    'reason', f.reason,
    'detail', f.detail,
    'run', replace(f.run_id::text, '-', ''),
    'created_at', to_char(f.created_at AT TIME ZONE 'UTC', {{utc}}))
