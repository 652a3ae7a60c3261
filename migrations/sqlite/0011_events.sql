-- What an event says is told from what others say that claim its identity, and what was repaired of it is kept with it.
-- The same file stands in migrations/postgres; only the pattern of a whole number differs.

-- Empty of events from before it was kept: those are the same as whatever has their identity.
ALTER TABLE events ADD COLUMN digest TEXT NOT NULL DEFAULT '';
-- What was repaired or left out, or names nobody: a JSON list of sentences.
ALTER TABLE events ADD COLUMN problems TEXT;
-- What its messages say instead of what it says itself, because a later event of the alert said more.
ALTER TABLE events ADD COLUMN content TEXT;
-- The same for what comes next.
ALTER TABLE alerts ADD COLUMN content TEXT;

-- Ids that may mean two users. None are taken any more; the index is of those from before.
CREATE INDEX users_numeric ON users (id) WHERE external_id GLOB '[0-9+-]*' AND substr(external_id, 2) NOT GLOB '*[^0-9]*';
CREATE INDEX users_like_public ON users (external_id) WHERE length(external_id) = 13 AND substr(external_id, 1, 1) = 'U';
