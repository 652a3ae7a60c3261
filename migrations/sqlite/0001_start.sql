-- Times are epoch milliseconds. Enumerations are the names that the `core` crate gives them.
-- The same file stands in migrations/postgres; only the types differ.

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id     TEXT    NOT NULL UNIQUE,
    external_id   TEXT    UNIQUE,
    username      TEXT    NOT NULL,
    first_name    TEXT    NOT NULL,
    last_name     TEXT    NOT NULL,
    timezone      TEXT    NOT NULL,
    locale        TEXT    NOT NULL,
    quiet_hours   TEXT,
    custom_fields TEXT    NOT NULL,
    -- Grows with every change of the user, their contacts, devices, rules and gates: what was planned from an older one is planned again.
    version       BIGINT  NOT NULL,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL
);
CREATE INDEX users_username ON users (username);

CREATE TABLE contacts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind       TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    region     TEXT,
    is_primary BOOLEAN NOT NULL,
    status     TEXT    NOT NULL,
    UNIQUE (user_id, kind, target)
);
CREATE INDEX contacts_target ON contacts (kind, target);
CREATE INDEX contacts_email ON contacts (lower(target)) WHERE kind = 'email';
CREATE UNIQUE INDEX contacts_primary ON contacts (user_id, kind) WHERE is_primary;

-- A code on its way to a contact that is to be verified; a newer one replaces it. Without a hash it is void.
CREATE TABLE verifications (
    contact_id BIGINT NOT NULL PRIMARY KEY REFERENCES contacts (id) ON DELETE CASCADE,
    code_hash  TEXT   NOT NULL,
    sent_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    tries_left BIGINT NOT NULL,
    -- The event of the message that carries the code.
    event_id   TEXT   NOT NULL
);

CREATE TABLE devices (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind       TEXT    NOT NULL,
    token      TEXT    NOT NULL,
    keys       TEXT,
    created_at BIGINT  NOT NULL,
    UNIQUE (kind, token)
);
CREATE INDEX devices_user ON devices (user_id);

-- A started linking of a Telegram chat: the token of the deep link, hashed.
CREATE TABLE telegram_links (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);

CREATE TABLE rules (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id  TEXT    UNIQUE,
    user_id    BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    surface    TEXT    NOT NULL,
    cause      TEXT    NOT NULL,
    -- NULL is a wait step of a chain.
    channel    TEXT,
    contact_id BIGINT  REFERENCES contacts (id),
    offset_s   BIGINT  NOT NULL,
    position   BIGINT,
    critical   BOOLEAN NOT NULL
);
CREATE INDEX rules_user ON rules (user_id);
CREATE INDEX rules_contact ON rules (contact_id);

-- Categories of events; a notiflow is one.
CREATE TABLE categories (
    handle           TEXT   NOT NULL PRIMARY KEY,
    id               TEXT   NOT NULL UNIQUE,
    name             TEXT   NOT NULL,
    -- Where its subscription events go without any rule, as a JSON list of channels.
    default_channels TEXT   NOT NULL,
    created_at       BIGINT NOT NULL
);

-- Notiflows' switches. Category '' is every category; channel type '' is the category's own switch.
CREATE TABLE switches (
    user_id      BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    category     TEXT    NOT NULL,
    channel_type TEXT    NOT NULL,
    enabled      BOOLEAN NOT NULL,
    PRIMARY KEY (user_id, category, channel_type)
);

-- Messaging's preferences, as far as they were set. Category '' is the user's default.
CREATE TABLE preferences (
    id         TEXT    NOT NULL PRIMARY KEY,
    user_id    BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    category   TEXT    NOT NULL,
    in_app     BOOLEAN NOT NULL,
    email      BOOLEAN NOT NULL,
    push       BOOLEAN NOT NULL,
    digest     TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    UNIQUE (user_id, category)
);

