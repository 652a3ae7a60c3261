-- Whose an address or a name is, and what verifying addresses may cost.
-- The same file stands in migrations/postgres.

-- One user has a name, and one user a verified email address, however they are spelt; whoever is not verified is in nobody's way.
UPDATE users SET username = username || ' #' || id
    WHERE EXISTS (SELECT 1 FROM users o WHERE lower(o.username) = lower(users.username) AND o.id < users.id);
DROP INDEX users_username;
CREATE UNIQUE INDEX users_username_taken ON users (lower(username));
UPDATE contacts SET status = 'LOCKED' WHERE kind = 'email' AND status = 'OK'
    AND EXISTS (SELECT 1 FROM contacts o WHERE o.kind = 'email' AND o.status = 'OK' AND lower(o.target) = lower(contacts.target) AND o.id < contacts.id);
CREATE UNIQUE INDEX contacts_email_taken ON contacts (lower(target)) WHERE kind = 'email' AND status = 'OK';

-- What was spent on verifying within a day: by user, by address whoever claims it, and by all. No change of users or contacts
-- touches it.
CREATE TABLE verification_budgets (
    -- all, target:DIGEST, or user:ID.
    scope   TEXT   NOT NULL PRIMARY KEY,
    -- When the day began.
    since   BIGINT NOT NULL,
    codes   BIGINT NOT NULL,
    -- Wrong codes that were tried.
    wrong   BIGINT NOT NULL,
    -- When the last code was sent.
    sent_at BIGINT NOT NULL
);
CREATE INDEX verification_budgets_since ON verification_budgets (since);

CREATE INDEX telegram_links_user ON telegram_links (user_id);
