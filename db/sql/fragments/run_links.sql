-- Where run r of dataset d is, what its state allows to be done with it, and where its results are;
-- w.id is its id.
json_strip_nulls(json_build_object(
    'self', '/v1/runs/' || w.id,
    'events', '/v1/runs/' || w.id || '/events',
    'result', '/v1/runs/' || w.id || '/result',
    'pause', CASE WHEN r.state IN ('queued', 'running') THEN '/v1/runs/' || w.id || '/pause' END,
    'resume', CASE WHEN r.state = 'paused' THEN '/v1/runs/' || w.id || '/resume' END,
    'cancel', CASE WHEN r.state IN ('queued', 'running', 'paused')
                   THEN '/v1/runs/' || w.id || '/cancel' END,
    'retry', CASE WHEN r.state IN ('succeeded', 'failed') AND EXISTS (
                           SELECT FROM json_to_recordset(w.stages) AS x (failed bigint)
                           WHERE x.failed > 0)
                  THEN '/v1/runs/' || w.id || '/retry' END,
    'captions', '/v1/datasets/' || d.name || '/captions?run=' || w.id,
    'dialogues', '/v1/datasets/' || d.name || '/dialogues?run=' || w.id,
    'representations', '/v1/datasets/' || d.name || '/representations',
    'failures', '/v1/datasets/' || d.name || '/failures?run=' || w.id))