-- What users were told in the app; the id is the delivery's.
CREATE TABLE notifications (
    id           TEXT   NOT NULL PRIMARY KEY,
    user_id      BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    category     TEXT,
    title        TEXT   NOT NULL,
    body         TEXT   NOT NULL,
    url          TEXT,
    created_at   BIGINT NOT NULL,
    seen_at      BIGINT,
    read_at      BIGINT,
    dismissed_at BIGINT
);
CREATE INDEX notifications_user ON notifications (user_id, created_at, id);
CREATE INDEX notifications_unread ON notifications (user_id) WHERE read_at IS NULL AND dismissed_at IS NULL;
CREATE INDEX notifications_unseen ON notifications (user_id) WHERE seen_at IS NULL AND dismissed_at IS NULL;

CREATE TABLE topics (
    topic   TEXT   NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (topic, user_id)
);
CREATE INDEX topics_user ON topics (user_id);

-- API keys; of the key itself only its hash is kept.
CREATE TABLE keys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL,
    hash       TEXT    NOT NULL UNIQUE,
    -- Of a key pair: the part that is no secret.
    public_key TEXT    UNIQUE,
    role       TEXT    NOT NULL,
    user_id    BIGINT  REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT  NOT NULL
);

CREATE TABLE audit (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     BIGINT  NOT NULL,
    -- NULL is Watchbell itself, a provider's callback, or the start.
    key_id BIGINT,
    action TEXT    NOT NULL,
    object TEXT    NOT NULL,
    detail TEXT
);

CREATE TABLE events (
    id          TEXT   NOT NULL PRIMARY KEY,
    -- A digest of (source, id), or of what stands for it.
    identity    TEXT   NOT NULL UNIQUE,
    kind        TEXT   NOT NULL,
    base_at     BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    data        TEXT   NOT NULL,
    -- What was decided about the event as a whole, where that is worth telling.
    decision    TEXT
);
CREATE INDEX events_codes ON events (id) WHERE kind = 'verification';

