-- This transaction need not be on disk when it is acknowledged: a lost count costs nothing.
SELECT set_config('synchronous_commit', 'off', true)
