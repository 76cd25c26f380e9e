-- Dialogue d in the shape of LLaVA's training files; caption_text is its caption's text.
json_build_object(
    'id', replace(d.seed_id::text, '-', '') || '-' || encode(d.caption_hash, 'hex'),
    'dialogue_id', replace(d.seed_id::text, '-', '') || '-' || encode(d.caption_hash, 'hex') || '-'
                   || encode(d.hash, 'hex'),
    'caption', caption_text,
    'conversations', d.conversations)
