-- Each index that a new delivery has to be written into costs as much as a tenth of it. What was found by alert, by duty, by scope
-- and by event is found by what it is about; and what became of its calls stands in the delivery itself.
-- The same file stands in migrations/sqlite; only types, collations and the functions for JSON differ.

-- alert:ID, duty:ID, or event:ID of what is about nothing else.
ALTER TABLE events ADD COLUMN subject TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE events SET subject = CASE WHEN kind IN ('alert', 'update') THEN 'alert:' || COALESCE(data::json->>'alertId', '')
    WHEN kind = 'duty' THEN 'duty:' || COALESCE(data::json->>'dutyId', '') ELSE 'event:' || id END;
ALTER TABLE events ALTER COLUMN subject DROP DEFAULT;
DROP INDEX alerts_event;

DROP INDEX deliveries_scope;
DROP INDEX deliveries_duty;
DROP INDEX deliveries_alert;
DROP INDEX deliveries_event;
ALTER TABLE deliveries ADD COLUMN subject TEXT COLLATE "C" NOT NULL DEFAULT '';
-- Its attempts that have ended, a line each: a JSON list of number, time, provider, class, code, message id and milliseconds.
ALTER TABLE deliveries ADD COLUMN attempt_log TEXT NOT NULL DEFAULT '';
UPDATE deliveries SET
    -- A bundle is about what its first member is about.
    subject = CASE WHEN alert_id IS NOT NULL THEN 'alert:' || alert_id WHEN duty_id IS NOT NULL THEN 'duty:' || duty_id
        WHEN purpose IN ('bundle', 'digest') THEN COALESCE((SELECT e.subject FROM events e WHERE e.id = event_id), scope) ELSE scope END,
    attempt_log = COALESCE((SELECT string_agg(
        json_build_array(a.number, a.at, a.provider, a.class, a.code, a.message_id, a.latency_ms)::text || chr(10), '' ORDER BY a.number)
        FROM attempts a WHERE a.delivery_id = deliveries.id), '');
ALTER TABLE deliveries ALTER COLUMN subject DROP DEFAULT;
ALTER TABLE deliveries DROP COLUMN duty_id;
DROP TABLE attempts;
CREATE INDEX deliveries_subject ON deliveries (subject, user_id);
-- More than before is written when a call has ended.
ALTER TABLE deliveries SET (fillfactor = 45);

-- Responders are those of open alerts: what was is in the alert's history.
DELETE FROM responders WHERE NOT is_open;
DROP INDEX responders_open;
ALTER TABLE responders DROP COLUMN is_open;
ALTER TABLE responders DROP CONSTRAINT responders_pkey;
ALTER TABLE responders ALTER COLUMN alert_id TYPE TEXT COLLATE "C";
ALTER TABLE responders ADD PRIMARY KEY (user_id, alert_id, round);

-- Compared byte by byte, as all other ids are.
ALTER TABLE alerts ALTER COLUMN id TYPE TEXT COLLATE "C";
