-- A file of an export. $1 caller, $2 export, $3 its name as it is served. One row: path within the
-- export's directory, bytes, SHA-256 as digits and as Base64, when the export was finished in seconds; all
-- NULL when it has no such file. No row without an export that may be read.
SELECT f.path, f.bytes, encode(f.sha256, 'hex'), encode(f.sha256, 'base64'),
       extract(epoch FROM date_trunc('second', x.finished_at))::bigint
FROM exports x
JOIN datasets d ON d.number = x.dataset
LEFT JOIN export_files f ON f.export_id = x.export_id AND f.name = $3 AND f.served
WHERE x.export_id = $2::uuid AND x.state = 'succeeded' AND x.deleted_at IS NULL AND {{mine}}
