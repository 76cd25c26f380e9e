-- The other processes on this database that were seen lately, without $1.
SELECT name FROM replicas WHERE name <> $1 AND seen_at > now() - interval '6 seconds'
