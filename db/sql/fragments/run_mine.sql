-- Whether run r belongs to a dataset that the caller ($1) may see and is run $2.
(r.run_id = $2::uuid AND EXISTS (SELECT FROM datasets d WHERE d.number = r.dataset AND {{mine}}))
