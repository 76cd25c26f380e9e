-- Where there is work, without locks: later stages first, so that the queue stays short. Those of exports
-- apart, so that neither hides the others.
-- result: binary
(SELECT t.shard_id, t.run_id, t.stage, count(*)
 FROM tasks t
 JOIN exports x ON x.export_id = t.run_id
 WHERE t.state <> 'finished' AND t.stage IN ('export', 'manifest', 'discard')
   AND (t.state = 'ready' OR t.lease_until < now())
   AND (t.stage = 'discard' OR x.state IN ('queued', 'running'))
 GROUP BY t.shard_id, t.run_id, t.stage, x.created_at
 ORDER BY t.stage = 'export', x.created_at, md5(t.shard_id::text || t.run_id::text)
 LIMIT 32)
UNION ALL
(SELECT t.shard_id, t.run_id, t.stage, count(*)
 FROM tasks t
 LEFT JOIN runs r ON r.run_id = t.run_id
 WHERE t.state <> 'finished'
   AND (t.state = 'ready' OR t.lease_until < now())
   AND (t.stage = 'delete'
        OR (t.stage = 'prepare' AND r.run_id IS NULL)
        OR (r.requested IS NULL
            AND r.state = CASE t.stage WHEN 'resolve' THEN 'queued' ELSE 'running' END))
 GROUP BY t.shard_id, t.run_id, t.stage
 ORDER BY CASE t.stage WHEN 'resolve' THEN 0 WHEN 'plan' THEN 0 WHEN 'targets' THEN 0
                       WHEN 'transfer' THEN 1 WHEN 'prepare' THEN 1 WHEN 'moments' THEN 2
                       WHEN 'duplicates' THEN 2 WHEN 'embed' THEN 3 WHEN 'dialogues' THEN 4
                       WHEN 'captions' THEN 5 ELSE 6 END,
          md5(t.shard_id::text || t.run_id::text)
 LIMIT 256)
