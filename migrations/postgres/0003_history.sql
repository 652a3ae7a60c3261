-- An alert keeps its events, as far as they still matter, instead of what they had come to when they arrived.
-- The same file stands in migrations/sqlite; only the functions for JSON differ.

ALTER TABLE alerts ADD COLUMN history TEXT NOT NULL DEFAULT '[]';

-- What was known of alerts so far: whom something named last, and what last closed them.
UPDATE alerts SET history = (
    SELECT COALESCE(json_agg(event ORDER BY received_at)::text, '[]') FROM (
            SELECT (r.named::json->>'received_at')::bigint AS received_at, json_build_object(
                -- Rounds after the first were opened by escalations of an alert that somebody had accepted.
                'what', CASE WHEN alerts.state = 'open' AND r.round > alerts.since_round THEN 'escalated' ELSE 'alert' END,
                'priority', alerts.priority, 'category', alerts.category, 'at', r.named::json, 'base_at', MIN(r.base_at), 'event_id', r.named_by,
                'named', json_agg(json_build_array(r.user_id, r.round) ORDER BY r.user_id)) AS event
            FROM responders r WHERE r.alert_id = alerts.id AND r.round >= alerts.since_round AND alerts.state <> 'resolved'
            GROUP BY r.named_by, r.named, r.round
            UNION ALL
            SELECT (alerts.closed::json->>'received_at')::bigint, json_build_object(
                'what', CASE WHEN alerts.state = 'accepted' OR (alerts.state = 'open' AND alerts.round > alerts.since_round)
                    THEN 'accepted' ELSE 'resolved' END,
                'at', alerts.closed::json, 'base_at', (alerts.closed::json->>'received_at')::bigint, 'event_id', 'closed',
                'named', CASE alerts.state WHEN 'resolved' THEN (
                    SELECT COALESCE(json_agg(json_build_array(r.user_id, NULL) ORDER BY r.user_id), '[]') FROM responders r
                    WHERE r.alert_id = alerts.id AND r.round >= alerts.since_round) ELSE json_build_array() END)
            WHERE alerts.closed IS NOT NULL
        ) AS events
);
UPDATE alerts SET since_round = round + 1 WHERE state = 'resolved' OR round = 0;

ALTER TABLE alerts DROP COLUMN opened;
ALTER TABLE alerts DROP COLUMN closed;
ALTER TABLE responders DROP COLUMN named;
ALTER TABLE responders DROP COLUMN named_by;
