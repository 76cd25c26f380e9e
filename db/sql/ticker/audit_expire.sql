-- Removes rows of the audit log that are older than $2 days, if $1 is still the ticker's token. One row: how
-- many; none when it is not.
SELECT audit_sweep($2::integer) WHERE {{ticker_holds}}
