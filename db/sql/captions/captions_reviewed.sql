-- Page of the captions with a verdict, which are few. Parameters 1 to 12, 15 to 18 and rows as in captions_list;
-- $13 verdict, $14 the filter that dropped them or NULL.
WITH {{dataset}}, {{view}}
SELECT p.item, p.key
FROM ds CROSS JOIN v LEFT JOIN LATERAL (
    SELECT {{caption_json}}::text AS item, {{caption_key}} AS key
    FROM captions c {{caption_labels}}
    WHERE c.verdict = $13::text AND ($14::text IS NULL OR c.dropped = $14)
      AND {{captions_page}}
    ORDER BY c.shard_id, c.seed_id, c.recipe_id, c.variant
    LIMIT $12::bigint) p ON true
