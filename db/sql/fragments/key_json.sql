-- Key k as JSON, without anything that would let somebody use it.
json_strip_nulls(json_build_object(
    'id', k.key_id,
    'name', k.name,
    'owner', k.owner,
    'state', CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked'
                  WHEN k.expires_at <= now() THEN 'expired' ELSE 'active' END,
    'scopes', k.scopes,
    'datasets', k.datasets,
    'limits', CASE WHEN num_nonnulls(k.requests_per_minute, k.seeds_per_day, k.runs_in_flight) > 0
                   THEN json_build_object('requests_per_minute', k.requests_per_minute,
                                          'seeds_per_day', k.seeds_per_day,
                                          'runs_in_flight', k.runs_in_flight) END,
    'rotated_from', k.rotated_from,
    'created_at', to_char(k.created_at AT TIME ZONE 'UTC', {{utc}}),
    'expires_at', to_char(k.expires_at AT TIME ZONE 'UTC', {{utc}}),
    'revoked_at', to_char(k.revoked_at AT TIME ZONE 'UTC', {{utc}}),
    'last_used_at', to_char(k.last_used_at AT TIME ZONE 'UTC', {{utc}})))
