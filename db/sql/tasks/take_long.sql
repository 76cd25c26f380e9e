-- This transaction sorts a whole dataset, which may take longer than any other.
SELECT set_config('statement_timeout', '30min', true), set_config('work_mem', '64MB', true)
