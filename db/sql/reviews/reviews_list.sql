-- Page of reviews, newest first. $1 caller, $2 name, key: $3 sequence to stay below; $4 rows. Rows:
-- JSON, key. One row of NULLs for an empty page, none without the dataset.
WITH {{dataset}}
SELECT p.item, p.key
FROM ds LEFT JOIN LATERAL (
    SELECT {{review_json}} || '}' AS item, r.sequence::text AS key
    FROM reviews r, (SELECT ds.name) d
    WHERE r.dataset = ds.number AND r.sequence < $3::bigint
    ORDER BY r.sequence DESC
    LIMIT $4::bigint) p ON true
