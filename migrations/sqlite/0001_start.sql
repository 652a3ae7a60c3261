-- The tables of Watchbell, in the order in which a reader meets them: people, what they want, who may use the API, what came in,
-- alerts and duties, deliveries, and the processes that send them.
--
-- migrations/postgres and migrations/sqlite hold the same tables; only types, collations and one pattern differ.
-- Times are milliseconds since 1970. Enumerations are the names that the `core` crate gives them. Ids that are compared or sorted
-- as texts are compared byte by byte, as Rust does.

--------------------------------------------------------------------------------------------------------------------------------
-- People
--------------------------------------------------------------------------------------------------------------------------------

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id     TEXT   NOT NULL UNIQUE,
    external_id   TEXT   UNIQUE,
    username      TEXT   NOT NULL,
    first_name    TEXT   NOT NULL,
    last_name     TEXT   NOT NULL,
    timezone      TEXT   NOT NULL,
    locale        TEXT   NOT NULL,
    quiet_hours   TEXT,
    custom_fields TEXT   NOT NULL,
    -- The role, position, department, region and colour of shifts that third-party clients show, as JSON.
    profile       TEXT   NOT NULL DEFAULT '{}',
    -- Grows with every change of the user, their contacts, devices, rules and switches: a plan counts only for the version that it was made from.
    version       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);
-- A user name belongs to one user, however it is spelt.
CREATE UNIQUE INDEX users_username_taken ON users (lower(username));
-- Calendars call people by their names.
CREATE INDEX users_full_name ON users (lower(first_name || ' ' || last_name));
-- External ids that could also mean another user by number or by public id. None are accepted any more; where these two indexes are
-- empty, no name needs to be looked up twice.
CREATE INDEX users_numeric ON users (id) WHERE external_id GLOB '[0-9+-]*' AND substr(external_id, 2) NOT GLOB '*[^0-9]*';
CREATE INDEX users_like_public ON users (external_id) WHERE length(external_id) = 13 AND substr(external_id, 1, 1) = 'U';

CREATE TABLE contacts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind       TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    region     TEXT,
    is_primary BOOLEAN NOT NULL,
    status     TEXT    NOT NULL,
    -- Its status before it was blacklisted because its address opted out by its carrier; NULL where it did not.
    opted_out  TEXT,
    created_at BIGINT  NOT NULL DEFAULT 0,
    updated_at BIGINT  NOT NULL DEFAULT 0,
    UNIQUE (user_id, kind, target)
);
CREATE INDEX contacts_target ON contacts (kind, target);
CREATE INDEX contacts_email ON contacts (lower(target)) WHERE kind = 'email';
-- A verified email address belongs to one user, however it is spelt. One that is not verified is in nobody's way.
CREATE UNIQUE INDEX contacts_email_taken ON contacts (lower(target)) WHERE kind = 'email' AND status = 'OK';
CREATE UNIQUE INDEX contacts_primary ON contacts (user_id, kind) WHERE is_primary;

-- Who is who in chats that several people see: whoever presses a button there acts as this user. An account is one user's.
CREATE TABLE accounts (
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    service    TEXT   NOT NULL,
    account    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, service),
    UNIQUE (service, account)
);

-- The code that is on its way to a contact that is to be verified. A newer code replaces it, and an empty hash means that it is void.
CREATE TABLE verifications (
    contact_id BIGINT NOT NULL PRIMARY KEY REFERENCES contacts (id) ON DELETE CASCADE,
    code_hash  TEXT   NOT NULL,
    sent_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    tries_left BIGINT NOT NULL,
    -- The event of the message that carries the code.
    event_id   TEXT   NOT NULL
);

