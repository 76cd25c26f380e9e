-- CTEs r and ds: review $2 of the caller ($1) and its dataset, or no rows.
r AS (
    SELECT w.* FROM reviews w JOIN datasets d ON d.number = w.dataset
    WHERE w.review_id = $2::uuid AND {{mine}}
), ds AS (
    SELECT d.number, d.name, d.shards, d.number * 65536 AS lo
    FROM datasets d WHERE d.number = (SELECT dataset FROM r)
)
