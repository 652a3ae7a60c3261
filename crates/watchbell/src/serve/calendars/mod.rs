//! Calendars become duty events.
//!
//! Each calendar is read by one process at a time (`store::calendars`), every few minutes: its text (`source`) is read as shifts
//! (`watchbell_calendar`, pure), their names are looked up (`people`), and what differs from the shifts that are known becomes events that
//! come in as all events do. An event's identity is derived from what it changes and from the event before it: a process that dies
//! half-way, or two that read at once, make the same events again, and these change nothing.
//!
//! Whatever goes wrong with a calendar changes no shift: it is said in the log, once, in the metrics, and beside the schedule.

mod metrics;
mod people;
mod source;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use watchbell_calendar::{Change, Known, NoCalendar, Options, Wanted, changes, duty_id, prefix, read};
use watchbell_channels::inline::EventIntake;
use watchbell_core::event::{DutyData, DutyStatus, Event, EventData, Occurrence, Original};
use watchbell_core::ids::digest;
use watchbell_core::{Clock, Timestamp, error_chain};
use watchbell_providers::settings::SettingError;
use watchbell_store::calendars::{CalendarContents, CalendarName, CalendarReading, Turn};
use watchbell_store::{Store, StoreError};

pub use self::metrics::CalendarMetrics;
use self::people::People;
use self::source::{Source, Unread};
use crate::config::CalendarSettings;

/// How long a process has for one reading before another one may begin: longer than its source may take.
const READ_WITHIN: Duration = Duration::from_mins(5);

/// Shifts of one calendar that are taken at most.
const MOST_SHIFTS: usize = 10_000;

/// Of names and entries that cannot be used, so many are kept to be shown, and so much of each.
const MOST_SHOWN: usize = 50;
const SHOWN_CHARACTERS: usize = 200;

/// After the database failed.
const RETRY: Duration = Duration::from_secs(5);

const DAY_S: i64 = 24 * 3_600;

/// One calendar, as this process reads it.
pub struct Calendar {
    name: CalendarName,
    source: Source,
    options: Options,
    every: Duration,
    ahead_s: i64,
    store: Arc<dyn Store>,
    intake: Arc<EventIntake>,
    clock: Arc<dyn Clock>,
    metrics: CalendarMetrics,
    /// What was last said of it in the log.
    told: Option<String>,
}