-- What was spent on verifying and trying addresses within a day. It refers to nobody, so that deleting and making contacts and users anew resets no budget.
CREATE TABLE verification_budgets (
    -- Whose budget it is: all, target:DIGEST of an address whoever claims it, or user:ID; of test messages the same behind test:.
    scope   TEXT   NOT NULL PRIMARY KEY,
    -- When the day began.
    since   BIGINT NOT NULL,
    -- Codes, or test messages, that were sent.
    codes   BIGINT NOT NULL,
    -- Wrong codes that were tried.
    wrong   BIGINT NOT NULL,
    -- When the last of them was sent.
    sent_at BIGINT NOT NULL
);
CREATE INDEX verification_budgets_since ON verification_budgets (since);

-- Addresses that an admin blacklisted and whose contacts are gone: the hex SHA-256 of kind and target.
CREATE TABLE blacklist (
    digest TEXT NOT NULL PRIMARY KEY
);

CREATE TABLE devices (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind       TEXT   NOT NULL,
    token      TEXT   NOT NULL,
    keys       TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (kind, token)
);
CREATE INDEX devices_user ON devices (user_id);

-- Deep links to the Telegram bot that nobody has opened yet; of each link's token only the hash is kept.
CREATE TABLE telegram_links (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);
CREATE INDEX telegram_links_user ON telegram_links (user_id);

CREATE TABLE rules (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id  TEXT    UNIQUE,
    user_id    BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    surface    TEXT    NOT NULL,
    -- The rule's trigger.
    cause      TEXT    NOT NULL,
    -- NULL for the step of a chain that only waits.
    channel    TEXT,
    contact_id BIGINT  REFERENCES contacts (id),
    offset_s   BIGINT  NOT NULL,
    -- The place in a chain; NULL for a rule that belongs to none.
    position   BIGINT,
    critical   BOOLEAN NOT NULL,
    -- What has to be the case for it to count, as JSON; NULL where it always does.
    conditions TEXT,
    -- Of a rule for alerts: how often it tells again as long as nobody accepts; both or none.
    repeat_every_s BIGINT,
    repeat_times   BIGINT
);
CREATE INDEX rules_user ON rules (user_id);
CREATE INDEX rules_contact ON rules (contact_id);

--------------------------------------------------------------------------------------------------------------------------------
-- What people want, and what they were told in the app
--------------------------------------------------------------------------------------------------------------------------------

-- Categories of events. What Notiflows calls a notiflow is a category.
CREATE TABLE categories (
    handle           TEXT NOT NULL PRIMARY KEY,
    id               TEXT   NOT NULL UNIQUE,
    name             TEXT   NOT NULL,
    -- Where subscription events of the category go without any rule, as a JSON list of channels.
    default_channels TEXT   NOT NULL,
    created_at       BIGINT NOT NULL
);

-- Notiflows' switches. The category '' stands for every category; the channel type '' is the category's own switch.
CREATE TABLE switches (
    user_id      BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    category     TEXT NOT NULL,
    channel_type TEXT    NOT NULL,
    enabled      BOOLEAN NOT NULL,
    PRIMARY KEY (user_id, category, channel_type)
);

-- Messaging's preferences, as far as they were set. The category '' is the user's default.
CREATE TABLE preferences (
    id         TEXT    NOT NULL PRIMARY KEY,
    user_id    BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    category   TEXT NOT NULL,
    in_app     BOOLEAN NOT NULL,
    email      BOOLEAN NOT NULL,
    push       BOOLEAN NOT NULL,
    digest     TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    UNIQUE (user_id, category)
);

-- What users were told in the app. The id is the delivery's, so that telling it again adds nothing.
CREATE TABLE notifications (
    id           TEXT NOT NULL PRIMARY KEY,
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

-- Topics stay until they are deleted, whether anybody is a member of them or not.
CREATE TABLE topics (
    topic      TEXT NOT NULL PRIMARY KEY,
    -- When the topic had its first member.
    created_at BIGINT NOT NULL
);
CREATE INDEX topics_newest ON topics (created_at, topic);

CREATE TABLE topic_members (
    topic      TEXT   NOT NULL,
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, user_id)
);
CREATE INDEX topic_members_user ON topic_members (user_id);
CREATE INDEX topic_members_newest ON topic_members (topic, created_at, user_id);

