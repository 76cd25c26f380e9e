-- Where the results of run r of dataset d are; w.id is its id.
json_build_object(
    'self', '/v1/runs/' || w.id,
    'result', '/v1/runs/' || w.id || '/result',
    'captions', '/v1/datasets/' || d.name || '/captions?run=' || w.id,
    'dialogues', '/v1/datasets/' || d.name || '/dialogues?run=' || w.id,
    'representations', '/v1/datasets/' || d.name || '/representations',
    'failures', '/v1/datasets/' || d.name || '/failures?run=' || w.id)
