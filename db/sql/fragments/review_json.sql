-- Review r of dataset d as the text of a JSON object without its closing brace. OFFSET 0 keeps the
-- planner from counting the items again for each member.
(SELECT left(json_strip_nulls(json_build_object(
    'id', w.id,
    'dataset', d.name,
    'label', r.label,
    'sample', r.sample,
    'seed', r.seed,
    'select', nullif(r.selection::text, '{}')::json,
    'lease_seconds', r.lease_seconds,
    'counts', w.counts,
    'progress', CASE WHEN n.total > 0
                     THEN round((n.total - n.open - n.leased)::numeric / n.total, 4) ELSE 1 END,
    'created_at', to_char(r.created_at AT TIME ZONE 'UTC', {{utc}}),
    'links', json_build_object(
        'self', '/v1/reviews/' || w.id,
        'lease', '/v1/reviews/' || w.id || '/lease',
        'verdicts', '/v1/reviews/' || w.id || '/verdicts')))::text, -1)
 FROM (SELECT replace(r.review_id::text, '-', '') AS id, {{review_counts}} AS counts OFFSET 0) w,
      LATERAL json_to_record(w.counts) AS n (total bigint, open bigint, leased bigint))
