-- Limits l of a provider as the text of a JSON object.
('{' || concat_ws(',', '"max_in_flight":' || l.max_in_flight, '"rpm":' || l.rpm, '"tpm":' || l.tpm) || '}')
