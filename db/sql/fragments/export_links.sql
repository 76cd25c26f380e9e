-- Where export x is, what its state allows to be done with it, and where its files are; w.path is its own.
json_strip_nulls(json_build_object(
    'self', w.path,
    'events', w.path || '/events',
    'result', w.path || '/result',
    'cancel', CASE WHEN x.state IN ('queued', 'running') THEN w.path || '/cancel' END,
    'files', w.path || '/files/',
    'manifest', CASE WHEN x.state = 'succeeded' THEN w.path || '/files/manifest.json' END))
