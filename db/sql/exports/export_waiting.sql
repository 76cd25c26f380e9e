-- Why an export ($1) does not get on, or NULL: $2.
UPDATE exports SET waiting = $2::text, updated_at = now(), revision = revision + 1
WHERE export_id = $1::uuid AND state IN ('queued', 'running') AND waiting IS DISTINCT FROM $2::text
