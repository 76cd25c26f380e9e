-- The whole data model of the pipeline. Every big table has shard_id (dataset number x 65536 + shard)
-- first in its primary key and no foreign key to the small tables, so that the same schema can be
-- distributed by shard_id. No triggers, no serial ids in the API.

-- Small global tables -----------------------------------------------------------------------------

CREATE SEQUENCE dataset_numbers MINVALUE 1;

CREATE TABLE datasets (
    number      bigint PRIMARY KEY DEFAULT nextval('dataset_numbers'),
    owner       text NOT NULL,
    name        text NOT NULL,
    shards      integer NOT NULL CHECK (shards BETWEEN 1 AND 65536),
    description text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz
);
-- A deleted dataset keeps its number for ever and gives its name free at once.
CREATE UNIQUE INDEX datasets_owner_name ON datasets (owner, name) WHERE deleted_at IS NULL;

CREATE TABLE recipes (
    recipe_id  uuid PRIMARY KEY,
    stage      text NOT NULL CHECK (stage IN ('captions', 'dialogues')),
    kind       text NOT NULL,
    settings   json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Which recipes a dataset has seen, and when first: the order of the default view.
CREATE TABLE dataset_recipes (
    dataset    bigint NOT NULL REFERENCES datasets,
    recipe_id  uuid NOT NULL REFERENCES recipes,
    first_used timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset, recipe_id)
);

