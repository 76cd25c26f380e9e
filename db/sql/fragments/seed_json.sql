-- Seed s as the text of a JSON object without its closing brace. Metadata is put as it was stored.
left(json_strip_nulls(json_build_object(
    'id', replace(s.seed_id::text, '-', ''),
    'text', s.text,
    'source', s.source,
    'domain', s.domain,
    'created_at', to_char(s.created_at AT TIME ZONE 'UTC', {{utc}})))::text, -1)
|| coalesce(', "metadata" : ' || s.metadata::text, '')
