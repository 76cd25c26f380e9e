-- Queues an export and opens a task for each group of its shards. $1 caller, $2 name, $3 export id,
-- $4 include, $5 formats, $6 recipes of captions and $7 of dialogues, $8 selection, $9 limit or NULL,
-- $10 mix tasks and $11 mix bounds, both or NULL, $12 the mix as it was asked for or NULL, $13 transfer and
-- $14 encoder, both or NULL, $15 dtype, $16 groups, $17 whether offline rows may stand beside real ones,
-- $18 whether there are offline rows alone, $19 labels, $20 the id that the same request would have had
-- yesterday. One row: JSON, id, whether the export was there; none without the dataset. A unique violation
-- means that another export took the sequence number, or the same request the id: to be repeated.
WITH {{dataset}}, there AS (
    SELECT o.* FROM exports o JOIN ds ON o.dataset = ds.number
    WHERE o.export_id = $3::uuid
       OR (o.export_id = $20::uuid AND o.created_at > now() - interval '24 hours')
), made AS (
    INSERT INTO exports (export_id, dataset, sequence, state, include, formats, view, dialogue_view,
                         selection, caption_limit, mix_tasks, mix_bounds, mix, transfer_id, encoder_id,
                         dtype, files, allow_offline, trial, labels)
    SELECT $3::uuid, ds.number,
           (SELECT coalesce(max(o.sequence), 0) + 1 FROM exports o WHERE o.dataset = ds.number),
           'queued', $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::text::jsonb, $9::bigint,
           $10::text[], $11::bytea[], $12::text::json, $13::uuid, $14::uuid, $15::text, $16::integer,
           $17::boolean, $18::boolean, $19::text::jsonb
    FROM ds
    WHERE NOT EXISTS (SELECT FROM there)
    RETURNING *
), opened AS (
    INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at)
    SELECT ds.lo + g * ds.shards / m.files, m.export_id, 'export', '00000000-0000-0000-0000-000000000000',
           'ffffffff-ffff-ffff-ffff-ffffffffffff', ds.number, now()
    FROM made m, ds, generate_series(0, m.files - 1) g
), x AS (
    SELECT * FROM there UNION ALL SELECT * FROM made
)
SELECT {{export_json}}::text, replace(x.export_id::text, '-', ''), EXISTS (SELECT FROM there)
FROM (SELECT name FROM ds) d JOIN x ON true
