-- Whether $1 is still the ticker's token.
EXISTS (SELECT 1 FROM tickers WHERE name = 'main' AND token = $1)
