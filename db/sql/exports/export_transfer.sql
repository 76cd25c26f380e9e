-- result: binary
-- Prepared transfer $1, in the columns of transfer_resolve.
SELECT {{prepared_transfer}}
WHERE t.transfer_id = $1::uuid AND t.state = 'ready'
