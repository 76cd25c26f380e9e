-- Transfer t of dataset d with encoder e, text moments m and image moments i as a JSON object.
json_strip_nulls(json_build_object(
    'id', w.id,
    'dataset', d.name,
    'method', t.method,
    'parameters', t.parameters,
    'state', t.state,
    'reason', t.reason,
    'error', CASE WHEN t.state = 'failed' THEN json_build_object(
        'type', '/problems/transfer-failed',
        'title', 'Transfer failed',
        'detail', t.reason) END,
    'run', replace(t.run_id::text, '-', ''),
    'encoder', json_build_object(
        'id', replace(e.encoder_id::text, '-', ''),
        'name', e.name,
        'model', e.model,
        'dimension', e.dimension,
        'trial', e.kind = 'offline'),
    'text_moments', CASE WHEN m.moments_id IS NOT NULL THEN json_build_object(
        'id', replace(m.moments_id::text, '-', ''),
        'count', m.count,
        'trace', m.trace) END,
    'image_moments', CASE WHEN i.moments_id IS NOT NULL THEN json_build_object(
        'id', replace(i.moments_id::text, '-', ''),
        'label', i.label,
        'version', i.version,
        'count', i.count,
        'trace', i.trace) END,
    'scale', t.scale,
    'count', t.count,
    'created_at', to_char(t.created_at AT TIME ZONE 'UTC', {{utc}}),
    'finished_at', to_char(t.finished_at AT TIME ZONE 'UTC', {{utc}}),
    'vectors', json_build_object(
        'text_mean', CASE WHEN m.moments_id IS NOT NULL THEN w.files || 'text_mean.npy' END,
        'image_mean', CASE WHEN i.moments_id IS NOT NULL THEN w.files || 'image_mean.npy' END,
        'center', CASE WHEN t.center IS NOT NULL THEN w.files || 'center.npy' END),
    'links', json_build_object(
        'self', w.path,
        'representations', '/v1/datasets/' || d.name || '/representations?transfer=' || w.id)))
