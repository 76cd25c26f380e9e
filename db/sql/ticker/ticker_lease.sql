-- Takes or keeps the ticker's lease ($1 holder, $2 seconds); no row when another replica has it.
UPDATE tickers
SET token = CASE WHEN holder = $1 THEN token ELSE token + 1 END, holder = $1,
    lease_until = now() + make_interval(secs => $2::float8)
WHERE name = 'main' AND (holder = $1 OR lease_until < now())
RETURNING token
