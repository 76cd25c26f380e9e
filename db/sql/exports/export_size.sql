-- How many captions of shard $1 the view $2 picks and the selection $3 takes.
SELECT count(*)
FROM (SELECT $2::uuid[] AS recipes) v, captions c
WHERE c.shard_id = $1::bigint AND {{picked}} AND {{export_takes}}
