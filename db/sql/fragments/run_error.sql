-- Why run r failed, whose stages are w.stages: as a problem.
json_build_object(
    'type', '/problems/run-failed',
    'title', 'Run failed',
    'detail', (SELECT string_agg(x.failed || ' of the ' || x.total || ' items of ' || x.name || ' failed',
                                 ', ')
               FROM json_to_recordset(w.stages) AS x (name text, total bigint, failed bigint)
               WHERE x.failed > r.max_failed * x.total)
              || ': more than max_failed, which is ' || r.max_failed || ', allows.')
