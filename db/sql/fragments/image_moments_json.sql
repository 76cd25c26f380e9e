-- Image moments m of encoder e as a JSON object.
json_build_object(
    'id', replace(m.moments_id::text, '-', ''),
    'label', m.label,
    'version', m.version,
    'encoder', e.name,
    'encoder_id', replace(e.encoder_id::text, '-', ''),
    'dimension', e.dimension,
    'count', m.count,
    'trace', m.trace,
    'source', m.source,
    'sampled', coalesce(octet_length(m.sample) / (2 * e.dimension), 0),
    'created_at', to_char(m.created_at AT TIME ZONE 'UTC', {{utc}}))
