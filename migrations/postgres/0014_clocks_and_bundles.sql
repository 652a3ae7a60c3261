-- How far the clock of a process's machine is ahead of the database's, in milliseconds.
-- The same file stands in migrations/sqlite; only types differ.
ALTER TABLE processes ADD COLUMN clock_ahead_ms BIGINT;

-- Deliveries that wait to go singly as soon as the recipient takes them, as a JSON list of their ids and ranks.
ALTER TABLE recipients ADD COLUMN queued TEXT NOT NULL DEFAULT '[]';

-- Alerts that nobody resolves are closed after a while: by when something was last heard of them, whatever their state.
DROP INDEX alerts_closed;
CREATE INDEX alerts_updated ON alerts (updated_at);

-- Whom an event did not reach is planned anew when they can be reached.
CREATE INDEX unreachable_user ON unreachable (user_id);
