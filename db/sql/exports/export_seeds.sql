-- Seeds of shard $1 behind $2 and up to $3 in order: seed, text, source, domain, whether they are of source
-- $4 and domain $5, each or NULL.
-- result: binary
SELECT s.seed_id, s.text, s.source, s.domain,
       ($4::text IS NULL OR s.source IS NOT DISTINCT FROM $4)
       AND ($5::text IS NULL OR s.domain IS NOT DISTINCT FROM $5)
FROM seeds s
WHERE s.shard_id = $1 AND s.seed_id > $2::uuid AND s.seed_id <= $3::uuid
ORDER BY s.seed_id
