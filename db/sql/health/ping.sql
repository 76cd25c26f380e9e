-- Whether the database answers. One row: 1.
SELECT 1
