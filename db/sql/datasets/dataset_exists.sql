-- $1 caller, $2 name. One row: number and vector type, or none.
WITH {{dataset}}
SELECT ds.number, ds.vector_type FROM ds
