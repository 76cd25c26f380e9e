-- The id of this database's directory of artefacts, which is $1 when it has none yet.
WITH made AS (
    INSERT INTO artefact_store (id) VALUES ($1::uuid) ON CONFLICT DO NOTHING RETURNING id
)
SELECT replace(coalesce((SELECT id FROM made), (SELECT id FROM artefact_store))::text, '-', '')
