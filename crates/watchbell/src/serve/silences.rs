//! Whoever accepts an alert has its monitoring tool be silent about it: a silence in the Alertmanager that sent it.
//!
//! What is wanted stands in the database (`store::silences`), written with the accept; here it is done, and done again until it is. A
//! silence is short and renewed as long as it is wanted, so that none outlives Watchbell for long. As Alertmanager does not tell of the end
//! of what it is silent about, it is asked: an alert that fires there no more is resolved here, which ends its silence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use url::Url;
use watchbell_channels::inline::EventIntake;
use watchbell_core::event::{Event, EventData, Occurrence, Original, UpdateData, UpdateStatus};
use watchbell_core::ids::digest;
use watchbell_core::outcome::Report;
use watchbell_core::{Clock, Secret, Timestamp, error_chain};
use watchbell_intake::source_of;
use watchbell_metrics::{Counter, Family, Registry};
use watchbell_providers::http::{Http, Request, join};
use watchbell_providers::settings::{CommonSettings, SettingError};
use watchbell_store::silences::SilenceTask;
use watchbell_store::{Store, StoreError};

use crate::config::Config;

/// Between two looks for what is to be done.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What is done at once, and how long this process has for it before another one does. So long after a failure it is tried again.
const AT_ONCE: i64 = 20;
const WITHIN: Duration = Duration::from_mins(1);
/// How long a silence lasts unless it is renewed, how long before its end it is, and how often it is looked whether the alert still fires.
const LASTS: Duration = Duration::from_hours(1);
const RENEWED_BEFORE: Duration = Duration::from_mins(30);
const CHECK_EVERY: Duration = Duration::from_secs(30);

/// Under which name silences are made.
const CREATED_BY: &str = "Watchbell";

/// The sources of events whose tools are silenced, each with its intake.
pub fn sources(config: &Config) -> BTreeMap<String, String> {
    let silencing = config.intake.iter().filter(|(_, intake)| intake.silences().is_some());
    silencing.map(|(name, _)| (source_of(name), name.clone())).collect()
}

/// The Alertmanagers that are silenced, by intake.
///
/// # Errors
/// The HTTP client cannot be made.
pub fn tools(config: &Config) -> Result<BTreeMap<String, Alertmanager>, SettingError> {
    let mut tools = BTreeMap::new();
    for (name, intake) in &config.intake {
        if let Some(base) = intake.silences() {
            let http = Http::new(&CommonSettings::default())?;
            tools.insert(name.clone(), Alertmanager { http, base, token: intake.alertmanager_token.clone() });
        }
    }
    Ok(tools)
}

#[derive(Clone, Debug, Default)]
pub struct SilenceMetrics(Family<SilenceLabels, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SilenceLabels {
    intake: String,
    result: &'static str,
}

impl SilenceMetrics {
    pub fn register(&self, registry: &mut Registry) {
        let help = "Silences in monitoring tools: made or renewed (made), ended, or what could not be done and is tried again (failed)";
        registry.register("watchbell_silences", help, self.0.clone());
    }

    fn count(&self, intake: &str, result: &'static str) {
        self.0.get_or_create(&SilenceLabels { intake: intake.to_owned(), result }).inc();
    }
}

/// Why something could not be done with a tool.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("it could not be asked ({0})")]
    Unreached(String),
    #[error("it answered {0}")]
    Status(u16),
    #[error("its answer says nothing that is known")]
    Answer,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Self::Unreached(report.code.unwrap_or_default())
    }
}

/// An Alertmanager's API, version 2.
#[derive(Debug)]
pub struct Alertmanager {
    http: Http,
    base: Url,
    token: Secret,
}

impl Alertmanager {
    async fn ask(&self, fill: impl FnOnce(&Http, &Url) -> Request) -> Result<Value, Failure> {
        let mut request = fill(&self.http, &join(&self.base, &["api", "v2"]));
        if !self.token.is_empty() {
            request = request.bearer_auth(self.token.expose());
        }
        let answer = self.http.call(request).await?;
        if answer.is_success() { Ok(answer.json()) } else { Err(Failure::Status(answer.status)) }
    }

