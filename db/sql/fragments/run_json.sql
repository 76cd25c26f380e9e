-- Run r of dataset d as a JSON object. OFFSET 0 keeps the planner from counting the stages twice.
(SELECT json_strip_nulls(json_build_object(
    'id', w.id,
    'dataset', d.name,
    'state', r.state,
    'requested', r.requested,
    'reason', r.reason,
    'reason_detail', r.reason_detail,
    'blocked_by', CASE WHEN r.state = 'queued' THEN (
        SELECT replace(b.run_id::text, '-', '')
        FROM runs b
        WHERE b.dataset = r.dataset AND b.state IN ('queued', 'running', 'paused')
          AND b.run_id <> r.run_id AND b.stages && r.stages
          AND (b.state <> 'queued' OR b.sequence < r.sequence)
        ORDER BY b.state = 'queued', b.sequence
        LIMIT 1) END,
    'stages', w.stages,
    'progress', CASE WHEN r.state = 'succeeded' THEN 1
                     WHEN n.total > 0 THEN least(1, round(n.ended / n.total, 4))
                     ELSE 0 END,
    'eta_seconds', CASE WHEN r.state = 'running' AND n.seconds >= 2 AND n.worked * 100 >= n.total
                             AND n.worked > 0
                        THEN ceil(greatest(0, n.total - n.ended) * n.seconds / n.worked)::bigint END,
    'limit', r.seed_limit,
    'select', nullif(r.selection, '{}'),
    'max_failed', r.max_failed,
    'created_at', to_char(r.created_at AT TIME ZONE 'UTC', {{utc}}),
    'started_at', to_char(r.started_at AT TIME ZONE 'UTC', {{utc}}),
    'finished_at', to_char(r.finished_at AT TIME ZONE 'UTC', {{utc}}),
    'links', {{run_links}}))
 FROM (SELECT replace(r.run_id::text, '-', '') AS id,
              coalesce(r.summary, {{run_stages}}) AS stages
       OFFSET 0) w,
      LATERAL (
        SELECT coalesce(sum(x.total), 0) AS total,
               coalesce(sum(x.done + x.failed + x.existing), 0) AS ended,
               coalesce(sum(x.done + x.failed), 0) AS worked,
               extract(epoch FROM now() - r.started_at) AS seconds
        FROM json_to_recordset(w.stages)
             AS x (total bigint, done bigint, failed bigint, existing bigint)) n)
