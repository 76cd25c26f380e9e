-- Dataset d as the text of a JSON object without its closing brace.
left(json_build_object(
    'name', d.name,
    'shards', d.shards,
    'description', d.description,
    'vector_type', d.vector_type,
    'created_at', to_char(d.created_at AT TIME ZONE 'UTC', {{utc}}))::text, -1)