    /// A list, of what has these labels.
    async fn list(&self, what: &str, labels: &Map<String, Value>) -> Result<Vec<Value>, Failure> {
        let found = self.ask(|http, api| {
            let mut url = join(api, &[what]);
            let filters = labels.iter().map(|(name, value)| format!("{name}={}", Value::from(value.as_str().unwrap_or_default())));
            url.query_pairs_mut().extend_pairs(filters.map(|filter| ("filter", filter)));
            http.get(&url)
        });
        match found.await? {
            Value::Array(found) => Ok(found),
            _ => Err(Failure::Answer),
        }
    }

    /// Whether an alert with just these labels fires, silenced or not.
    async fn fires(&self, labels: &Map<String, Value>) -> Result<bool, Failure> {
        Ok(self.list("alerts", labels).await?.iter().any(|alert| alert["labels"].as_object() == Some(labels)))
    }

    /// The silence that was made for an alert, where nobody remembers that it was.
    async fn known(&self, labels: &Map<String, Value>, comment: &str) -> Result<Option<String>, Failure> {
        let silences = self.list("silences", labels).await?;
        let is_it = |silence: &&Value| {
            silence["comment"] == comment && silence["createdBy"] == CREATED_BY && silence["status"]["state"] == "active"
        };
        Ok(silences.iter().find(is_it).and_then(|silence| silence["id"].as_str()).map(str::to_owned))
    }

    /// Makes a silence, or has one last longer; its id.
    async fn silence(
        &self,
        id: Option<&str>,
        labels: &Map<String, Value>,
        comment: &str,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<String, Failure> {
        let matcher = |(name, value): (&String, &Value)| json!({ "name": name, "value": value, "isRegex": false, "isEqual": true });
        let mut silence = json!({
            "matchers": labels.iter().map(matcher).collect::<Vec<_>>(),
            "startsAt": from.to_string(),
            "endsAt": to.to_string(),
            "createdBy": CREATED_BY,
            "comment": comment,
        });
        if let Some(id) = id {
            silence["id"] = id.into();
        }
        let made = self.ask(|http, api| http.post(&join(api, &["silences"])).json(&silence)).await?;
        made["silenceID"].as_str().map(str::to_owned).ok_or(Failure::Answer)
    }

    /// Ends a silence; one that has ended, or that is not there, is.
    async fn end(&self, id: &str) -> Result<(), Failure> {
        let Err(why) = self.ask(|http, api| http.delete(&join(api, &["silence", id]))).await else { return Ok(()) };
        match self.ask(|http, api| http.get(&join(api, &["silence", id]))).await {
            Ok(silence) if silence["status"]["state"] == "expired" => Ok(()),
            Err(Failure::Status(404)) => Ok(()),
            _ => Err(why),
        }
    }
}

/// Does what is due.
pub struct Silencer {
    tools: BTreeMap<String, Alertmanager>,
    store: Arc<dyn Store>,
    intake: Arc<EventIntake>,
    clock: Arc<dyn Clock>,
    metrics: SilenceMetrics,
    /// The intakes whose tools failed when they were last asked.
    failing: BTreeSet<String>,
}

impl Silencer {
    pub fn new(
        tools: BTreeMap<String, Alertmanager>,
        (store, intake, clock): (Arc<dyn Store>, Arc<EventIntake>, Arc<dyn Clock>),
        metrics: SilenceMetrics,
    ) -> Self {
        Self { tools, store, intake, clock, metrics, failing: BTreeSet::new() }
    }

    /// Until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let work = async {
            loop {
                match self.store.take_silences(AT_ONCE, self.clock.now() + WITHIN).await {
                    Ok(tasks) if !tasks.is_empty() => {
                        for task in &tasks {
                            self.one(task).await;
                        }
                        continue;
                    }
                    Ok(_) => {}
                    Err(error) => tracing::debug!(error = error_chain(&error), "silences could not be looked up; trying again"),
                }
                self.clock.sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    }

