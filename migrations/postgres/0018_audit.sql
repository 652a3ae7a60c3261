-- Where a request came from: an IPv4 address, or an IPv6 network of 64 bits.
ALTER TABLE audit ADD COLUMN address TEXT;
CREATE INDEX audit_at ON audit (at);

CREATE INDEX dead_letters_created ON dead_letters (created_at);

-- The keys that can make others: the last one stays.
CREATE INDEX keys_admin ON keys (id) WHERE role = 'admin' AND public_key IS NULL;
CREATE INDEX keys_user ON keys (user_id) WHERE user_id IS NOT NULL;

-- Addresses that an admin blacklisted and whose contacts are gone: hex SHA-256 of kind and target.
CREATE TABLE blacklist (
    digest TEXT NOT NULL PRIMARY KEY
);
