-- Whether run r belongs to a dataset of owner $1 and is run $2.
(r.run_id = $2::uuid AND EXISTS (SELECT FROM datasets o
                                 WHERE o.number = r.dataset AND o.owner = $1::text
                                   AND o.deleted_at IS NULL))
