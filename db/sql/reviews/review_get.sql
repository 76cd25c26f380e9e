-- A review with its acceptance and its reviewers. $1 caller, $2 review. One row: JSON; none without
-- the review.
WITH {{review}}, tally AS MATERIALIZED (
    SELECT i.recipe_id, i.reviewer, count(*) AS items,
           count(*) FILTER (WHERE i.verdict IS NULL AND i.lease_until > now()) AS leased,
           count(*) FILTER (WHERE i.verdict = 'accepted') AS accepted,
           count(*) FILTER (WHERE i.verdict = 'rejected') AS rejected,
           count(*) FILTER (WHERE i.verdict = 'corrected') AS corrected,
           count(*) FILTER (WHERE i.verdict = 'skipped') AS skipped
    FROM review_items i
    WHERE i.review_id = (SELECT review_id FROM r)
    GROUP BY i.recipe_id, i.reviewer
)
SELECT {{review_json}}
       || ', "acceptance" : ' || (
           SELECT json_strip_nulls(json_build_object(
                      'judged', x.judged, 'accepted', x.accepted, 'rate', a.rate, 'low', a.low,
                      'high', a.high))::text
           FROM (SELECT coalesce(sum(t.accepted), 0)::bigint AS accepted,
                        coalesce(sum(t.accepted + t.rejected + t.corrected), 0)::bigint AS judged
                 FROM tally t) x
                LEFT JOIN LATERAL {{acceptance}} a ON true)
       || ', "recipes" : ' || coalesce((
           SELECT json_agg(json_strip_nulls(json_build_object(
                      'recipe', replace(x.recipe_id::text, '-', ''),
                      'kind', p.kind,
                      'model', coalesce(p.settings ->> 'model', ''),
                      'total', x.total,
                      'judged', x.judged,
                      'accepted', x.accepted,
                      'rejected', x.rejected,
                      'corrected', x.corrected,
                      'skipped', x.skipped,
                      'rate', a.rate,
                      'low', a.low,
                      'high', a.high)) ORDER BY x.recipe_id)
           FROM (SELECT t.recipe_id, sum(t.items)::bigint AS total,
                        sum(t.accepted)::bigint AS accepted, sum(t.rejected)::bigint AS rejected,
                        sum(t.corrected)::bigint AS corrected, sum(t.skipped)::bigint AS skipped,
                        sum(t.accepted + t.rejected + t.corrected)::bigint AS judged
                 FROM tally t GROUP BY t.recipe_id) x
                JOIN recipes p ON p.recipe_id = x.recipe_id
                LEFT JOIN LATERAL {{acceptance}} a ON true)::text, '[]')
       || ', "reviewers" : ' || coalesce((
           SELECT json_agg(json_build_object(
                      'reviewer', x.reviewer,
                      'leased', x.leased,
                      'accepted', x.accepted,
                      'rejected', x.rejected,
                      'corrected', x.corrected,
                      'skipped', x.skipped) ORDER BY x.reviewer)
           FROM (SELECT t.reviewer, sum(t.leased)::bigint AS leased,
                        sum(t.accepted)::bigint AS accepted, sum(t.rejected)::bigint AS rejected,
                        sum(t.corrected)::bigint AS corrected, sum(t.skipped)::bigint AS skipped
                 FROM tally t WHERE t.reviewer IS NOT NULL GROUP BY t.reviewer) x
           WHERE x.leased + x.accepted + x.rejected + x.corrected + x.skipped > 0)::text, '[]')
       || '}'
FROM r, LATERAL (SELECT ds.name FROM ds) d
