-- result: binary
-- The newest ready transfer of a method, or one by its id. $1 caller, $2 name, $3 method or NULL,
-- $4 transfer id or NULL, $5 encoder name or NULL. By their names, none and mean_shift are those without
-- parameters. One row: transfer id, method, moments id,
-- mean (float64), encoder id, its name, kind, model, dimension, parameters, id and mean of the image
-- moments, scale, center (all NULL when there is none), state of the transfer of that id, reason of the
-- newest failed one; no row without the dataset.
WITH {{dataset}}
SELECT p.*,
       (SELECT t.state FROM transfers t WHERE t.dataset = ds.number AND t.transfer_id = $4::uuid),
       (SELECT t.reason
        FROM transfers t
        WHERE t.dataset = ds.number AND t.state = 'failed'
          AND ($3::text IS NULL OR t.method = $3) AND ($4::uuid IS NULL OR t.transfer_id = $4)
        ORDER BY t.created_at DESC
        LIMIT 1)
FROM ds LEFT JOIN LATERAL (
    SELECT {{prepared_transfer}}
    WHERE t.dataset = ds.number AND t.state = 'ready'
      AND ($3::text IS NULL OR (t.method = $3 AND ($3 NOT IN ('none', 'mean_shift')
                                                   OR t.parameters = '{}')))
      AND ($4::uuid IS NULL OR t.transfer_id = $4)
      AND ($5::text IS NULL OR e.name = $5)
    ORDER BY t.created_at DESC, t.sequence DESC, t.transfer_id
    LIMIT 1) p ON true
