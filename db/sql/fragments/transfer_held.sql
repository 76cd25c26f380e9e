-- Task k is that of the transfers of a run and held under a token ($1 shard, $2 run, $3 lo, $4 token).
k.shard_id = $1 AND k.run_id = $2::uuid AND k.stage = 'transfer' AND k.lo = $3::uuid AND k.token = $4
AND k.state = 'leased'
