-- Dialogue d as a JSON object.
json_build_object(
    'id', replace(d.seed_id::text, '-', '') || '-' || encode(d.caption_hash, 'hex') || '-'
          || encode(d.hash, 'hex'),
    'caption_id', replace(d.seed_id::text, '-', '') || '-' || encode(d.caption_hash, 'hex'),
    'task', d.task,
    'conversations', d.conversations,
    'recipe', replace(d.recipe_id::text, '-', ''),
    'turns', d.turns,
    'model', d.model,
    'provider', d.provider,
    'prompt', d.prompt,
    'calls', d.calls,
    'tokens_in', d.tokens_in,
    'tokens_cached', d.tokens_cached,
    'tokens_out', d.tokens_out,
    'tokens_reasoning', d.tokens_reasoning,
    'cost_usd', d.cost::float8 / 1e9,
    'latency_ms', d.latency_ms,
    'run', replace(d.run_id::text, '-', ''),
    'created_at', to_char(d.created_at AT TIME ZONE 'UTC', {{utc}}))
