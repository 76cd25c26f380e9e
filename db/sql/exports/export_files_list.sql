-- The files of an export ($1) so far, in the order of the manifest: name, path, format, piece, whether
-- served, rows,
-- bytes, SHA-256, dtype.
-- result: binary
SELECT name, path, format, piece, served, rows, bytes, sha256, dtype
FROM export_files WHERE export_id = $1::uuid
ORDER BY format, name, piece
