-- Whose things the caller ($1) may see.
($1::text[])[1]
