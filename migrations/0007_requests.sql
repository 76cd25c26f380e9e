-- What is kept of requests that carry an Idempotency-Key.

CREATE TABLE idempotency (
    owner        text NOT NULL,
    dataset      bigint NOT NULL,             -- that the path names; 0: none
    path         text NOT NULL,
    key          text NOT NULL,
    request      bytea NOT NULL CHECK (octet_length(request) = 32), -- SHA-256 of the body
    token        text NOT NULL,               -- of the attempt that executes it, or has
    created_at   timestamptz NOT NULL,        -- when the key was first seen
    attempted_at timestamptz NOT NULL,
    status       integer,                     -- of the answer; NULL while there is none
    location     text,
    retry_after  text,
    body         text,                        -- NULL: too long to be kept
    PRIMARY KEY (owner, dataset, path, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- Limits of keys; NULL leaves what the configuration says, 0 is none.
ALTER TABLE keys
    ADD COLUMN requests_per_minute integer CHECK (requests_per_minute >= 0),
    ADD COLUMN seeds_per_day integer CHECK (seeds_per_day >= 0),
    ADD COLUMN runs_in_flight integer CHECK (runs_in_flight >= 0);

-- The seeds that limited keys have added, by day in UTC. Whatever would be too many fails as a whole.
CREATE TABLE key_seeds (
    key_id  text NOT NULL,
    day     date NOT NULL,
    seeds   bigint NOT NULL,
    allowed bigint NOT NULL,
    CONSTRAINT key_seeds_allowed CHECK (seeds <= allowed),
    PRIMARY KEY (key_id, day)
);
CREATE INDEX key_seeds_day ON key_seeds (day);

-- Runs of a limited key take turns at as many slots as it may have runs in flight.
ALTER TABLE runs
    ADD COLUMN key_id text,
    ADD COLUMN key_slot integer;
CREATE UNIQUE INDEX runs_key_slot ON runs (key_id, key_slot)
    WHERE state IN ('queued', 'running', 'paused');
