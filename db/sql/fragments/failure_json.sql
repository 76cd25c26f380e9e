-- Failure f as a JSON object, without the raw reply.
json_build_object(
    'seed_id', replace(f.seed_id::text, '-', ''),
    'stage', f.stage,
    'item', f.item,
    'reason', f.reason,
    'detail', f.detail,
    'provider', f.provider,
    'calls', f.calls,
    'tokens_in', f.tokens_in,
    'tokens_out', f.tokens_out,
    'cost_usd', f.cost::float8 / 1e9,
    'run', replace(f.run_id::text, '-', ''),
    'created_at', to_char(f.created_at AT TIME ZONE 'UTC', {{utc}}))