CREATE TABLE encoders (
    encoder_id uuid PRIMARY KEY,
    name       text NOT NULL,
    kind       text NOT NULL,
    model      text NOT NULL,
    dimension  integer NOT NULL CHECK (dimension > 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE runs (
    run_id      uuid PRIMARY KEY,
    dataset     bigint NOT NULL REFERENCES datasets,
    sequence    bigint NOT NULL,              -- order within the dataset, for queueing and paging
    state       text NOT NULL CHECK (state IN
                ('queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled')),
    requested   text CHECK (requested IN ('pause', 'cancel')),
    reason      text,                         -- budget, provider, quality, user
    reason_detail text,
    stages      text[] NOT NULL,              -- captions, dialogues, representations
    selection   jsonb NOT NULL DEFAULT '{}',  -- source, domain, seed_ids
    seed_limit  bigint,
    max_failed  double precision NOT NULL DEFAULT 0.1,
    request     json NOT NULL,                -- the body as it came
    caption_recipe  uuid,
    caption_settings json,
    variants    integer NOT NULL DEFAULT 1,
    dialogue_recipe uuid,
    dialogue_settings json,
    mix_tasks   text[] NOT NULL DEFAULT '{}', -- the tasks of the mix and, for each, the exclusive
    mix_bounds  bytea[] NOT NULL DEFAULT '{}',-- upper bound of its choice hash
    encoder_name text,
    encoder_id  uuid,
    representation_settings json,
    view        uuid[] NOT NULL DEFAULT '{}', -- caption recipes in order, frozen when it starts
    summary     json,                         -- the stages' counts, frozen at the end
    created_at  timestamptz NOT NULL DEFAULT now(),
    started_at  timestamptz,
    finished_at timestamptz,
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX runs_dataset_sequence ON runs (dataset, sequence);
CREATE INDEX runs_open ON runs (dataset) WHERE state IN ('queued', 'running', 'paused');

CREATE TABLE moments (
    moments_id uuid PRIMARY KEY,
    dataset    bigint NOT NULL,
    encoder_id uuid NOT NULL REFERENCES encoders,
    run_id     uuid NOT NULL,
    side       text NOT NULL CHECK (side IN ('text', 'image')),
    view       uuid[] NOT NULL,
    count      bigint NOT NULL CHECK (count > 0),
    mean       double precision[] NOT NULL,
    trace      double precision NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE transfers (
    transfer_id uuid PRIMARY KEY,
    dataset     bigint NOT NULL,
    encoder_id  uuid NOT NULL REFERENCES encoders,
    method      text NOT NULL,
    parameters  jsonb NOT NULL DEFAULT '{}',
    moments_id  uuid REFERENCES moments,
    state       text NOT NULL CHECK (state IN ('preparing', 'ready', 'failed')),
    reason      text,
    run_id      uuid,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX transfers_newest ON transfers (dataset, method, created_at DESC);

-- The ticker opens barriers and ends runs; one replica at a time holds this row.
CREATE TABLE tickers (
    name        text PRIMARY KEY,
    token       bigint NOT NULL DEFAULT 0,
    holder      text,
    lease_until timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO tickers (name) VALUES ('main');

-- Big tables --------------------------------------------------------------------------------------

CREATE TABLE seeds (
    shard_id   bigint NOT NULL,
    seed_id    uuid NOT NULL,                 -- first 16 bytes of SHA-256 of the normalised text
    text       text NOT NULL,
    source     text,
    domain     text,
    metadata   json,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shard_id, seed_id)
);

CREATE TABLE captions (
    shard_id    bigint NOT NULL,
    seed_id     uuid NOT NULL,
    recipe_id   uuid NOT NULL,
    variant     smallint NOT NULL,
    hash        bytea NOT NULL CHECK (octet_length(hash) = 8),
    text        text NOT NULL,
    dropped     text,                         -- the filter that dropped it
    rejected    boolean NOT NULL DEFAULT false,
    flags       text[] NOT NULL DEFAULT '{}',
    run_id      uuid NOT NULL,
    model       text NOT NULL,
    finish_reason text NOT NULL,
    tokens_in   integer NOT NULL,
    tokens_out  integer NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shard_id, seed_id, recipe_id, variant)
);

CREATE TABLE dialogues (
    shard_id      bigint NOT NULL,
    seed_id       uuid NOT NULL,
    caption_hash  bytea NOT NULL,
    task          text NOT NULL,
    recipe_id     uuid NOT NULL,
    hash          bytea NOT NULL CHECK (octet_length(hash) = 4),
    conversations json NOT NULL,
    turns         smallint NOT NULL,          -- question and answer together are one
    run_id        uuid NOT NULL,
    model         text NOT NULL,
    finish_reason text NOT NULL,
    tokens_in     integer NOT NULL,
    tokens_out    integer NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shard_id, seed_id, caption_hash, task, recipe_id)
);

CREATE TABLE embeddings (
    shard_id     bigint NOT NULL,
    seed_id      uuid NOT NULL,
    caption_hash bytea NOT NULL,
    encoder_id   uuid NOT NULL,
    vector       bytea NOT NULL,              -- float16, little-endian, unit length before rounding
    run_id       uuid NOT NULL,
    tokens_in    integer NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shard_id, seed_id, caption_hash, encoder_id)
);
-- Inline float16 vectors: reading in order is twice as fast as from TOAST.
ALTER TABLE embeddings ALTER COLUMN vector SET STORAGE MAIN;
ALTER TABLE embeddings SET (toast_tuple_target = 8160);

CREATE TABLE failures (
    shard_id   bigint NOT NULL,
    run_id     uuid NOT NULL,
    stage      text NOT NULL,                 -- captions, dialogues, representations
    seed_id    uuid NOT NULL,
    item       text NOT NULL,                 -- the slot within the seed: variant, or caption hash and task
    reason     text NOT NULL,
    detail     text NOT NULL,
    raw        bytea,                         -- the reply as it came, capped
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shard_id, run_id, stage, seed_id, item)
);

-- Sums of one shard towards the moments of a run.
CREATE TABLE moments_parts (
    shard_id   bigint NOT NULL,
    run_id     uuid NOT NULL,
    count      bigint NOT NULL,
    squares    double precision NOT NULL,
    sum        double precision[] NOT NULL,
    PRIMARY KEY (shard_id, run_id)
);

-- The leased unit of work: one stage over one range of one shard. A claim raises token; whoever
-- holds an older token can write nothing.
CREATE TABLE tasks (
    shard_id    bigint NOT NULL,
    run_id      uuid NOT NULL,
    stage       text NOT NULL CHECK (stage IN
                ('plan', 'captions', 'dialogues', 'embed', 'moments', 'transfer', 'delete')),
    lo          uuid NOT NULL,                -- the range of seed ids, both ends included
    hi          uuid NOT NULL,
    dataset     bigint NOT NULL,
    state       text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'leased', 'finished')),
    token       bigint NOT NULL DEFAULT 0,
    flush_no    bigint NOT NULL DEFAULT 0,
    attempts    smallint NOT NULL DEFAULT 0,  -- times begun since rows were last written
    lease_until timestamptz,
    worker      text,
    planned_at  timestamptz NOT NULL,         -- seeds that came later wait for the next run
    seeds       integer NOT NULL DEFAULT 0,
    total       integer,                      -- items, known when first loaded
    existing    integer NOT NULL DEFAULT 0,   -- of these, there before this run
    done        integer NOT NULL DEFAULT 0,
    failed      integer NOT NULL DEFAULT 0,
    dropped     integer NOT NULL DEFAULT 0,   -- of the done ones
    finished_at timestamptz,
    PRIMARY KEY (shard_id, run_id, stage, lo)
) WITH (fillfactor = 70);
CREATE INDEX tasks_open ON tasks (shard_id, run_id, stage, lo) WHERE state <> 'finished';
CREATE INDEX tasks_run ON tasks (run_id, stage);
