-- What an export can be made of. $1 caller, $2 name, $3 recipes of captions and $4 of dialogues that are
-- asked for, each or NULL, $5 whether with dialogues. One row: first shard_id, number of shards, the
-- recipes of captions and of dialogues, the place of the first in $3 and in $4 that the dataset has not
-- used, from 0, or NULL; whether captions may be of the offline composer, and of something else, and
-- whether dialogues may. None without the dataset.
WITH {{dataset}}, {{view}}, known AS (
    SELECT x.recipe_id, x.first_used, r.stage, r.kind IN ('offline', 'mixed') AS offline,
           r.kind <> 'offline' AS other
    FROM dataset_recipes x JOIN recipes r ON r.recipe_id = x.recipe_id
    WHERE x.dataset = (SELECT number FROM ds)
), chosen AS (
    SELECT coalesce($3::uuid[], v.recipes) AS captions,
           CASE WHEN NOT $5::boolean THEN '{}'
                ELSE coalesce($4::uuid[], (SELECT array_agg(k.recipe_id ORDER BY k.first_used DESC, k.recipe_id)
                                           FROM known k WHERE k.stage = 'dialogues'), '{}') END AS dialogues
    FROM v
)
SELECT ds.lo, ds.shards, c.captions::text, c.dialogues::text,
       (SELECT min(g.place) - 1 FROM unnest($3) WITH ORDINALITY g(id, place)
        WHERE NOT EXISTS (SELECT FROM known k WHERE k.recipe_id = g.id AND k.stage = 'captions')),
       (SELECT min(g.place) - 1 FROM unnest($4) WITH ORDINALITY g(id, place)
        WHERE NOT EXISTS (SELECT FROM known k WHERE k.recipe_id = g.id AND k.stage = 'dialogues')),
       coalesce(n.captions_offline, false), coalesce(n.captions_other, false),
       coalesce(n.dialogues_offline, false), coalesce(n.dialogues_other, false)
FROM ds, chosen c, LATERAL (
    SELECT bool_or(k.offline) FILTER (WHERE k.recipe_id = ANY (c.captions)) AS captions_offline,
           bool_or(k.other) FILTER (WHERE k.recipe_id = ANY (c.captions)) AS captions_other,
           bool_or(k.offline) FILTER (WHERE k.recipe_id = ANY (c.dialogues)) AS dialogues_offline,
           bool_or(k.other) FILTER (WHERE k.recipe_id = ANY (c.dialogues)) AS dialogues_other
    FROM known k) n