--------------------------------------------------------------------------------------------------------------------------------
-- Who may use the API, and what they did
--------------------------------------------------------------------------------------------------------------------------------

-- API keys; of a key itself only the hash is kept.
CREATE TABLE keys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT   NOT NULL,
    hash       TEXT   NOT NULL UNIQUE,
    -- Of a key pair: the part that is no secret.
    public_key TEXT   UNIQUE,
    role       TEXT   NOT NULL,
    user_id    BIGINT REFERENCES users (id) ON DELETE CASCADE,
    -- Of a publisher's key that a monitoring tool has: the one intake that it is for.
    intake     TEXT,
    -- Of somebody who signs in by an identity provider: a digest of who that is there. Nobody calls with such a key but a session.
    subject    TEXT   UNIQUE,
    created_at BIGINT NOT NULL,
    -- From then on it opens nothing; NULL: it goes on until it is deleted.
    expires_at BIGINT,
    -- When it was last used, to a minute, and the address from which.
    used_at    BIGINT,
    used_from  TEXT
);
-- The keys that can make other keys, for ever; the last one of them is never deleted.
CREATE INDEX keys_admin ON keys (id) WHERE role = 'admin' AND public_key IS NULL AND subject IS NULL AND expires_at IS NULL;
CREATE INDEX keys_user ON keys (user_id) WHERE user_id IS NOT NULL;

-- Browsers that act with a key, until they sign out. Of a session's id, which only the browser's cookie has, the hash is kept. It ends
-- with its key.
CREATE TABLE browser_sessions (
    id_hash    TEXT   NOT NULL PRIMARY KEY,
    key_id     BIGINT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX browser_sessions_key ON browser_sessions (key_id, created_at);
CREATE INDEX browser_sessions_expired ON browser_sessions (expires_at);

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      BIGINT NOT NULL,
    -- NULL for Watchbell itself, for a provider's callback, and for somebody without a key that is known.
    key_id  BIGINT,
    -- Where the request came from: an IPv4 address, or an IPv6 network of 64 bits.
    address TEXT,
    action  TEXT   NOT NULL,
    object  TEXT   NOT NULL,
    detail  TEXT
);
CREATE INDEX audit_at ON audit (at);

-- Small facts that outlive a process, such as how far the Telegram bot has read.
CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

--------------------------------------------------------------------------------------------------------------------------------
-- What came in
--------------------------------------------------------------------------------------------------------------------------------

CREATE TABLE events (
    id          TEXT NOT NULL PRIMARY KEY,
    -- A digest of (source, id), or of what stands for it.
    identity    TEXT NOT NULL UNIQUE,
    -- A digest of what the event says, which tells it from another one that claims the same identity.
    digest      TEXT   NOT NULL DEFAULT '',
    kind        TEXT   NOT NULL,
    -- What it is about: alert:ID, duty:ID, or event:ID where it is about nothing else.
    subject     TEXT NOT NULL,
    base_at     BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    data        TEXT   NOT NULL,
    -- What its messages say instead of what it says itself, because a later event of the alert said more.
    content     TEXT,
    -- What of it was repaired or left out, or which names of it nobody has: a JSON list of sentences.
    problems    TEXT,
    -- What was decided about the event as a whole, where that is worth telling: a code with arguments, as JSON.
    decision    TEXT,
    -- The span that accepted it, as a traceparent; NULL where no traces are kept.
    trace       TEXT
);
CREATE INDEX events_codes ON events (id) WHERE kind = 'verification';
-- Lists of what was told to whom go event by event, the newest first.
CREATE INDEX events_subscriptions ON events (id) WHERE kind = 'subscription';

-- Events for a topic of which some members have not been planned yet.
CREATE TABLE fanouts (
    event_id     TEXT   NOT NULL PRIMARY KEY,
    topic        TEXT   NOT NULL,
    -- Members up to this one have been planned.
    last_user_id BIGINT NOT NULL
);

