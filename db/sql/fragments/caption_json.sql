-- Caption c as a JSON object. A human caption came out of a review, where others come out of a run;
-- an imported one has neither.
json_strip_nulls(json_build_object(
    'id', replace(c.seed_id::text, '-', '') || '-' || encode(c.hash, 'hex'),
    'seed_id', replace(c.seed_id::text, '-', ''),
    'recipe', replace(c.recipe_id::text, '-', ''),
    'variant', c.variant,
    'text', c.text,
    'model', c.model,
    'finish_reason', c.finish_reason,
    'provider', c.provider,
    'prompt', c.prompt,
    'calls', c.calls,
    'tokens_in', c.tokens_in,
    'tokens_cached', c.tokens_cached,
    'tokens_out', c.tokens_out,
    'tokens_reasoning', c.tokens_reasoning,
    'cost_usd', c.cost::float8 / 1e9,
    'latency_ms', c.latency_ms,
    'flags', to_json(c.flags),
    'dropped', c.dropped,
    'verdict', c.verdict,
    'reviewer', c.reviewer,
    'reviewed_at', to_char(c.reviewed_at AT TIME ZONE 'UTC', {{utc}}),
    'corrects', replace(c.seed_id::text, '-', '') || '-' || encode(c.corrects, 'hex'),
    'review', CASE WHEN c.corrects IS NOT NULL THEN replace(c.run_id::text, '-', '') END,
    'run', CASE WHEN c.corrects IS NULL
                THEN nullif(replace(c.run_id::text, '-', ''), repeat('0', 32)) END,
    'created_at', to_char(c.created_at AT TIME ZONE 'UTC', {{utc}})))
