-- What third-party clients read and compare.
-- The same file stands in migrations/sqlite.

-- A user's role, position, department, region and colour of shifts, as JSON.
ALTER TABLE users ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';

-- When contacts were made and last changed. Of those that are there already, the time is not known better than their user's.
ALTER TABLE contacts ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE contacts SET created_at = u.created_at, updated_at = u.created_at FROM users u WHERE u.id = contacts.user_id;

-- Topics are there until they are deleted, whether anybody is a member or not; memberships have a time.
CREATE TABLE topic_names (
    topic      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL
);
CREATE INDEX topic_names_newest ON topic_names (created_at, topic);
ALTER TABLE topics ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
UPDATE topics SET created_at = u.created_at FROM users u WHERE u.id = topics.user_id;
CREATE INDEX topics_newest ON topics (topic, created_at, user_id);
INSERT INTO topic_names (topic, created_at) SELECT topic, MIN(created_at) FROM topics GROUP BY topic;

-- What was told to whom is listed event by event, the newest first.
CREATE INDEX events_subscriptions ON events (id) WHERE kind = 'subscription';
