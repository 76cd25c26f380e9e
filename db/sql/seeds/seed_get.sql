-- A seed with all that was made from it. $1 caller, $2 name, $3 seed. One row: JSON, or NULL when the
-- dataset has no such seed; none without the dataset.
WITH {{dataset}}, {{view}}, at AS (
    SELECT {{shard_of}} AS shard_id, k.seed_id FROM ds, (SELECT $3::uuid AS seed_id) k
)
SELECT CASE WHEN s.seed_id IS NOT NULL THEN {{seed_json}}
       || ', "captions" : ' || coalesce((
           SELECT json_agg(
                      (left({{caption_json}}::text, -1)
                       || ', "in_view" : ' || {{picked}}::text
                       || ', "dialogues" : ' || coalesce((
                            SELECT json_agg({{dialogue_json}} ORDER BY d.task, d.recipe_id)
                            FROM dialogues d
                            WHERE d.shard_id = c.shard_id AND d.seed_id = c.seed_id
                              AND d.caption_hash = c.hash)::text, '[]')
                       || '}')::json
                      ORDER BY c.recipe_id, c.variant)
           FROM captions c, v
           WHERE c.shard_id = at.shard_id AND c.seed_id = at.seed_id)::text, '[]')
       || ', "embeddings" : ' || coalesce((
           SELECT json_agg(json_build_object(
                      'encoder', n.name,
                      'caption_id', replace(e.seed_id::text, '-', '') || '-'
                                    || encode(e.caption_hash, 'hex'))
                      ORDER BY e.caption_hash, n.name)
           FROM embeddings e JOIN encoders n ON n.encoder_id = e.encoder_id
           WHERE e.shard_id = at.shard_id AND e.seed_id = at.seed_id)::text, '[]')
       || ', "failures" : ' || coalesce((
           SELECT json_agg({{failure_json}} ORDER BY f.created_at, f.run_id, f.stage, f.item)
           FROM failures f
           WHERE f.shard_id = at.shard_id AND f.seed_id = at.seed_id AND NOT f.put_back)::text, '[]')
       || '}' END
FROM at LEFT JOIN seeds s ON s.shard_id = at.shard_id AND s.seed_id = at.seed_id
