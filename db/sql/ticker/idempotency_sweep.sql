-- Forgets the Idempotency-Keys that were first seen a day ago ($1 ticker token).
DELETE FROM idempotency i
WHERE i.created_at <= now() - interval '24 hours' AND {{ticker_holds}}
