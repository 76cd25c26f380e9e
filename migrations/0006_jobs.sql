-- Runs as jobs: labels, a count of their changes, and retries of what has failed.

-- Small global tables -----------------------------------------------------------------------------

ALTER TABLE runs
    ADD COLUMN labels       jsonb NOT NULL DEFAULT '{}', -- of whoever started it; they decide nothing
    ADD COLUMN revision     bigint NOT NULL DEFAULT 1,   -- raised by every change of this row that shows
    ADD COLUMN active_since timestamptz,                 -- when it was last set going; NULL while it queues
    ADD COLUMN retry        integer NOT NULL DEFAULT 0,  -- times that what had failed was put back
    ADD COLUMN base         json;                        -- the stages' counts before that, less what was put back
UPDATE runs SET active_since = started_at;

-- What the process has to say of the servers that it calls: by name of provider or encoder, why calls
-- wait, as code and detail.
ALTER TABLE replicas ADD COLUMN waiting jsonb NOT NULL DEFAULT '{}';

-- Big tables --------------------------------------------------------------------------------------

-- A failure that was put back is none until the item fails again.
ALTER TABLE failures
    ADD COLUMN retry    integer NOT NULL DEFAULT 0,      -- of its run, in which it was last put back
    ADD COLUMN put_back boolean NOT NULL DEFAULT false;  -- and has not failed since
