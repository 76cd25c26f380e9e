-- Whether the caller may see a dataset named d.name, if the owner has one. $1 is the owner's name and,
-- when the caller's key is limited to some datasets, their names behind it.
(cardinality($1::text[]) = 1 OR d.name = ANY (($1::text[])[2:]))
