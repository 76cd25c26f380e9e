-- Gives the ticker's lease back ($1 holder).
UPDATE tickers SET lease_until = '-infinity' WHERE name = 'main' AND holder = $1
