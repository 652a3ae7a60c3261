-- Each index that a new delivery has to be written into costs as much as a tenth of it. What was found by alert, by duty, by scope
-- and by event is found by what it is about; and what became of its calls stands in the delivery itself.
-- The same file stands in migrations/postgres; only types, collations and the functions for JSON differ.

-- alert:ID, duty:ID, or event:ID of what is about nothing else.
ALTER TABLE events ADD COLUMN subject TEXT NOT NULL DEFAULT '';
UPDATE events SET subject = CASE WHEN kind IN ('alert', 'update') THEN 'alert:' || COALESCE(data->>'alertId', '')
    WHEN kind = 'duty' THEN 'duty:' || COALESCE(data->>'dutyId', '') ELSE 'event:' || id END;
DROP INDEX alerts_event;

DROP INDEX deliveries_scope;
DROP INDEX deliveries_duty;
DROP INDEX deliveries_alert;
DROP INDEX deliveries_event;
ALTER TABLE deliveries ADD COLUMN subject TEXT NOT NULL DEFAULT '';
-- Its attempts that have ended, a line each: a JSON list of number, time, provider, class, code, message id and milliseconds.
ALTER TABLE deliveries ADD COLUMN attempt_log TEXT NOT NULL DEFAULT '';
UPDATE deliveries SET
    -- A bundle is about what its first member is about.
    subject = CASE WHEN alert_id IS NOT NULL THEN 'alert:' || alert_id WHEN duty_id IS NOT NULL THEN 'duty:' || duty_id
        WHEN purpose IN ('bundle', 'digest') THEN COALESCE((SELECT e.subject FROM events e WHERE e.id = event_id), scope) ELSE scope END,
    attempt_log = COALESCE((SELECT group_concat(line, '') FROM (
        SELECT json_array(a.number, a.at, a.provider, a.class, a.code, a.message_id, a.latency_ms) || char(10) AS line
        FROM attempts a WHERE a.delivery_id = deliveries.id ORDER BY a.number)), '');
ALTER TABLE deliveries DROP COLUMN duty_id;
DROP TABLE attempts;
CREATE INDEX deliveries_subject ON deliveries (subject, user_id);

-- Responders are those of open alerts: what was is in the alert's history.
CREATE TABLE told (
    user_id    BIGINT  NOT NULL,
    alert_id   TEXT    NOT NULL,
    round      BIGINT  NOT NULL,
    -- From here delays count.
    base_at    BIGINT  NOT NULL,
    event_id   TEXT    NOT NULL,
    PRIMARY KEY (user_id, alert_id, round)
);
INSERT INTO told SELECT user_id, alert_id, round, base_at, event_id FROM responders WHERE is_open;
DROP TABLE responders;
ALTER TABLE told RENAME TO responders;
