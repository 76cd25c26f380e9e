-- The limits of a provider ($1 name) that an operator has set. One row: the text of a JSON object.
SELECT coalesce((SELECT {{provider_limits_json}} FROM provider_limits l WHERE l.provider = $1::text), '{}')