/// Why a calendar was not taken, for people.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error(transparent)]
    Unread(#[from] Unread),
    #[error(transparent)]
    NoCalendar(#[from] NoCalendar),
    #[error("it has no entry any more, which is not believed: its shifts stay as they are known")]
    Empty,
    #[error("nobody whom it names is a user, which is not believed: its shifts stay as they are known (see user_by)")]
    Strangers,
    #[error("it names more people than are looked up")]
    Crowd,
    #[error("the database could not be asked")]
    Store(#[from] StoreError),
    #[error("reading it failed")]
    Failed(#[from] tokio::task::JoinError),
}

impl Calendar {
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(
        name: &str,
        settings: &CalendarSettings,
        (store, intake, clock): (Arc<dyn Store>, Arc<EventIntake>, Arc<dyn Clock>),
        metrics: CalendarMetrics,
    ) -> Result<Option<Self>, SettingError> {
        // What does not say these was refused with the configuration.
        let (Some(from), Some(user_by)) = (settings.from(), settings.user_by()) else { return Ok(None) };
        Ok(Some(Self {
            name: CalendarName { name: name.to_owned(), schedule: settings.schedule.clone(), settings: settings.digest() },
            source: Source::new(from, settings.reach())?,
            options: Options { user_by, timezone: settings.timezone(), most_shifts: MOST_SHIFTS },
            every: Duration::from_secs(settings.every_s.into()),
            ahead_s: i64::from(settings.days_ahead) * DAY_S,
            store,
            intake,
            clock,
            metrics,
            told: None,
        }))
    }

    /// Until `stop`. Whatever it is in the middle of is a transaction, or comes to the same when it is done again.
    pub async fn run(mut self, stop: CancellationToken) {
        let work = async {
            loop {
                let next = self.turn().await;
                self.clock.sleep_until(next).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    }

    /// Reads the calendar if it is time; when to look again.
    async fn turn(&mut self) -> Timestamp {
        let now = self.clock.now();
        match self.store.take_calendar(&self.name, now + READ_WITHIN).await {
            Ok(Turn::At(at)) => return at,
            Ok(Turn::Now) => {}
            Err(error) => {
                tracing::warn!(
                    calendar = self.name.name,
                    error = error_chain(&error),
                    "whether a calendar is to be read could not be asked"
                );
                return now + RETRY;
            }
        }
        let (reading, result) = match self.take(now).await {
            Ok((contents, count)) => {
                self.note(&contents, count);
                (CalendarReading::Good(contents), if count > 0 { "changed" } else { "same" })
            }
            Err(why) => (CalendarReading::Failed(self.note_failure(&why)), "failed"),
        };
        self.metrics.read(&self.name.name, result);
        let next = self.clock.now() + self.every;
        match self.store.calendar_read(&self.name.name, &reading, next).await {
            Ok(()) => next,
            // It stays this process's turn until then.
            Err(error) => {
                tracing::warn!(calendar = self.name.name, error = error_chain(&error), "what was found in a calendar could not be kept");
                now + READ_WITHIN
            }
        }
    }

    /// Reads the calendar, and has what it changes accepted; what was found, and how many shifts changed.
    async fn take(&mut self, now: Timestamp) -> Result<(CalendarContents, usize), NotTaken> {
        let text = self.source.text().await?;
        let (options, to) = (self.options.clone(), now.plus_s(self.ahead_s));
        let calendar = tokio::task::spawn_blocking(move || read(&text, &options, now, to)).await??;
        let known = self.known(now).await?;
        let has_shifts = known.iter().any(|known| known.status == DutyStatus::Scheduled);
        if calendar.entries == 0 && has_shifts {
            return Err(NotTaken::Empty);
        }
        let mut people = People::new(self.store.as_ref(), self.options.user_by);
        let mut wanted = Vec::with_capacity(calendar.shifts.len());
        for shift in &calendar.shifts {
            for user_id in people.of(&shift.who).await? {
                let id = duty_id(&self.name.name, shift, user_id);
                wanted.push(Wanted { id, user_id, starts_at: shift.starts_at, ends_at: shift.ends_at });
            }
        }
        if people.are_too_many() {
            return Err(NotTaken::Crowd);
        }
        if wanted.is_empty() && !calendar.shifts.is_empty() && has_shifts {
            return Err(NotTaken::Strangers);
        }
        let stay: BTreeSet<String> = calendar.unreadable.iter().map(|entry| entry.entry.clone()).collect();
        let shifts = wanted.len();
        let changes = changes(&self.name.name, &self.name.schedule, wanted, known, &stay, now, calendar.until);
        let events: Vec<Event> = changes.iter().map(|change| self.event(change, now)).collect();
        self.intake.accept(&events, None).await?;
        let unreadable = calendar.unreadable.iter().map(|entry| format!("the entry {} {}", shortened(&entry.uid), entry.why));
        let more = people.unknown.len().saturating_sub(MOST_SHOWN) + calendar.unreadable.len().saturating_sub(MOST_SHOWN);
        let contents = CalendarContents {
            shifts,
            until: calendar.until,
            unknown: people.unknown.iter().take(MOST_SHOWN).map(|name| shortened(name)).collect(),
            unreadable: unreadable.take(MOST_SHOWN).collect(),
            more,
        };
        Ok((contents, events.len()))
    }

    async fn known(&self, now: Timestamp) -> Result<Vec<Known>, StoreError> {
        let shifts = self.store.calendar_shifts(&prefix(&self.name.name), now).await?;
        let known = shifts.into_iter().map(|shift| Known {
            id: shift.id,
            schedule: shift.schedule,
            user_id: shift.user_id,
            starts_at: shift.starts_at,
            ends_at: shift.ends_at,
            status: shift.status,
            event_id: shift.event_id,
        });
        Ok(known.collect())
    }

    fn event(&self, Change { shift, status, after }: &Change, now: Timestamp) -> Event {
        let data = DutyData {
            duty_id: shift.id.clone(),
            user_id: shift.user_id.to_string(),
            starts_at: shift.starts_at,
            ends_at: shift.ends_at,
            schedule: self.name.schedule.clone(),
            status: *status,
        };
        let after = after.as_ref().map_or("", |event| event.as_str());
        let (starts_at, ends_at) = (data.starts_at.to_string(), data.ends_at.to_string());
        let identity = digest(&[&data.duty_id, after, &data.user_id, &data.schedule, &starts_at, &ends_at, status.as_str()]);
        let source = format!("watchbell/calendars/{}", self.name.name);
        // As somebody would have to write it to do the same by hand: that is what a dead letter of it shows.
        let payload = json!({
            "id": identity, "dutyId": data.duty_id, "userId": data.user_id, "schedule": data.schedule, "startsAt": starts_at,
            "endsAt": ends_at, "status": status,
        });
        Event {
            identity: format!("calendar:{identity}"),
            occurrence: Occurrence { source, time: None, received_at: now, sequence: 0 },
            data: EventData::Duty(data),
            problems: Vec::new(),
            replay_of: None,
            trace: None,
            original: Original {
                subject: "watchbell.events.duty".to_owned(),
                headers: Vec::new(),
                payload: payload.to_string().into_bytes(),
                received_at: now,
            },
        }
    }

    /// Says in the log what is new about a calendar that was read. Whom it names is for nobody's log.
    fn note(&mut self, contents: &CalendarContents, changed: usize) {
        let (unknown, unreadable) = (contents.unknown.len(), contents.unreadable.len());
        if changed > 0 {
            tracing::info!(calendar = self.name.name, changed, "shifts changed as a calendar says");
        }
        let said = format!("{unknown} {unreadable}");
        if self.told.as_ref() != Some(&said) {
            if unknown + unreadable > 0 {
                tracing::warn!(
                    calendar = self.name.name,
                    unknown,
                    unreadable,
                    "a calendar names who is no user, or has entries that cannot be understood: /watchbell/v1/duties lists them"
                );
            } else if self.told.is_some() {
                tracing::info!(calendar = self.name.name, "a calendar is read as a whole again");
            }
            self.told = Some(said);
        }
        self.metrics.found(&self.name.name, contents, self.clock.now());
    }

    /// Says in the log that a calendar could not be taken, unless it was said already; why, for people.
    fn note_failure(&mut self, why: &NotTaken) -> String {
        let text = why.to_string();
        if self.told.as_ref() != Some(&text) {
            tracing::warn!(calendar = self.name.name, why = error_chain(why), "a calendar could not be read; no shift is changed by that");
        }
        self.told = Some(text.clone());
        text
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN_CHARACTERS).collect()
}
