-- The providers that a process does not call now, or only tries, as a JSON list.
-- The same file stands in migrations/postgres.

ALTER TABLE processes ADD COLUMN outages TEXT NOT NULL DEFAULT '[]';
