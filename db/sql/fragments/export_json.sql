-- Export x of dataset d as a JSON object. A group of shards counts as a whole, whatever is in it.
(SELECT json_strip_nulls(json_build_object(
    'id', w.id,
    'dataset', d.name,
    'labels', x.labels,
    'state', x.state,
    'reason', x.reason,
    'waiting', CASE WHEN x.state IN ('queued', 'running') THEN {{export_waiting}} END,
    'trial', x.trial,
    'request', {{export_request}},
    'progress', w.progress,
    'eta_seconds', CASE WHEN x.state = 'running' AND w.progress > 0
                         AND x.started_at < now() - interval '2 seconds'
                        THEN ceil(extract(epoch FROM now() - x.started_at)::float8
                                  * (1 - w.progress) / w.progress)::bigint END,
    'error', CASE WHEN x.state = 'failed' THEN json_build_object(
        'type', '/problems/export-failed',
        'title', 'Export failed',
        'detail', coalesce(x.reason, 'The files could not be made.')) END,
    'result', CASE WHEN x.state = 'succeeded' THEN w.path || '/result' END,
    'rows', CASE WHEN x.state = 'succeeded' THEN json_build_object(
        'captions', (x.manifest #>> '{counts,captions}')::bigint,
        'dialogues', (x.manifest #>> '{counts,dialogues}')::bigint,
        'representations', (x.manifest #>> '{counts,representations}')::bigint) END,
    'bytes', CASE WHEN x.state = 'succeeded' THEN x.bytes END,
    'created_at', to_char(x.created_at AT TIME ZONE 'UTC', {{utc}}),
    'started_at', to_char(x.started_at AT TIME ZONE 'UTC', {{utc}}),
    'finished_at', to_char(x.finished_at AT TIME ZONE 'UTC', {{utc}}),
    'updated_at', to_char(x.updated_at AT TIME ZONE 'UTC', {{utc}}),
    'links', {{export_links}}))
 FROM (SELECT replace(x.export_id::text, '-', '') AS id,
              '/v1/exports/' || replace(x.export_id::text, '-', '') AS path,
              CASE WHEN x.state = 'succeeded' THEN 1
                   ELSE (SELECT round((0.99 * coalesce(sum(
                                    CASE WHEN t.state = 'finished' THEN 1
                                         ELSE least(1, coalesce(t.done::float8 / nullif(t.total, 0), 0)) END), 0)
                                / x.files)::numeric, 4)
                         FROM tasks t WHERE t.run_id = x.export_id AND t.stage = 'export') END AS progress
       OFFSET 0) w)