-- Answers of people that have taken effect.
CREATE TABLE answers (
    -- The event that the answer is.
    event_id    TEXT NOT NULL PRIMARY KEY,
    alert_id    TEXT   NOT NULL,
    -- The message that was answered.
    delivery_id TEXT   NOT NULL,
    -- What the answer is bound to, as JSON.
    answer      TEXT   NOT NULL,
    -- Until then some process is telling the broker.
    taken_until BIGINT NOT NULL,
    -- When the broker had been told.
    told_at     BIGINT,
    at          BIGINT NOT NULL
);
CREATE INDEX answers_untold ON answers (event_id) WHERE told_at IS NULL;
CREATE INDEX answers_delivery ON answers (delivery_id);

-- What texts that people wrote turned out to mean, so that one that comes again is the same answer, whatever was opened meanwhile.
CREATE TABLE texts (
    -- A digest of the provider and its id of the text.
    id      TEXT NOT NULL PRIMARY KEY,
    -- What is done with which messages, as JSON.
    meaning TEXT   NOT NULL,
    at      BIGINT NOT NULL
);
CREATE INDEX texts_at ON texts (at);

-- Messages that are to say that somebody has answered.
CREATE TABLE edits (
    delivery_id TEXT NOT NULL PRIMARY KEY,
    channel     TEXT   NOT NULL,
    -- What was answered, and by whom.
    action      TEXT   NOT NULL,
    user_id     BIGINT NOT NULL,
    -- Until then some process is at it.
    taken_until BIGINT NOT NULL,
    at          BIGINT NOT NULL
);
CREATE INDEX edits_due ON edits (channel, taken_until);
CREATE INDEX edits_at ON edits (at);

CREATE TABLE dead_letters (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    subject     TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    detail      TEXT   NOT NULL,
    headers     TEXT   NOT NULL,
    -- The payload as it came, in base64, because it may be anything.
    payload     TEXT   NOT NULL,
    received_at BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    replayed_at BIGINT
);
CREATE INDEX dead_letters_created ON dead_letters (created_at);
-- Those that somebody may still have to look at are counted.
CREATE INDEX dead_letters_open ON dead_letters (created_at) WHERE replayed_at IS NULL;

--------------------------------------------------------------------------------------------------------------------------------
-- Alerts and duties
--------------------------------------------------------------------------------------------------------------------------------

CREATE TABLE alerts (
    id          TEXT NOT NULL PRIMARY KEY,
    -- open, accepted, resolved
    state       TEXT   NOT NULL,
    priority    TEXT   NOT NULL,
    summary     TEXT   NOT NULL,
    url         TEXT,
    category    TEXT,
    -- The last round in which somebody was told; 0 before the first.
    round       BIGINT NOT NULL,
    -- The first round that somebody new may still join.
    since_round BIGINT NOT NULL,
    event_id    TEXT   NOT NULL,
    -- What the alert's messages say, where several of its events say it.
    content     TEXT,
    -- The alert's events, as far as they still matter, as JSON. They are kept instead of what they came to when they arrived, so that the
    -- order of arrival decides nothing.
    history     TEXT   NOT NULL DEFAULT '[]',
    updated_at  BIGINT NOT NULL
);
-- Alerts that nobody resolves are closed a while after something was last heard of them, whatever their state.
CREATE INDEX alerts_updated ON alerts (updated_at);

-- Who is told of an open alert. It references neither alerts nor users: the transitions that write it have locked both, and checking
-- again would cost every event.
CREATE TABLE responders (
    user_id  BIGINT NOT NULL,
    alert_id TEXT NOT NULL,
    round    BIGINT NOT NULL,
    -- Delays of rules count from here.
    base_at  BIGINT NOT NULL,
    event_id TEXT   NOT NULL,
    PRIMARY KEY (user_id, alert_id, round)
);

