-- An alert keeps its events, as far as they still matter, instead of what they had come to when they arrived.
-- The same file stands in migrations/postgres; only the functions for JSON differ.

ALTER TABLE alerts ADD COLUMN history TEXT NOT NULL DEFAULT '[]';

-- What was known of alerts so far: whom something named last, and what last closed them.
UPDATE alerts SET history = (
    SELECT COALESCE(json_group_array(json(event)), '[]') FROM (
        SELECT received_at, event FROM (
            SELECT json_extract(r.named, '$.received_at') AS received_at, json_object(
                -- Rounds after the first were opened by escalations of an alert that somebody had accepted.
                'what', CASE WHEN alerts.state = 'open' AND r.round > alerts.since_round THEN 'escalated' ELSE 'alert' END,
                'priority', alerts.priority, 'category', alerts.category, 'at', json(r.named), 'base_at', MIN(r.base_at), 'event_id', r.named_by,
                'named', json_group_array(json_array(r.user_id, r.round) ORDER BY r.user_id)) AS event
            FROM responders r WHERE r.alert_id = alerts.id AND r.round >= alerts.since_round AND alerts.state <> 'resolved'
            GROUP BY r.named_by, r.named, r.round
            UNION ALL
            SELECT json_extract(alerts.closed, '$.received_at'), json_object(
                'what', CASE WHEN alerts.state = 'accepted' OR (alerts.state = 'open' AND alerts.round > alerts.since_round)
                    THEN 'accepted' ELSE 'resolved' END,
                'at', json(alerts.closed), 'base_at', json_extract(alerts.closed, '$.received_at'), 'event_id', 'closed',
                'named', CASE alerts.state WHEN 'resolved' THEN (
                    SELECT json_group_array(json_array(r.user_id, NULL) ORDER BY r.user_id) FROM responders r
                    WHERE r.alert_id = alerts.id AND r.round >= alerts.since_round) ELSE json_array() END)
            WHERE alerts.closed IS NOT NULL
        ) ORDER BY received_at
    )
);
UPDATE alerts SET since_round = round + 1 WHERE state = 'resolved' OR round = 0;

ALTER TABLE alerts DROP COLUMN opened;
ALTER TABLE alerts DROP COLUMN closed;
ALTER TABLE responders DROP COLUMN named;
ALTER TABLE responders DROP COLUMN named_by;
