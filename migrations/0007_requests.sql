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