CREATE TABLE duties (
    id         TEXT   NOT NULL PRIMARY KEY,
    -- Looked at when all is written: users are locked after duties, and to look at one locks it.
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    starts_at  BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL,
    schedule   TEXT   NOT NULL,
    -- SCHEDULED, CANCELLED
    status     TEXT   NOT NULL,
    -- The occurrence of the event that last said all this, as JSON: an event that happened before it changes nothing.
    occurrence TEXT   NOT NULL,
    event_id   TEXT   NOT NULL
);
CREATE INDEX duties_coming ON duties (user_id, ends_at);
CREATE INDEX duties_ended ON duties (ends_at);
CREATE INDEX duties_event ON duties (event_id);
-- Who is on duty by a schedule, and whose shift is the next.
CREATE INDEX duties_running ON duties (schedule, ends_at, starts_at);
CREATE INDEX duties_next ON duties (schedule, starts_at);

-- The schedules of shifts. Whoever plans by a schedule locks its row, so that none of its shifts changes meanwhile.
CREATE TABLE schedules (
    name TEXT NOT NULL PRIMARY KEY
);

-- The calendars that shifts are read from, and what was found when they were last read. What shifts a calendar made, their ids say.
CREATE TABLE calendars (
    name     TEXT NOT NULL PRIMARY KEY,
    schedule TEXT NOT NULL,
    -- A digest of how it is read: what is set otherwise is read anew.
    settings TEXT   NOT NULL,
    -- When it is read again. Whoever reads it moves this ahead first, so that one process does.
    due_at   BIGINT NOT NULL,
    -- When it was last tried to read it, and when it was last read and believed.
    read_at  BIGINT,
    good_at  BIGINT,
    -- Why it was not believed when it was last tried.
    failure  TEXT,
    -- What was found in it when it was last believed, as JSON.
    contents TEXT   NOT NULL
);

-- What Watchbell itself does next about open alerts that name a schedule or an escalation list.
CREATE TABLE follow_ups (
    alert_id TEXT NOT NULL,
    -- duty:SCHEDULE or escalation:NAME
    name     TEXT NOT NULL,
    -- The event that names it, and the time from which its steps count.
    event_id TEXT NOT NULL,
    base_at  BIGINT NOT NULL,
    -- Which one it is, from 1 on.
    number   BIGINT NOT NULL,
    due_at   BIGINT NOT NULL,
    PRIMARY KEY (alert_id, name)
);
CREATE INDEX follow_ups_due ON follow_ups (due_at);
CREATE INDEX follow_ups_name ON follow_ups (name);

-- Alerts that somebody has accepted and whose monitoring tool is to be silent about them, until they are resolved or open again. Written with
-- what says so; what is to be done with the tool is done by some process when it is due.
CREATE TABLE silences (
    alert_id   TEXT NOT NULL PRIMARY KEY,
    -- The intake that the alert came by.
    intake     TEXT    NOT NULL,
    -- Whether there is to be one, or none any more.
    wanted     BOOLEAN NOT NULL,
    -- Who accepted the alert, as the tool shows it.
    author     TEXT    NOT NULL,
    -- What the tool calls it, and until when it lasts, once it was made.
    silence_id TEXT,
    ends_at    BIGINT,
    -- When something is to be done next. Whoever does it moves this ahead first.
    due_at     BIGINT  NOT NULL
);
CREATE INDEX silences_due ON silences (due_at);

-- Users whom an event did not reach, because all their steps were impossible or failed.
CREATE TABLE unreachable (
    scope    TEXT   NOT NULL,
    user_id  BIGINT NOT NULL,
    event_id TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (scope, user_id)
);
CREATE INDEX unreachable_at ON unreachable (at);
-- What did not reach a user is planned anew when the user can be reached.
CREATE INDEX unreachable_user ON unreachable (user_id);

--------------------------------------------------------------------------------------------------------------------------------
-- Deliveries
--------------------------------------------------------------------------------------------------------------------------------

