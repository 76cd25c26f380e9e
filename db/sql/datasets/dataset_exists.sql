-- $1 owner, $2 name. One row: number, or none.
WITH {{dataset}}
SELECT ds.number FROM ds
