-- Whether export x is export $2 and belongs to a dataset that the caller ($1) may see.
(x.export_id = $2::uuid AND x.deleted_at IS NULL
 AND EXISTS (SELECT FROM datasets d WHERE d.number = x.dataset AND {{mine}}))