-- A delivery's row changes several times, and each index that it stands in costs about a tenth of writing it. So no column that
-- changes stands in an index: deliveries are found by id, by user, and by what they are about; what is looked for by state or by
-- time is in narrow tables of its own below.
CREATE TABLE deliveries (
    id          TEXT NOT NULL PRIMARY KEY,
    -- What it belongs to: alert:ROUND:ID, duty:START:ID, or event:ID. Within one scope, a rule is told once.
    scope       TEXT NOT NULL,
    -- What it is about, whatever the round or the start: alert:ID, duty:ID, or event:ID where it is about nothing else.
    subject     TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    alert_id    TEXT,
    -- The category of the event that it tells of.
    category    TEXT,
    user_id     BIGINT  NOT NULL,
    purpose     TEXT    NOT NULL,
    -- The trigger of the rules that it stands for.
    cause       TEXT    NOT NULL,
    channel     TEXT    NOT NULL,
    contact_id  BIGINT,
    device_id   BIGINT,
    -- The address as histories show it: masked.
    address     TEXT    NOT NULL,
    -- The rules that it stands for, as a JSON list of their ids.
    rules       TEXT    NOT NULL,
    critical    BOOLEAN NOT NULL,
    -- How urgent it is: 0 for a HIGH alert, 1 for everything else.
    rank        BIGINT  NOT NULL,
    due_at      BIGINT  NOT NULL,
    -- The earliest time of the next try; until one failed, the same as due_at.
    ready_at    BIGINT  NOT NULL,
    expires_at  BIGINT,
    state       TEXT    NOT NULL,
    -- Why it is in that state: a code with arguments, as JSON.
    reason      TEXT,
    -- Whether it was made due sooner than its rule says, because an earlier step failed; its rule's time does not count any more.
    expedited   BOOLEAN NOT NULL DEFAULT FALSE,
    -- The epoch of the worker session that has claimed or begun it.
    lease       BIGINT,
    begun_at    BIGINT,
    -- Why it is not to be tried again, where that was decided during a call.
    stop        TEXT,
    attempts    BIGINT  NOT NULL,
    -- The attempts that have ended, a line each: a JSON list of number, time, provider, class, code, message id and milliseconds.
    attempt_log TEXT    NOT NULL DEFAULT '',
    -- What providers said later of the messages that they took, a line each: a JSON list of time, provider, what, code and message id.
    receipt_log TEXT    NOT NULL DEFAULT '',
    provider    TEXT,
    message_id  TEXT,
    -- What it waits for to be told together with others: burst, quiet, hourly, daily.
    collect     TEXT,
    -- As what its user was named, where that was not by name, as JSON.
    named_as    TEXT,
    -- How often its step was to be told before, because nobody accepted; NULL the first time.
    repetition  BIGINT,
    -- The bundle or digest that tells it together with others.
    bundle_id   TEXT,
    sent_at     BIGINT,
    created_at  BIGINT  NOT NULL,
    updated_at  BIGINT  NOT NULL
);
CREATE INDEX deliveries_user ON deliveries (user_id, id);
CREATE INDEX deliveries_subject ON deliveries (subject, user_id);
CREATE INDEX deliveries_bundle ON deliveries (bundle_id) WHERE bundle_id IS NOT NULL;

-- What may become ready, and when. An entry is a hint, and several may stand for one delivery: the delivery itself says whether it
-- still waits.
CREATE TABLE ready_queue (
    id       TEXT NOT NULL,
    user_id  BIGINT NOT NULL,
    channel  TEXT   NOT NULL,
    -- 0 for a HIGH alert, 1 for everything else, 2 for what is held, 3 for what a worker session has claimed.
    rank     BIGINT NOT NULL,
    ready_at BIGINT NOT NULL,
    collect  TEXT
);
CREATE INDEX ready_queue_ready ON ready_queue (channel, rank, ready_at);
CREATE INDEX ready_queue_user ON ready_queue (user_id, id);

-- The deliveries that failed, so that they can be listed.
CREATE TABLE failures (
    id TEXT NOT NULL PRIMARY KEY
);

