-- $1 caller, $2 export, $3 whether the JSON may be left out while the export is queued or running: whoever
-- waits needs the state alone. One row: state, JSON or NULL; with the manifest once there is one.
SELECT x.state,
       CASE WHEN $3::boolean AND x.state IN ('queued', 'running') THEN NULL
            ELSE left(j.item, -1) || coalesce(', "manifest" : ' || x.manifest::text, '') || '}' END
FROM exports x JOIN datasets d ON d.number = x.dataset
     CROSS JOIN LATERAL (SELECT {{export_json}}::text AS item OFFSET 0) j
WHERE x.export_id = $2::uuid AND x.deleted_at IS NULL AND {{mine}}
