-- Keys of the API.

CREATE TABLE keys (
    key_id       text PRIMARY KEY,
    owner        text NOT NULL,
    name         text NOT NULL,
    hash         bytea NOT NULL CHECK (octet_length(hash) = 32), -- SHA-256 of the whole key
    scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0
                     AND scopes <@ ARRAY['read', 'write', 'run', 'export', 'admin']),
    datasets     text[],                      -- the only ones that it may see; NULL: all of the owner's
    rotated_from text REFERENCES keys,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz                  -- to the minute
);
CREATE INDEX keys_owner ON keys (owner, created_at, key_id);
