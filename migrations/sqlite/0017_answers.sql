-- Answers of people that have taken effect, until the broker has been told of them.
-- The same file stands in migrations/postgres; only collations differ.
CREATE TABLE answers (
    -- The event that each of them is.
    event_id    TEXT   NOT NULL PRIMARY KEY,
    alert_id    TEXT   NOT NULL,
    -- What it is bound to, as JSON.
    answer      TEXT   NOT NULL,
    -- Until then a process is telling the broker.
    taken_until BIGINT NOT NULL,
    at          BIGINT NOT NULL
);
