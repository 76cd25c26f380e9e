-- Whether the caller may see dataset d. $1 is the owner's name and, when the caller's key is limited to
-- some datasets, their names behind it.
(d.owner = {{owner}} AND d.deleted_at IS NULL
 AND (cardinality($1::text[]) = 1 OR d.name = ANY (($1::text[])[2:])))
