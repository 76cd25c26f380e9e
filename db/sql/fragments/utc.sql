-- The format of times: RFC 3339, milliseconds, UTC.
'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
