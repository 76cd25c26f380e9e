-- Whether shard $1 has captions that the view $2 picks and the selection $3 takes, by the offline composer
-- and by anything else, and their dialogues by the recipes $4 with the mix of tasks $5 and bounds $6 (NULL:
-- all), the same; each only if it is asked for, by $7 to $10.
SELECT $7::boolean AND EXISTS (
           SELECT FROM captions c
           WHERE c.shard_id = $1::bigint AND {{picked}} AND {{export_takes}}
             AND (c.provider = 'offline' OR c.model = 'offline-composer-1')),
       $8::boolean AND EXISTS (
           SELECT FROM captions c
           WHERE c.shard_id = $1 AND {{picked}} AND {{export_takes}}
             AND NOT (c.provider = 'offline' OR c.model = 'offline-composer-1')),
       $9::boolean AND EXISTS (
           SELECT FROM {{export_dialogue}}
             AND (d.provider = 'offline' OR d.model = 'offline-composer-1')),
       $10::boolean AND EXISTS (
           SELECT FROM {{export_dialogue}}
             AND NOT (d.provider = 'offline' OR d.model = 'offline-composer-1'))
FROM (SELECT $2::uuid[] AS recipes) v
