-- The rest of a statement whose CTE `changed` updates the export, which the caller ($1) may see and has
-- id $2: state, JSON, whether it was open. No row without the export.
SELECT x.state, {{export_json}}::text, x.open
FROM (SELECT c.*, true AS open FROM changed c
      UNION ALL
      SELECT o.*, false FROM exports o
      WHERE o.export_id = $2::uuid AND o.deleted_at IS NULL AND NOT EXISTS (SELECT FROM changed)) x
     JOIN datasets d ON d.number = x.dataset
