-- This process is there ($1 its name, $2 why its calls wait, by server); comes back with the limits that operators have set, a row each,
-- and how many processes there are, at least one row.
WITH seen AS (
    INSERT INTO replicas (name, waiting) VALUES ($1::text, $2::text::jsonb)
    ON CONFLICT (name) DO UPDATE SET seen_at = EXCLUDED.seen_at, waiting = EXCLUDED.waiting
), gone AS (
    DELETE FROM replicas WHERE seen_at < now() - interval '1 hour'
), n AS (
    SELECT count(*) + 1 AS replicas
    FROM replicas WHERE name <> $1 AND seen_at > now() - interval '20 seconds'
)
SELECT n.replicas, l.provider, coalesce(l.max_in_flight, 0), coalesce(l.rpm, 0), coalesce(l.tpm, 0)
FROM n LEFT JOIN provider_limits l ON true
