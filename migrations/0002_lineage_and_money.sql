-- What the rows of the first two stages say about their making, money, prompts of operators, filters
-- and the near-duplicate pass.

-- Small global tables -----------------------------------------------------------------------------

-- Prompts that operators add; the built-in ones stand in the program. A version is never changed.
CREATE TABLE prompts (
    name       text NOT NULL,
    version    integer NOT NULL CHECK (version > 0),
    owner      text NOT NULL,
    stage      text NOT NULL CHECK (stage IN ('captions', 'dialogues')),
    hash       text NOT NULL,                 -- of the content, as recipes name it
    description text NOT NULL DEFAULT '',
    system     text NOT NULL,
    template   text NOT NULL,                 -- of the user's message, with {{variables}}
    tasks      json,                          -- dialogues: what differs by task
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, name, version)
);
CREATE UNIQUE INDEX prompts_content ON prompts (owner, name, hash);

-- What the server behind a provider last called its model: part of the recipes that follow.
CREATE TABLE served_models (
    provider text NOT NULL,
    model    text NOT NULL,                   -- as it is configured
    served   text NOT NULL,                   -- as the server reports it
    seen_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, model)
);

-- Limits that an operator has set while the service runs; NULL leaves what the configuration says.
CREATE TABLE provider_limits (
    provider      text PRIMARY KEY,
    max_in_flight integer CHECK (max_in_flight > 0),
    rpm           integer CHECK (rpm > 0),
    tpm           bigint CHECK (tpm > 0),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

-- The processes that share this database: limits of an endpoint are divided among them.
CREATE TABLE replicas (
    name    text PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT now()
);


ALTER TABLE runs
    ADD COLUMN budget_cost   bigint,          -- billionths of a dollar
    ADD COLUMN budget_tokens bigint,
    ADD COLUMN taken_cost    bigint NOT NULL DEFAULT 0, -- what the processes have taken out of the
    ADD COLUMN taken_tokens  bigint NOT NULL DEFAULT 0, -- budget, in slices, less what they gave back
    ADD COLUMN deadline      timestamptz,
    ADD COLUMN dry_run       integer,         -- items of a pilot
    ADD COLUMN estimate      json,            -- what the pilot says of the whole
    ADD COLUMN barrier       boolean NOT NULL DEFAULT false, -- later stages wait for the duplicates
    ADD COLUMN targets       bigint[] NOT NULL DEFAULT '{}', -- dialogues asked for, by mix_tasks
    ADD COLUMN top_up        integer NOT NULL DEFAULT 0,     -- rounds of making up for failures left
    ADD COLUMN filters       json;            -- the filters of the run with their actions

-- Big tables --------------------------------------------------------------------------------------

ALTER TABLE captions
    ADD COLUMN provider   text NOT NULL DEFAULT '',
    ADD COLUMN prompt     text NOT NULL DEFAULT '',
    ADD COLUMN tokens_cached    integer NOT NULL DEFAULT 0,  -- of tokens_in
    ADD COLUMN tokens_reasoning integer NOT NULL DEFAULT 0,  -- of tokens_out
    ADD COLUMN cost       bigint NOT NULL DEFAULT 0,         -- of all calls for it, billionths of a dollar
    ADD COLUMN calls      smallint NOT NULL DEFAULT 1,       -- that were sent for it
    ADD COLUMN latency_ms integer NOT NULL DEFAULT 0,        -- of the last of them
    ADD COLUMN signature  bytea,                             -- MinHash of its word 5-grams
    ADD COLUMN duplicate_of text,                            -- id of the caption that stays in its place
    ADD COLUMN verdict    text CHECK (verdict IN ('accepted', 'rejected', 'corrected')),
    ADD COLUMN reviewer   text,
    ADD COLUMN reviewed_at timestamptz;

ALTER TABLE dialogues
    ADD COLUMN provider   text NOT NULL DEFAULT '',
    ADD COLUMN prompt     text NOT NULL DEFAULT '',
    ADD COLUMN tokens_cached    integer NOT NULL DEFAULT 0,
    ADD COLUMN tokens_reasoning integer NOT NULL DEFAULT 0,
    ADD COLUMN cost       bigint NOT NULL DEFAULT 0,
    ADD COLUMN calls      smallint NOT NULL DEFAULT 1,
    ADD COLUMN latency_ms integer NOT NULL DEFAULT 0;

ALTER TABLE failures
    ADD COLUMN provider   text NOT NULL DEFAULT '',
    ADD COLUMN tokens_in  integer NOT NULL DEFAULT 0,
    ADD COLUMN tokens_out integer NOT NULL DEFAULT 0,
    ADD COLUMN cost       bigint NOT NULL DEFAULT 0,
    ADD COLUMN calls      smallint NOT NULL DEFAULT 0;

ALTER TABLE tasks
    ADD COLUMN tally jsonb NOT NULL DEFAULT '{}', -- usage by provider and hits by filter, as flushed
    DROP CONSTRAINT tasks_stage_check,
    ADD CONSTRAINT tasks_stage_check CHECK (stage IN
        ('resolve', 'plan', 'captions', 'duplicates', 'targets', 'dialogues', 'embed', 'moments',
         'transfer', 'delete'));
-- All that names a task, so that whichever index is taken finds a leased one at once.
DROP INDEX tasks_run;
CREATE INDEX tasks_run ON tasks (run_id, stage, shard_id, lo);
