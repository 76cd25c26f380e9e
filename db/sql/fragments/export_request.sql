-- The request of export x as it was resolved: posted again it makes the same files.
json_build_object(
    'include', x.include,
    'formats', x.formats,
    'view', (SELECT json_agg(replace(v.id::text, '-', '') ORDER BY v.place)
             FROM unnest(x.view) WITH ORDINALITY AS v (id, place)),
    'dialogue_recipes', CASE WHEN 'dialogues' = ANY (x.include) THEN coalesce(
        (SELECT json_agg(replace(v.id::text, '-', '') ORDER BY v.place)
         FROM unnest(x.dialogue_view) WITH ORDINALITY AS v (id, place)), '[]') END,
    'select', nullif(x.selection, '{}'),
    'limit', x.caption_limit,
    'mix', x.mix,
    'transfer', replace(x.transfer_id::text, '-', ''),
    'dtype', x.dtype,
    'files', x.files,
    'allow_offline', x.allow_offline)
