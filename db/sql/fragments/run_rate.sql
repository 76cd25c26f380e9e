-- Items a second of run r, of which n.worked of n.total are ended by itself, over the last two minutes;
-- NULL while it is not known. At first all that it has done is recent; later the ranges that were
-- finished since.
(SELECT nullif(CASE
            WHEN x.seconds < 2 THEN 0
            WHEN x.seconds < 120 AND r.active_since = r.started_at
            THEN CASE WHEN n.worked * 100 >= n.total THEN n.worked / x.seconds END
            ELSE (SELECT sum(t.done + t.failed) FROM tasks t
                  WHERE t.run_id = r.run_id AND t.stage IN ('captions', 'dialogues', 'embed')
                    AND t.state = 'finished'
                    AND t.finished_at > now() - make_interval(secs => least(x.seconds, 120)))
                 / least(x.seconds, 120) END, 0)
 FROM (SELECT extract(epoch FROM now() - r.active_since)::float8 AS seconds) x
 WHERE r.state = 'running')
