-- What a worker needs to know of an export ($1). One row: dataset number, name, shards, files, include and
-- formats with commas, dtype, view and dialogue_view as uuid[] text with their numbers of recipes,
-- transfer, encoder, selection: source, domain, min_length, max_length, verdict; limit; whether there is
-- a mix, its bounds by task in hexadecimal digits.
SELECT x.dataset, d.name, d.shards, x.files, array_to_string(x.include, ','),
       array_to_string(x.formats, ','), x.dtype, x.view::text, cardinality(x.view),
       x.dialogue_view::text, cardinality(x.dialogue_view),
       replace(x.transfer_id::text, '-', ''), replace(x.encoder_id::text, '-', ''),
       x.selection ->> 'source', x.selection ->> 'domain', x.selection ->> 'min_length',
       x.selection ->> 'max_length', x.selection ->> 'verdict', x.caption_limit,
       x.mix_tasks IS NOT NULL, b.bounds[1], b.bounds[2], b.bounds[3]
FROM exports x JOIN datasets d ON d.number = x.dataset,
     LATERAL (SELECT array_agg(encode(x.mix_bounds[array_position(x.mix_tasks, t.task)], 'hex')
                               ORDER BY t.place) AS bounds
              FROM (VALUES (1, 'multiple_choice'), (2, 'question_answering'),
                           (3, 'complex_reasoning')) t (place, task)) b
WHERE x.export_id = $1::uuid AND x.state IN ('queued', 'running') AND x.deleted_at IS NULL
