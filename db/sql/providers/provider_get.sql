-- What is known of a provider ($1 name). One row: the limits that an operator has set, as JSON or NULL;
-- what all runs have used of it, as JSON, from those that have ended and those under way.
SELECT (SELECT json_strip_nulls(json_build_object(
                   'max_in_flight', l.max_in_flight,
                   'rpm', l.rpm,
                   'tpm', l.tpm,
                   'updated_at', to_char(l.updated_at AT TIME ZONE 'UTC', {{utc}})))::text
        FROM provider_limits l WHERE l.provider = $1::text),
       (SELECT json_build_object(
                   'calls', coalesce(sum(u.calls), 0),
                   'wasted_calls', coalesce(sum(u.wasted), 0),
                   'unknown_calls', coalesce(sum(u.unknown), 0),
                   'tokens_in', coalesce(sum(u.tokens_in), 0),
                   'tokens_cached', coalesce(sum(u.tokens_cached), 0),
                   'tokens_out', coalesce(sum(u.tokens_out), 0),
                   'tokens_reasoning', coalesce(sum(u.tokens_reasoning), 0),
                   'cost_usd', coalesce(sum(u.cost), 0)::float8 / 1e9)::text
        FROM (
            SELECT x.calls, x.wasted_calls AS wasted, x.unknown_calls AS unknown, x.tokens_in,
                   x.tokens_cached, x.tokens_out, x.tokens_reasoning,
                   (x.cost_usd * 1e9)::bigint AS cost
            FROM runs r,
                 json_to_recordset(r.summary) AS s (usage json),
                 json_to_recordset(coalesce(s.usage, '[]')) AS x (
                     provider text, calls bigint, wasted_calls bigint, unknown_calls bigint,
                     tokens_in bigint, tokens_cached bigint, tokens_out bigint,
                     tokens_reasoning bigint, cost_usd float8)
            WHERE r.summary IS NOT NULL AND x.provider = $1
            UNION ALL
            SELECT (l.line ->> 'calls')::bigint, (l.line ->> 'wasted')::bigint,
                   (l.line ->> 'unknown')::bigint, (l.line ->> 'tokens_in')::bigint,
                   (l.line ->> 'tokens_cached')::bigint, (l.line ->> 'tokens_out')::bigint,
                   (l.line ->> 'tokens_reasoning')::bigint, (l.line ->> 'cost')::bigint
            FROM runs r
            JOIN tasks t ON t.run_id = r.run_id
            CROSS JOIN LATERAL jsonb_array_elements(t.tally -> 'usage') AS l (line)
            WHERE r.state IN ('queued', 'running', 'paused') AND r.summary IS NULL
              AND l.line ->> 'provider' = $1) u)