CREATE TABLE alerts (
    id          TEXT   NOT NULL PRIMARY KEY,
    -- open, accepted, resolved
    state       TEXT   NOT NULL,
    priority    TEXT   NOT NULL,
    summary     TEXT   NOT NULL,
    url         TEXT,
    category    TEXT,
    round       BIGINT NOT NULL,
    -- The first round since the alert was last resolved.
    since_round BIGINT NOT NULL,
    -- Occurrences, as JSON: of what opened the current round, and of what last accepted or resolved the alert.
    opened      TEXT,
    closed      TEXT,
    event_id    TEXT   NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX alerts_closed ON alerts (updated_at) WHERE state <> 'open';
CREATE INDEX alerts_event ON alerts (event_id) WHERE state = 'open';

CREATE TABLE responders (
    alert_id   TEXT    NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    round      BIGINT  NOT NULL,
    user_id    BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
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
CREATE INDEX responders_open ON responders (user_id) WHERE is_open;

CREATE TABLE duties (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    starts_at  BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL,
    schedule   TEXT   NOT NULL,
    -- SCHEDULED, CANCELLED
    status     TEXT   NOT NULL,
    -- The occurrence of the event that last said so, as JSON.
    told       TEXT   NOT NULL,
    event_id   TEXT   NOT NULL
);
CREATE INDEX duties_coming ON duties (user_id, ends_at);
CREATE INDEX duties_ended ON duties (ends_at);
CREATE INDEX duties_event ON duties (event_id);

CREATE TABLE deliveries (
    id         TEXT    NOT NULL PRIMARY KEY,
    -- What it belongs to: alert:ID:ROUND, duty:ID:START, or event:ID.
    scope      TEXT    NOT NULL,
    event_id   TEXT    NOT NULL,
    alert_id   TEXT,
    duty_id    TEXT,
    -- Of the event that it tells of.
    category   TEXT,
    user_id    BIGINT  NOT NULL,
    purpose    TEXT    NOT NULL,
    cause      TEXT    NOT NULL,
    channel    TEXT    NOT NULL,
    contact_id BIGINT,
    device_id  BIGINT,
    -- For histories: masked.
    address    TEXT    NOT NULL,
    -- The rules that it stands for, as a JSON list of their ids.
    rules      TEXT    NOT NULL,
    critical   BOOLEAN NOT NULL,
    -- 0 is a HIGH alert, 1 everything else.
    rank       BIGINT  NOT NULL,
    due_at     BIGINT  NOT NULL,
    -- The earliest time of the next try; due_at until one failed.
    ready_at   BIGINT  NOT NULL,
    expires_at BIGINT,
    state      TEXT    NOT NULL,
    reason     TEXT,
    -- The epoch of the process that has claimed or begun it.
    lease      BIGINT,
    begun_at   BIGINT,
    -- Why it is not to be tried again, when that was decided during a call.
    stop       TEXT,
    attempts   BIGINT  NOT NULL,
    provider   TEXT,
    message_id TEXT,
    -- What it waits to be told together with: flood, quiet, hourly, daily.
    collect    TEXT,
    -- The delivery that it is told by, with others.
    bundle_id  TEXT,
    sent_at    BIGINT,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (channel, rank, ready_at) WHERE state = 'scheduled' AND lease IS NULL;
CREATE INDEX deliveries_held ON deliveries (channel, ready_at) WHERE state = 'held';
CREATE INDEX deliveries_collecting ON deliveries (channel, collect, user_id) WHERE collect IS NOT NULL AND state = 'scheduled';
CREATE INDEX deliveries_bundle ON deliveries (bundle_id) WHERE bundle_id IS NOT NULL;
CREATE INDEX deliveries_leased ON deliveries (lease) WHERE lease IS NOT NULL;
CREATE INDEX deliveries_pending ON deliveries (user_id) WHERE state IN ('scheduled', 'held');
CREATE INDEX deliveries_scope ON deliveries (scope, user_id);
CREATE INDEX deliveries_user ON deliveries (user_id, id);
CREATE INDEX deliveries_duty ON deliveries (duty_id) WHERE duty_id IS NOT NULL;
CREATE INDEX deliveries_alert ON deliveries (alert_id, id) WHERE alert_id IS NOT NULL;
CREATE INDEX deliveries_event ON deliveries (event_id, id);
CREATE INDEX deliveries_failed ON deliveries (id) WHERE state = 'failed';

CREATE TABLE attempts (
    delivery_id TEXT   NOT NULL,
    number      BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    provider    TEXT   NOT NULL,
    class       TEXT   NOT NULL,
    code        TEXT,
    message_id  TEXT,
    latency_ms  BIGINT,
    PRIMARY KEY (delivery_id, number)
);

-- Users that an event did not reach: all their steps were impossible or failed.
CREATE TABLE unreachable (
    scope    TEXT   NOT NULL,
    user_id  BIGINT NOT NULL,
    event_id TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (scope, user_id)
);
CREATE INDEX unreachable_at ON unreachable (at);

-- An event for a topic whose members have not all been planned yet.
CREATE TABLE fanouts (
    event_id     TEXT   NOT NULL PRIMARY KEY,
    topic        TEXT   NOT NULL,
    -- Members up to this one are planned.
    last_user_id BIGINT NOT NULL
);

CREATE TABLE dead_letters (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    subject     TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    headers     TEXT    NOT NULL,
    -- As it came, in base64: it may be anything.
    payload     TEXT    NOT NULL,
    received_at BIGINT  NOT NULL,
    created_at  BIGINT  NOT NULL,
    replayed_at BIGINT
);

-- What one address takes by one channel; the key is a digest of both.
CREATE TABLE recipients (
    id         TEXT NOT NULL PRIMARY KEY,
    -- By the generic cell rate algorithm: when all that was sent so far has been spread out at the allowed rate.
    busy_until BIGINT NOT NULL,
    -- When the last messages went, as a JSON list: no more than may go singly in a window.
    sent       TEXT   NOT NULL,
    -- After this the row says nothing any more.
    quiet_at   BIGINT NOT NULL
);
CREATE INDEX recipients_quiet ON recipients (quiet_at);

-- The lives of processes that hold leases; a row that has not been renewed in time has lost them.
CREATE TABLE processes (
    epoch       INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL,
    roles       TEXT    NOT NULL,
    -- The channels that it sends by, as a JSON list: a provider's limit is shared by all who do.
    channels    TEXT    NOT NULL,
    started_at  BIGINT  NOT NULL,
    alive_until BIGINT  NOT NULL
);

-- Small facts that outlive a process, such as how far the Telegram bot has read.
CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
