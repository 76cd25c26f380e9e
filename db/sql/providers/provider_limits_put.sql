-- Sets the limits of a provider ($1 name, $2 max_in_flight, $3 rpm, $4 tpm, each NULL for what the
-- configuration says) if those that hold are what $5 and $6 ask for. One row: the text of a JSON object;
-- none when they are not. Of two at once the second one looks at what the first one has set.
WITH asked AS (
    SELECT $5::text[] AS match, $6::text[] AS none
)
INSERT INTO provider_limits AS l (provider, max_in_flight, rpm, tpm)
SELECT $1::text, $2::integer, $3::integer, $4::bigint
FROM (SELECT encode(substr(sha256('{}'), 1, 16), 'hex') AS tag) x
WHERE {{precondition}} OR EXISTS (SELECT FROM provider_limits o WHERE o.provider = $1::text)
ON CONFLICT (provider) DO UPDATE
SET max_in_flight = EXCLUDED.max_in_flight, rpm = EXCLUDED.rpm, tpm = EXCLUDED.tpm,
    updated_at = EXCLUDED.updated_at
WHERE (SELECT {{precondition}} FROM (SELECT encode(substr(sha256(convert_to({{provider_limits_json}}, 'UTF8')), 1, 16), 'hex') AS tag) x)
RETURNING {{provider_limits_json}}
