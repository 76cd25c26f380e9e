-- The shard_id of seed k.seed_id in dataset ds: its first 8 bytes, big-endian and unsigned, modulo
-- the shard count. Two halves, because bigint is signed.
(ds.lo + ((('x' || left(k.seed_id::text, 8))::bit(32)::bigint % ds.shards)
          * (4294967296 % ds.shards)
          + ('x' || substr(k.seed_id::text, 10, 4) || substr(k.seed_id::text, 15, 4))::bit(32)::bigint
            % ds.shards) % ds.shards)
