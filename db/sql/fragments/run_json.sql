-- Run r of dataset d as a JSON object. OFFSET 0 keeps the planner from counting the stages twice.
(SELECT json_strip_nulls(json_build_object(
    'id', w.id,
    'dataset', d.name,
    'labels', r.labels,
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
    'waiting_for', CASE WHEN r.state = 'queued' AND NOT {{run_resolved}}
                        THEN 'the model server to say which model it serves' END,
    'waiting', CASE WHEN r.state IN ('queued', 'running', 'paused') THEN {{run_waiting}} END,
    'stages', w.stages,
    'warnings', CASE WHEN n.embedded > 0 AND n.truncated > 0.05 * n.embedded
                     THEN json_build_array(json_build_object(
                         'code', 'truncated',
                         'message', round(100.0 * n.truncated / n.embedded) || ' % of the texts were '
                             'longer than the encoder reads: their vectors are of their beginnings.'
                     )) END,
    'progress', CASE WHEN r.state = 'succeeded' THEN 1
                     WHEN n.total > 0 THEN least(1, round(n.ended / n.total, 4))
                     ELSE 0 END,
    'eta_seconds', ceil(greatest(0, n.total - n.ended) / {{run_rate}})::bigint,
    'error', CASE WHEN r.state = 'failed' THEN {{run_error}} END,
    'result', CASE WHEN r.state IN ('succeeded', 'failed', 'cancelled')
                   THEN '/v1/runs/' || w.id || '/result' END,
    'retries', nullif(r.retry, 0),
    'limit', r.seed_limit,
    'select', nullif(r.selection, '{}'),
    'max_failed', r.max_failed,
    'budget', CASE WHEN num_nonnulls(r.budget_cost, r.budget_tokens, r.deadline) > 0
                   THEN json_build_object(
                       'cost_usd', r.budget_cost::float8 / 1e9,
                       'tokens', r.budget_tokens,
                       'deadline', to_char(r.deadline AT TIME ZONE 'UTC', {{utc}}),
                       'taken_usd', r.taken_cost::float8 / 1e9,
                       'taken_tokens', r.taken_tokens) END,
    'dry_run', CASE WHEN r.dry_run IS NOT NULL THEN json_build_object('pilot', r.dry_run) END,
    'estimate', r.estimate,
    'usage', json_build_object(
        'calls', n.calls,
        'wasted_calls', n.wasted,
        'tokens_in', n.tokens_in,
        'tokens_out', n.tokens_out,
        'cost_usd', n.cost),
    'created_at', to_char(r.created_at AT TIME ZONE 'UTC', {{utc}}),
    'started_at', to_char(r.started_at AT TIME ZONE 'UTC', {{utc}}),
    'finished_at', to_char(r.finished_at AT TIME ZONE 'UTC', {{utc}}),
    'updated_at', to_char(r.updated_at AT TIME ZONE 'UTC', {{utc}}),
    'links', {{run_links}}))
 FROM (SELECT replace(r.run_id::text, '-', '') AS id,
              coalesce(r.summary, {{run_stages}}) AS stages
       OFFSET 0) w,
      LATERAL (
        SELECT coalesce(sum(x.total), 0) AS total,
               coalesce(sum(x.done + x.failed + x.existing), 0) AS ended,
               coalesce(sum(x.done + x.failed), 0) AS worked,
               sum(x.truncated) AS truncated,
               sum(x.done) FILTER (WHERE x.name = 'representations') AS embedded,
               coalesce(sum(u.calls), 0)::bigint AS calls,
               coalesce(sum(u.wasted), 0)::bigint AS wasted,
               coalesce(sum(u.tokens_in), 0)::bigint AS tokens_in,
               coalesce(sum(u.tokens_out), 0)::bigint AS tokens_out,
               coalesce(sum(u.cost), 0) AS cost
        FROM json_to_recordset(w.stages)
             AS x (name text, total bigint, done bigint, failed bigint, existing bigint,
                   truncated bigint, usage json),
             LATERAL (
               SELECT sum(y.calls) AS calls, sum(y.wasted_calls) AS wasted,
                      sum(y.tokens_in) AS tokens_in, sum(y.tokens_out) AS tokens_out,
                      sum(y.cost_usd) AS cost
               FROM json_to_recordset(coalesce(x.usage, '[]'))
                    AS y (calls bigint, wasted_calls bigint, tokens_in bigint, tokens_out bigint,
                          cost_usd float8)) u) n)
