-- Source and domain of the seed of caption c, looked up when the page is filtered by them ($17, $18). A
-- lookup for each caption: the planner must not read all seeds instead.
LEFT JOIN LATERAL (
    SELECT s.source, s.domain FROM seeds s
    WHERE num_nonnulls($17::text, $18::text) > 0 AND s.shard_id = c.shard_id AND s.seed_id = c.seed_id
    LIMIT 1) o ON true
