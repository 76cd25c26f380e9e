-- Whether another run is in the way of the queued run r.
EXISTS (
    SELECT 1 FROM runs b
    WHERE b.dataset = r.dataset AND b.run_id <> r.run_id AND b.stages && r.stages
      AND (b.state IN ('running', 'paused')
           OR (b.state = 'queued' AND b.sequence < r.sequence)))
