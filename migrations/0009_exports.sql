-- Exports: immutable sets of files for training, made from a view.

-- Small global tables -----------------------------------------------------------------------------

-- Which directory the files of this database's exports are in: its marker has the same id.
CREATE TABLE artefact_store (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    id     uuid NOT NULL
);

CREATE TABLE exports (
    export_id    uuid PRIMARY KEY,
    dataset      bigint NOT NULL REFERENCES datasets,
    sequence     bigint NOT NULL,              -- order within the dataset, for paging
    state        text NOT NULL CHECK (state IN
                 ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    reason       text,                         -- why it failed
    waiting      text,                         -- why it does not get on: what the last try ran into
    include      text[] NOT NULL,              -- captions, dialogues, representations
    formats      text[] NOT NULL,
    view         uuid[] NOT NULL,              -- caption recipes in order
    dialogue_view uuid[] NOT NULL,             -- the same of dialogues
    selection    jsonb NOT NULL DEFAULT '{}',  -- source, domain, min_length, max_length, verdict
    caption_limit bigint,                      -- of the whole export; the lowest ids of each shard
    mix_tasks    text[],                       -- NULL: all dialogues that there are; else the tasks and,
    mix_bounds   bytea[],                      -- for each, the exclusive upper bound of its choice hash
    mix          json,                         -- the same as shares, as they were asked for
    transfer_id  uuid,                         -- both NULL without representations
    encoder_id   uuid,
    dtype        text NOT NULL CHECK (dtype IN ('float32', 'float16', 'bfloat16')),
    files        integer NOT NULL CHECK (files BETWEEN 1 AND 1024), -- into which each format is divided
    allow_offline boolean NOT NULL,            -- offline rows beside real ones were asked for
    trial        boolean NOT NULL,             -- nothing but offline rows
    labels       jsonb NOT NULL DEFAULT '{}',  -- of whoever started it; they decide nothing
    revision     bigint NOT NULL DEFAULT 1,    -- raised by every change of this row that shows
    manifest     json,                         -- once it has succeeded
    bytes        bigint,                       -- of all files, once it has succeeded
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    finished_at  timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    deleted_at   timestamptz                   -- hidden at once, its files are removed by a task
);
CREATE UNIQUE INDEX exports_dataset_sequence ON exports (dataset, sequence);
CREATE INDEX exports_open ON exports (dataset) WHERE state IN ('queued', 'running');

-- Nobody sees them before their export has succeeded.
CREATE TABLE export_files (
    export_id  uuid NOT NULL,
    name       text NOT NULL,                  -- as it is served
    path       text NOT NULL,                  -- within the export's directory
    piece      integer NOT NULL,               -- the first shard of its group, counted from 0
    format     text NOT NULL,                  -- llava, npy, … ; manifest, card: of the whole
    served     boolean NOT NULL DEFAULT true,  -- false: a part of a file that is put together at the end
    rows       bigint NOT NULL,
    bytes      bigint NOT NULL,
    sha256     bytea NOT NULL CHECK (octet_length(sha256) = 32),
    dtype      text,                           -- of files of vectors
    dimension  integer,
    PRIMARY KEY (export_id, name)
);

-- Big tables --------------------------------------------------------------------------------------

-- Tasks of exports: export makes the files of a group of shards, named by its first; manifest puts the
-- export together; discard removes the files of one that is not wanted any more. Their run_id is the
-- export's id. `total` and `done` count seeds, tally has what the manifest counts.
ALTER TABLE tasks
    DROP CONSTRAINT tasks_stage_check,
    ADD CONSTRAINT tasks_stage_check CHECK (stage IN
        ('resolve', 'plan', 'captions', 'duplicates', 'targets', 'dialogues', 'embed', 'moments',
         'transfer', 'prepare', 'export', 'manifest', 'discard', 'delete'));
