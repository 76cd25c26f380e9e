-- Versions of encoders, image moments, prepared transfers beyond the mean shift, float32 vectors.

-- Small global tables -----------------------------------------------------------------------------

ALTER TABLE datasets
    ADD COLUMN vector_type text NOT NULL DEFAULT 'float16' CHECK (vector_type IN ('float16', 'float32'));

ALTER TABLE encoders
    ADD COLUMN revision text NOT NULL DEFAULT '', -- as the operator declares it
    ADD COLUMN weights  text NOT NULL DEFAULT '', -- SHA-256 of the weights where they are known
    ADD COLUMN version  integer NOT NULL DEFAULT 1, -- raised by the operator when the vectors have changed
    ADD COLUMN probes   bytea,                    -- vectors of the probe texts, float32, little-endian
    ADD COLUMN cosine   double precision,         -- smallest of theirs with what was last answered
    ADD COLUMN checked_at timestamptz;            -- when they last agreed

-- Image moments belong to an encoder version, not to a dataset; they are made by nobody's run.
ALTER TABLE moments
    ALTER COLUMN dataset DROP NOT NULL,
    ALTER COLUMN run_id DROP NOT NULL,
    ADD COLUMN label   text,                      -- image side: its name, and which of that name
    ADD COLUMN version integer,
    ADD COLUMN source  text CHECK (source IN ('moments', 'npy', 'safetensors')),
    ADD COLUMN sample  bytea,                     -- some of the image vectors, float16, for the gap report
    ADD CONSTRAINT moments_belong_check CHECK (CASE side WHEN 'text'
        THEN dataset IS NOT NULL AND run_id IS NOT NULL
        ELSE label IS NOT NULL AND version IS NOT NULL AND source IS NOT NULL END);
CREATE UNIQUE INDEX moments_label ON moments (encoder_id, label, version) WHERE side = 'image';

ALTER TABLE transfers
    ADD COLUMN sequence bigint NOT NULL DEFAULT 0, -- order within the dataset, for paging
    ADD COLUMN image_moments_id uuid REFERENCES moments,
    ADD COLUMN scale    double precision,         -- realign: root of the ratio of the traces
    ADD COLUMN center   double precision[],       -- realign: mean of what its second step gives
    ADD COLUMN count    bigint,                   -- embeddings that went into center
    ADD COLUMN finished_at timestamptz;
CREATE INDEX transfers_dataset_sequence ON transfers (dataset, sequence);
UPDATE transfers t SET sequence = o.place, finished_at = CASE WHEN t.state <> 'preparing' THEN t.created_at END
FROM (SELECT transfer_id, row_number() OVER (PARTITION BY dataset ORDER BY created_at, transfer_id) AS place
      FROM transfers) o
WHERE o.transfer_id = t.transfer_id;

-- Big tables --------------------------------------------------------------------------------------

ALTER TABLE embeddings
    ADD COLUMN truncated boolean NOT NULL DEFAULT false; -- the text was longer than the encoder reads

-- A prepared transfer that was asked for by itself is a task without a run: its run_id is the
-- transfer's id.
ALTER TABLE tasks
    DROP CONSTRAINT tasks_stage_check,
    ADD CONSTRAINT tasks_stage_check CHECK (stage IN
        ('resolve', 'plan', 'captions', 'duplicates', 'targets', 'dialogues', 'embed', 'moments',
         'transfer', 'prepare', 'delete'));

-- The sums of a shard are of another form; the shards of unfinished runs are summed again, before the
-- task that adds them up: it is opened again behind them.
DELETE FROM moments_parts;
DELETE FROM tasks WHERE stage = 'transfer' AND state <> 'finished';
UPDATE tasks t SET state = 'ready', finished_at = NULL
WHERE t.stage = 'moments' AND t.state = 'finished'
  AND NOT EXISTS (SELECT FROM tasks o WHERE o.run_id = t.run_id AND o.stage = 'transfer');
ALTER TABLE moments_parts DROP COLUMN squares;
ALTER TABLE moments_parts RENAME COLUMN sum TO sums; -- exact, see server/domain/moments.c
