-- Puts back what failed in a run that has ended, which queues for that alone: its view, its planned
-- seeds and the numbers of dialogues that it wants stay, and so do its counts, less what was put back and
-- what a pass over duplicates counts anew. It counts among the runs that its key has in flight, but its
-- slot may be another one's by now. $1 caller, $2 run. One row: state, JSON, whether something
-- was put back, how often that was done.
WITH held AS (
    SELECT r.* FROM runs r
    WHERE {{run_mine}} AND r.state IN ('succeeded', 'failed')
    FOR UPDATE
), put AS (
    UPDATE failures f SET put_back = true, retry = r.retry + 1
    FROM held r JOIN datasets d ON d.number = r.dataset,
         LATERAL generate_series(0, d.shards - 1) g
    WHERE f.shard_id = r.dataset * 65536 + g AND f.run_id = r.run_id AND NOT f.put_back
    RETURNING f.stage, CASE f.stage WHEN 'dialogues' THEN split_part(f.item, ':', 2) END AS task
), kept AS (
    SELECT json_agg(x.stage || jsonb_build_object(
               'total', (x.stage ->> 'total')::bigint - p.n,
               'failed', (x.stage ->> 'failed')::bigint - p.n,
               'dropped', (x.stage ->> 'dropped')::bigint
                          - coalesce((x.stage #>> '{filters,exact_duplicate,dropped}')::bigint, 0)
                          - coalesce((x.stage #>> '{filters,near_duplicate,dropped}')::bigint, 0),
               'filters', coalesce(x.stage -> 'filters', '{}') - '{exact_duplicate,near_duplicate}'::text[],
               'tasks', (SELECT jsonb_object_agg(t.key, t.value || jsonb_build_object(
                             'asked', (t.value ->> 'asked')::bigint
                                      - (SELECT count(*) FROM put WHERE put.task = t.key)))
                         FROM jsonb_each(x.stage -> 'tasks') t)) ORDER BY x.place) AS base
    FROM held r, jsonb_array_elements(r.summary::jsonb) WITH ORDINALITY x(stage, place),
         LATERAL (SELECT count(*) AS n FROM put WHERE put.stage = x.stage ->> 'name') p
), changed AS (
    UPDATE runs r
    SET state = 'queued', retry = r.retry + 1, base = kept.base, summary = NULL, top_up = 0,
        reason = NULL, reason_detail = NULL, active_since = NULL, finished_at = NULL, key_slot = NULL,
        updated_at = now(), revision = r.revision + 1
    FROM held, kept
    WHERE r.run_id = held.run_id AND EXISTS (SELECT FROM put)
    RETURNING r.*
)
{{run_control}}
WHERE {{mine}}
