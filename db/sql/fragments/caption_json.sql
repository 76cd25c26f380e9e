-- Caption c as a JSON object.
json_strip_nulls(json_build_object(
    'id', replace(c.seed_id::text, '-', '') || '-' || encode(c.hash, 'hex'),
    'seed_id', replace(c.seed_id::text, '-', ''),
    'recipe', replace(c.recipe_id::text, '-', ''),
    'variant', c.variant,
    'text', c.text,
    'model', c.model,
    'finish_reason', c.finish_reason,
    'tokens_in', c.tokens_in,
    'tokens_out', c.tokens_out,
    'flags', to_json(c.flags),
    'dropped', c.dropped,
    'run', replace(c.run_id::text, '-', ''),
    'created_at', to_char(c.created_at AT TIME ZONE 'UTC', {{utc}})))
