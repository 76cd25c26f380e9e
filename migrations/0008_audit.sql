-- Who changed what, and which keys were used. Rows are added and, when they are old, removed; nobody
-- changes one.

CREATE TABLE audit (
    audit_id   uuid PRIMARY KEY,              -- made by the process, so that a batch can be sent again
    at         timestamptz NOT NULL,
    owner      text NOT NULL,                 -- whose things it was about
    source     text NOT NULL CHECK (source IN ('http', 'command')),
    operation  text NOT NULL,                 -- of the API, or use_key
    outcome    text NOT NULL CHECK (outcome IN ('done', 'refused', 'failed', 'unanswered')),
    reason     text,                          -- why a key was refused
    status     smallint,                      -- of the HTTP answer
    key_id     text,                          -- of the key that was used
    client     text,                          -- address of the other end of the connection
    request_id text,
    resource   text,                          -- the path, without the query
    location   text,                          -- what was made, as a path
    count      bigint NOT NULL DEFAULT 1 CHECK (count > 0) -- uses of a key that the row stands for
);
CREATE INDEX audit_owner ON audit (owner, at, audit_id);
CREATE INDEX audit_at ON audit (at);

-- Removes rows that are older than $1 days and than a week, at most 5,000; how many. Runs as the owner of
-- the table, since the role that serves may remove none.
CREATE FUNCTION audit_sweep(integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH gone AS (
        DELETE FROM audit WHERE audit_id IN (
            SELECT o.audit_id FROM audit o WHERE o.at < now() - make_interval(days => greatest($1, 7))
            ORDER BY o.at LIMIT 5000 FOR UPDATE SKIP LOCKED)
        RETURNING 1
    )
    SELECT count(*) FROM gone;
END;
REVOKE ALL ON FUNCTION audit_sweep(integer) FROM PUBLIC;
