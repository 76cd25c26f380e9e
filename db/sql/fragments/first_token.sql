-- Where the tokens of the tasks of run r begin: a retry opens tasks that were there before, and whoever
-- still holds one of these must not come to hold a new one.
(r.retry * 1000000000::bigint)
