-- A delivery's row changes its state several times, and most of its columns never: what is looked for by state has narrow tables
-- of its own, so that no change of a delivery has to be written into an index.
-- The same file stands in migrations/postgres; there constraints can be dropped and pages left half empty.

-- What may become ready, and when. An entry is a hint: the delivery itself says whether it still waits. Several may stand for one.
CREATE TABLE waiting (
    id       TEXT NOT NULL,
    user_id  BIGINT NOT NULL,
    channel  TEXT   NOT NULL,
    -- 0 is a HIGH alert, 1 everything else, 2 what is held, 3 what a process has claimed.
    rank     BIGINT NOT NULL,
    ready_at BIGINT NOT NULL,
    collect  TEXT
);
CREATE INDEX waiting_ready ON waiting (channel, rank, ready_at);
CREATE INDEX waiting_user ON waiting (user_id, id);
INSERT INTO waiting (id, user_id, channel, rank, ready_at, collect)
    SELECT id, user_id, channel, CASE WHEN lease IS NOT NULL THEN 3 WHEN state = 'held' THEN 2 ELSE rank END, ready_at, collect
    FROM deliveries WHERE state IN ('scheduled', 'held');

-- Which deliveries a process has leased, those of one transaction in one row, as a JSON list. Whether it still holds them, they
-- say themselves.
CREATE TABLE flights (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch      BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    deliveries TEXT   NOT NULL
);
CREATE INDEX flights_epoch ON flights (epoch, at);
INSERT INTO flights (epoch, at, deliveries)
    SELECT lease, 0, json_group_array(id) FROM deliveries WHERE lease IS NOT NULL GROUP BY lease;

-- Deliveries that failed, for listing them.
CREATE TABLE failures (
    id TEXT NOT NULL PRIMARY KEY
);
INSERT INTO failures (id) SELECT id FROM deliveries WHERE state = 'failed';

DROP INDEX deliveries_due;
DROP INDEX deliveries_held;
DROP INDEX deliveries_collecting;
DROP INDEX deliveries_leased;
DROP INDEX deliveries_pending;
DROP INDEX deliveries_failed;

-- Checked by the transitions that write it, which hold the alert and the users anyway.
CREATE TABLE unchecked (
    alert_id   TEXT    NOT NULL,
    round      BIGINT  NOT NULL,
    user_id    BIGINT  NOT NULL,
    -- From here delays count.
    base_at    BIGINT  NOT NULL,
    event_id   TEXT    NOT NULL,
    -- The occurrence of the event that last named this responder, as JSON, and that event.
    named      TEXT    NOT NULL,
    named_by   TEXT    NOT NULL,
    -- Nobody has accepted or resolved the alert in this round.
    is_open    BOOLEAN NOT NULL,
    PRIMARY KEY (alert_id, round, user_id)
);
INSERT INTO unchecked SELECT alert_id, round, user_id, base_at, event_id, named, named_by, is_open FROM responders;
DROP TABLE responders;
ALTER TABLE unchecked RENAME TO responders;
CREATE INDEX responders_open ON responders (user_id) WHERE is_open;
