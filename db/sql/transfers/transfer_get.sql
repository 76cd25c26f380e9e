-- A prepared transfer. $1 caller, $2 name, $3 id. One row: JSON, NULL, then what the steps follow from,
-- all NULL when there is none; no row without the dataset.
WITH {{dataset}}
SELECT p.*
FROM ds LEFT JOIN LATERAL (
    SELECT {{transfer_json}}::text AS item, NULL::text AS key, {{transfer_columns}}
    FROM transfers t CROSS JOIN (SELECT ds.name) d {{transfer_parts}}
    WHERE t.dataset = ds.number AND t.transfer_id = $3::uuid) p ON true
