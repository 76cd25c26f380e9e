-- What to tell whoever follows a run. $1 caller, $2 run, $3 revision and $4 ended items that were told
-- last, $5 whether progress is looked at, which takes a walk over the run's tasks; a new revision always
-- is. The end of a run is told whatever was told. One row: state, revision, ended items, JSON or NULL when there is nothing new.
SELECT r.state, r.revision, x.ended,
       CASE WHEN (r.revision, x.ended) > ($3::bigint, $4::bigint)
                 OR (r.finished_at IS NOT NULL AND (r.revision, x.ended) <> ($3, $4))
            THEN {{run_json}}::text END
FROM runs r JOIN datasets d ON d.number = r.dataset,
     LATERAL (
        SELECT CASE WHEN NOT ($5::boolean OR r.revision > $3) THEN 0
                    ELSE (SELECT coalesce(sum(k.done + k.failed + k.existing), 0)
                          FROM json_to_recordset(coalesce(r.summary, r.base))
                               AS k (done bigint, failed bigint, existing bigint))
                         + CASE WHEN r.summary IS NOT NULL THEN 0
                                ELSE (SELECT coalesce(sum(t.done + t.failed + t.existing), 0)
                                      FROM tasks t
                                      WHERE t.run_id = r.run_id
                                        AND t.stage IN ('captions', 'dialogues', 'embed')) END
               END::bigint AS ended
        OFFSET 0) x
WHERE r.run_id = $2::uuid AND {{mine}}
