-- Whether an export of the selection $3 takes caption c, which the view picks.
(NOT $3::jsonb ? 'min_length' OR char_length(c.text) >= ($3 ->> 'min_length')::bigint)
AND (NOT $3 ? 'max_length' OR char_length(c.text) <= ($3 ->> 'max_length')::bigint)
AND (NOT $3 ? 'verdict' OR c.verdict = $3 ->> 'verdict')
AND (NOT $3 ?| '{source,domain}' OR (
     SELECT (NOT $3 ? 'source' OR s.source = $3 ->> 'source')
            AND (NOT $3 ? 'domain' OR s.domain = $3 ->> 'domain')
     FROM seeds s
     WHERE s.shard_id = c.shard_id AND s.seed_id = c.seed_id
     LIMIT 1))