-- Messages whose provider is to say that they arrived, and until when. An entry is a hint: the delivery itself says whether it still
-- waits for that.
CREATE TABLE awaited_receipts (
    id      TEXT NOT NULL PRIMARY KEY,
    channel TEXT   NOT NULL,
    due_at  INTEGER NOT NULL
);
CREATE INDEX awaited_receipts_due ON awaited_receipts (channel, due_at);

-- What one address takes by one channel, shared by all workers. The id is a digest of both.
CREATE TABLE recipients (
    id         TEXT NOT NULL PRIMARY KEY,
    -- By the generic cell rate algorithm: when all that was sent so far has been spread out at the allowed rate.
    busy_until BIGINT NOT NULL,
    -- When the last messages went, as a JSON list: only so many may go singly in a window.
    sent       TEXT   NOT NULL,
    -- The deliveries that will go singly as soon as the recipient takes them, as a JSON list of their ids and ranks.
    queued     TEXT   NOT NULL DEFAULT '[]',
    -- After this time the row says nothing any more.
    quiet_at   BIGINT NOT NULL
);
CREATE INDEX recipients_quiet ON recipients (quiet_at);

--------------------------------------------------------------------------------------------------------------------------------
-- The processes that send
--------------------------------------------------------------------------------------------------------------------------------

-- Each row is one process's right to hold leases. Whoever has not renewed it in time has lost its leases, and another process reaps it.
-- Processes that are no workers have one too, without channels: so all that are there are seen.
CREATE TABLE worker_sessions (
    epoch          INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT   NOT NULL,
    roles          TEXT   NOT NULL,
    version        TEXT   NOT NULL DEFAULT '',
    -- The channels that it sends by, as a JSON list: all who send by a channel share a provider's limit.
    channels       TEXT   NOT NULL,
    started_at     BIGINT NOT NULL,
    alive_until    BIGINT NOT NULL,
    -- The providers that it does not call now, or only tries, as a JSON list.
    outages        TEXT   NOT NULL DEFAULT '[]',
    -- What it was sending at its last heartbeat, by channel, as a JSON list.
    sending        TEXT   NOT NULL DEFAULT '[]',
    -- How far the clock of its machine is ahead of the database's, in milliseconds.
    clock_ahead_ms BIGINT
);

-- Which deliveries a worker session has leased: those of one transaction in one row, as a JSON list. Whether it still holds them, the
-- deliveries say themselves.
CREATE TABLE leases (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch      BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    deliveries TEXT   NOT NULL
);
CREATE INDEX leases_epoch ON leases (epoch, at);

-- Until when a channel was served, when the last worker session that did has ended: a worker without a provider for it leaves its
-- deliveries alone while another one may come back.
CREATE TABLE served (
    channel TEXT   NOT NULL PRIMARY KEY,
    until   BIGINT NOT NULL
);

--------------------------------------------------------------------------------------------------------------------------------
-- What provider accounts were used for
--------------------------------------------------------------------------------------------------------------------------------

-- Calls of a day, in UTC, by providers that may make only so many. Processes take some at a time, and give back what is left of them when
-- they end.
CREATE TABLE spend (
    -- Days since 1970.
    day      INTEGER NOT NULL,
    channel  TEXT   NOT NULL,
    provider TEXT   NOT NULL,
    calls    INTEGER NOT NULL,
    -- Messages that were refused because there were no more.
    refused  INTEGER NOT NULL,
    PRIMARY KEY (day, channel, provider)
);

-- How calls of providers ended, in periods of five minutes; processes add theirs every few seconds.
CREATE TABLE provider_calls (
    -- When the period began.
    since         INTEGER NOT NULL,
    channel       TEXT   NOT NULL,
    provider      TEXT   NOT NULL,
    calls         INTEGER NOT NULL,
    -- Those that the provider did not take.
    failures      INTEGER NOT NULL,
    -- The last one that it took, and the last one that it did not, with the class of its outcome and the provider's code.
    success_at    INTEGER,
    failure_at    INTEGER,
    failure_class TEXT,
    failure_code  TEXT,
    PRIMARY KEY (since, channel, provider)
);
