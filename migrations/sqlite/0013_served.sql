-- Until when a process served a channel, when the last one that did has ended: a worker without a provider for it leaves its
-- deliveries alone while another one may come back.
-- The same file stands in migrations/postgres; only types differ.

CREATE TABLE served (
    channel TEXT    NOT NULL PRIMARY KEY,
    until   INTEGER NOT NULL
);
