-- Says that the files of an export ($1) are under their own names in its directory now, and forgets the
-- parts of those that were put together.
WITH parts AS (
    DELETE FROM export_files WHERE export_id = $1::uuid AND NOT served
)
UPDATE export_files SET path = name WHERE export_id = $1::uuid AND served
