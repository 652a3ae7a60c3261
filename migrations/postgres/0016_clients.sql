-- What third-party clients read and compare.
-- The same file stands in migrations/sqlite.

-- A user's role, position, department, region and colour of shifts, as JSON.
ALTER TABLE users ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
