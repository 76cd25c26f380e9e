-- Dataset d as the text of a JSON object, with the number of its seeds and the recipes that it has
-- seen.
{{dataset_brief_json}}
|| ', "seeds" : ' || (SELECT count(*) FROM seeds s
                      WHERE s.shard_id BETWEEN d.number * 65536 AND d.number * 65536 + d.shards - 1)
|| ', "recipes" : ' || coalesce((
        SELECT json_agg(json_build_object(
            'recipe', replace(r.recipe_id::text, '-', ''),
            'stage', r.stage,
            'kind', r.kind,
            'model', coalesce(r.settings ->> 'model', ''),
            'settings', r.settings,
            'first_used', to_char(x.first_used AT TIME ZONE 'UTC', {{utc}}))
            ORDER BY x.first_used, x.recipe_id)
        FROM dataset_recipes x JOIN recipes r ON r.recipe_id = x.recipe_id
        WHERE x.dataset = d.number)::text, '[]')
|| '}'
