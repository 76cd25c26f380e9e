-- What the rows under the recipes of the dry run r say of the rest of its selection, by stage: tokens,
-- cost and, between the provider's whole window at the pilot's latency and the pilot's own pace, time.
(SELECT json_agg(json_build_object(
        'stage', e.stage,
        'sample', e.n,
        'remaining', e.rest,
        'tokens_in', (SELECT {{interval}} FROM (VALUES (e.in_mean, e.in_spread)) m (mean, spread)),
        'tokens_out', (SELECT {{interval}} FROM (VALUES (e.out_mean, e.out_spread)) m (mean, spread)),
        'cost_usd', (SELECT {{interval}} FROM (VALUES (e.cost_mean, e.cost_spread)) m (mean, spread)),
        'seconds', json_build_object(
            'low', e.rest * e.latency / e.places,
            'high', e.rest * greatest(e.latency / e.places, e.pace))) ORDER BY e.stage)
 FROM (
    SELECT q.stage, q.n, greatest(0, q.wanted - q.n)::float8 AS rest, q.in_mean, q.in_spread,
           q.out_mean, q.out_spread, q.cost_mean, q.cost_spread, q.latency, q.pace,
           greatest(1, (SELECT sum((p.provider ->> 'window')::integer)
                        FROM json_array_elements(q.settings -> 'providers') AS p (provider))) AS places
    FROM (
        SELECT 'captions' AS stage, k.*, w.seeds * r.variants AS wanted,
               r.caption_settings AS settings
        FROM (SELECT count(*) AS n, avg(c.tokens_in)::float8 AS in_mean,
                     coalesce(stddev_samp(c.tokens_in), 0)::float8 AS in_spread,
                     avg(c.tokens_out)::float8 AS out_mean,
                     coalesce(stddev_samp(c.tokens_out), 0)::float8 AS out_spread,
                     avg(c.cost)::float8 / 1e9 AS cost_mean,
                     coalesce(stddev_samp(c.cost), 0)::float8 / 1e9 AS cost_spread,
                     avg(c.latency_ms)::float8 / 1000 AS latency,
                     extract(epoch FROM max(c.created_at) - min(c.created_at))::float8 / count(*)
                         AS pace
              FROM captions c
              WHERE c.shard_id BETWEEN r.dataset * 65536 AND r.dataset * 65536 + 65535
                AND c.recipe_id = r.caption_recipe) k,
             (SELECT count(*) AS seeds FROM seeds s
              WHERE s.shard_id BETWEEN r.dataset * 65536 AND r.dataset * 65536 + 65535
                AND {{run_selects}}) w
        WHERE 'captions' = ANY (r.stages)
        UNION ALL
        SELECT 'dialogues', k.*,
               w.seeds * r.variants * (SELECT sum(x.value::text::float8)
                                       FROM json_each(r.dialogue_settings -> 'mix') x),
               r.dialogue_settings
        FROM (SELECT count(*) AS n, avg(c.tokens_in)::float8,
                     coalesce(stddev_samp(c.tokens_in), 0)::float8,
                     avg(c.tokens_out)::float8, coalesce(stddev_samp(c.tokens_out), 0)::float8,
                     avg(c.cost)::float8 / 1e9, coalesce(stddev_samp(c.cost), 0)::float8 / 1e9,
                     avg(c.latency_ms)::float8 / 1000,
                     extract(epoch FROM max(c.created_at) - min(c.created_at))::float8 / count(*)
              FROM dialogues c
              WHERE c.shard_id BETWEEN r.dataset * 65536 AND r.dataset * 65536 + 65535
                AND c.recipe_id = r.dialogue_recipe) k,
             (SELECT count(*) AS seeds FROM seeds s
              WHERE s.shard_id BETWEEN r.dataset * 65536 AND r.dataset * 65536 + 65535
                AND {{run_selects}}) w
        WHERE 'dialogues' = ANY (r.stages)
    ) q
    WHERE q.n > 0
 ) e)