    async fn one(&mut self, task: &SilenceTask) {
        match self.done(task).await {
            Ok(result) => {
                if let Some(result) = result {
                    self.metrics.count(&task.intake, result);
                }
                if self.failing.remove(&task.intake) {
                    tracing::info!(intake = task.intake, "a monitoring tool can be silenced again");
                }
            }
            Err(why) => {
                self.metrics.count(&task.intake, "failed");
                if self.failing.insert(task.intake.clone()) {
                    tracing::warn!(
                        intake = task.intake,
                        why = error_chain(&why),
                        "a monitoring tool could not be silenced; trying again each minute"
                    );
                }
            }
        }
    }

    /// Does what is to be done; what of it is counted.
    async fn done(&self, task: &SilenceTask) -> Result<Option<&'static str>, Failure> {
        let now = self.clock.now();
        let Some(tool) = self.tools.get(&task.intake) else {
            // It is not configured any more: what was made ends by itself.
            self.store.silence_over(&task.alert_id, task.wanted).await?;
            return Ok(None);
        };
        let comment = format!("{} has it (Watchbell, {})", task.author, digest(&[&task.alert_id]));
        let labels = self.labels(&task.alert_id).await?;
        if !task.wanted {
            let made = match (&task.made, &labels) {
                (Some((_, ends_at)), _) if *ends_at <= now => None,
                (Some((id, _)), _) => Some(id.clone()),
                // A process may have died right after it had made one.
                (None, Some(labels)) => tool.known(labels, &comment).await?,
                (None, None) => None,
            };
            if let Some(id) = &made {
                tool.end(id).await?;
            }
            self.store.silence_over(&task.alert_id, false).await?;
            return Ok(made.map(|_| "ended"));
        }
        let Some(labels) = labels else {
            tracing::warn!(intake = task.intake, "an alert without labels cannot be silenced");
            self.store.silence_over(&task.alert_id, true).await?;
            return Ok(None);
        };
        if !tool.fires(&labels).await? {
            self.intake.accept(&[resolved(task, now)], None).await?;
            return Ok(None);
        }
        let (id, ends_at, result) = match &task.made {
            Some((id, ends_at)) if *ends_at > now + RENEWED_BEFORE => (id.clone(), *ends_at, None),
            made => {
                let known = match made {
                    Some((id, ends_at)) if *ends_at > now => Some(id.clone()),
                    _ => tool.known(&labels, &comment).await?,
                };
                let ends_at = now + LASTS;
                (tool.silence(known.as_deref(), &labels, &comment, (now, ends_at)).await?, ends_at, Some("made"))
            }
        };
        self.store.silence_made(&task.alert_id, &id, ends_at, now + CHECK_EVERY).await?;
        Ok(result)
    }

    /// What Alertmanager knows an alert by; None where nothing is known of it.
    async fn labels(&self, alert_id: &str) -> Result<Option<Map<String, Value>>, StoreError> {
        let Some(alert) = self.store.alert(alert_id).await? else { return Ok(None) };
        match self.store.event_data(&alert.event_id).await? {
            Some(EventData::Alert(data)) if !data.labels.is_empty() => Ok(Some(data.labels)),
            _ => Ok(None),
        }
    }
}

/// That an alert fires no more, as its tool would say if it were not silent.
fn resolved(task: &SilenceTask, now: Timestamp) -> Event {
    let silence = task.made.as_ref().map_or("", |(id, _)| id.as_str());
    let identity = format!("silence:{}", digest(&[&task.alert_id, silence, &now.to_string()]));
    let payload = json!({ "id": identity, "alertId": task.alert_id, "status": "RESOLVED" });
    let update = UpdateData {
        alert_id: task.alert_id.clone(),
        status: UpdateStatus::Resolved,
        actor: None,
        responders: Vec::new(),
        notify: Vec::new(),
        summary: None,
        actor_name: None,
        url: None,
        answer: None,
        follow_up: None,
    };
    Event {
        identity,
        occurrence: Occurrence { source: source_of(&task.intake), time: None, received_at: now, sequence: 0 },
        data: EventData::Update(update),
        problems: Vec::new(),
        replay_of: None,
        trace: None,
        original: Original {
            subject: "watchbell.events.update".to_owned(),
            headers: Vec::new(),
            payload: payload.to_string().into_bytes(),
            received_at: now,
        },
    }
}
