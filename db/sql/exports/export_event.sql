-- What to tell whoever follows an export. $1 caller, $2 export, $3 revision and $4 seeds that were told
-- last, $5 whether progress is looked at; a new revision always is. The end of an export is told whatever
-- was told. One row: state, revision, seeds that its tasks are done with, JSON or NULL when there is
-- nothing new.
SELECT x.state, x.revision, n.done,
       CASE WHEN (x.revision, n.done) > ($3::bigint, $4::bigint)
                 OR (x.finished_at IS NOT NULL AND (x.revision, n.done) <> ($3, $4))
            THEN {{export_json}}::text END
FROM exports x JOIN datasets d ON d.number = x.dataset,
     LATERAL (
        SELECT CASE WHEN NOT ($5::boolean OR x.revision > $3) THEN 0
                    ELSE (SELECT coalesce(sum(t.done), 0) FROM tasks t
                          WHERE t.run_id = x.export_id AND t.stage = 'export') END::bigint AS done
        OFFSET 0) n
WHERE x.export_id = $2::uuid AND x.deleted_at IS NULL AND {{mine}}
