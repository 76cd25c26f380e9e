-- Page of prepared transfers, newest first. $1 caller, $2 name, key to stay below: $3 sequence, $4 id;
-- $5 method or NULL, $6 state or NULL, $7 rows. Rows: JSON, key, then what the steps follow from. One
-- row of NULLs for an empty page, none without the dataset.
WITH {{dataset}}
SELECT p.*
FROM ds LEFT JOIN LATERAL (
    SELECT {{transfer_json}}::text AS item, concat_ws('|', t.sequence, t.transfer_id) AS key,
           {{transfer_columns}}
    FROM transfers t CROSS JOIN (SELECT ds.name) d {{transfer_parts}}
    WHERE t.dataset = ds.number AND (t.sequence, t.transfer_id) < ($3::bigint, $4::uuid)
      AND ($5::text IS NULL OR t.method = $5) AND ($6::text IS NULL OR t.state = $6)
    ORDER BY t.sequence DESC, t.transfer_id DESC
    LIMIT $7::bigint) p ON true
