//! `watchbell event alert|update|duty|news`: publishes one event over HTTP, for scripts and for trying things out.

use clap::{Args, Subcommand};
use rand::RngExt;
use serde::Serialize;
use serde_json::{Map, Value};
use watchbell_core::Timestamp;
use watchbell_core::decode::EVENTS_PREFIX;
use watchbell_core::event::{DutyStatus, EventKind, Priority, UpdateStatus};
use watchbell_wire::event_data::{AlertEventData, DutyEventData, PlainEvent, PublishedId, SubscriptionEventData, UpdateEventData};
use watchbell_wire::events::AcceptedEvents;
use watchbell_wire::users::UserName;

use super::client::Server;
use super::output::tame;
use super::{Error, output};

const PATH: &str = "/watchbell/v1/events";

#[derive(Debug, Subcommand)]
pub enum Event {
    /// Page people
    Alert(Alert),
    /// Say that an alert was accepted, resolved or escalated
    Update(Update),
    /// Plan, move or cancel a shift
    Duty(Duty),
    /// Tell users or the members of a topic something
    News(News),
}

/// What every event has.
#[derive(Debug, Args)]
struct Envelope {
    #[command(flatten)]
    server: Server,
    /// The event's own id: the same one twice is planned once. Made up unless given
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    /// The server's JSON instead of sentences
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Alert {
    #[command(flatten)]
    envelope: Envelope,
    /// What it says
    summary: String,
    /// Whom it pages, several times or with commas: users (number, U… id, external id)
    #[arg(long = "to", value_name = "RESPONDER", required = true, value_delimiter = ',')]
    responders: Vec<String>,
    /// The alert's id, which updates name; the event's id unless given
    #[arg(long = "alert", value_name = "ID")]
    id: Option<String>,
    /// HIGH or LOW
    #[arg(long, default_value = "HIGH")]
    priority: Priority,
    #[arg(long)]
    details: Option<String>,
    /// Messages link to it
    #[arg(long, value_name = "URL")]
    link: Option<String>,
    #[arg(long)]
    category: Option<String>,
    /// Shown with the alert, several times
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub struct Update {
    #[command(flatten)]
    envelope: Envelope,
    /// ACCEPTED, RESOLVED or ESCALATED
    status: UpdateStatus,
    /// The alert's id
    alert: String,
    /// Who did it; they are not told
    #[arg(long, value_name = "USER")]
    actor: Option<String>,
    /// Whom an escalation pages as well, several times or with commas
    #[arg(long = "to", value_name = "RESPONDER", value_delimiter = ',')]
    responders: Vec<String>,
    /// Who is told of it beside the responders, several times or with commas
    #[arg(long, value_name = "USER", value_delimiter = ',')]
    notify: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Duty {
    #[command(flatten)]
    envelope: Envelope,
    /// Whose shift it is
    user: String,
    /// RFC 3339, such as 2026-12-07T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse_rfc3339)]
    starts_at: Timestamp,
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse_rfc3339)]
    ends_at: Timestamp,
    /// The shift's id: the same one again moves or cancels it
    #[arg(long = "duty", value_name = "ID")]
    id: Option<String>,
    #[arg(long)]
    schedule: Option<String>,
    /// The shift will not take place
    #[arg(long)]
    cancelled: bool,
}

#[derive(Debug, Args)]
pub struct News {
    #[command(flatten)]
    envelope: Envelope,
    /// One line
    title: String,
    /// The text; the title unless given
    message: Option<String>,
    /// For whom it is, several times or with commas
    #[arg(long = "to", value_name = "USER", value_delimiter = ',', required_unless_present = "topic")]
    users: Vec<String>,
    /// For whose members it is
    #[arg(long)]
    topic: Option<String>,
    /// Messages link to it
    #[arg(long, value_name = "URL")]
    link: Option<String>,
    #[arg(long)]
    category: Option<String>,
}

impl Event {
    pub async fn run(self) -> Result<(), Error> {
        match self {
            Self::Alert(alert) => alert.publish().await,
            Self::Update(update) => update.publish().await,
            Self::Duty(duty) => duty.publish().await,
            Self::News(news) => news.publish().await,
        }
    }
}

impl Alert {
    async fn publish(self) -> Result<(), Error> {
        let data = AlertEventData {
            alert_id: self.id.map(PublishedId),
            priority: Some(self.priority.into()),
            summary: Some(self.summary),
            details: self.details,
            url: self.link,
            responders: users(self.responders),
            category: self.category.map(PublishedId),
            labels: self.labels.into_iter().map(|(name, value)| (name, Value::from(value))).collect::<Map<_, _>>(),
        };
        self.envelope.publish(EventKind::Alert, data).await
    }
}

impl Update {
    async fn publish(self) -> Result<(), Error> {
        let data = UpdateEventData {
            alert_id: PublishedId(self.alert),
            status: self.status.into(),
            actor: self.actor.map(UserName::Text),
            responders: users(self.responders),
            notify: users(self.notify),
        };
        self.envelope.publish(EventKind::Update, data).await
    }
}

impl Duty {
    async fn publish(self) -> Result<(), Error> {
        let data = DutyEventData {
            duty_id: self.id.map(PublishedId),
            user_id: UserName::Text(self.user),
            starts_at: self.starts_at.into(),
            ends_at: self.ends_at.into(),
            schedule: self.schedule,
            status: self.cancelled.then(|| DutyStatus::Cancelled.into()),
        };
        self.envelope.publish(EventKind::Duty, data).await
    }
}

impl News {
    async fn publish(self) -> Result<(), Error> {
        let data = SubscriptionEventData {
            title: Some(self.title),
            message: self.message,
            url: self.link,
            users: users(self.users),
            topic: self.topic.map(PublishedId),
            category: self.category.map(PublishedId),
        };
        self.envelope.publish(EventKind::Subscription, data).await
    }
}

impl Envelope {
    async fn publish(self, kind: EventKind, data: impl Serialize) -> Result<(), Error> {
        let id = self.event_id.unwrap_or_else(|| hex::encode(rand::rng().random::<[u8; 8]>()));
        let event = PlainEvent { id, kind: format!("{EVENTS_PREFIX}{kind}"), data };
        let body = serde_json::to_value(&event).unwrap_or_default();
        let client = self.server.client()?;
        if self.json {
            let answer: Value = client.post(PATH, &[], Some(&body)).await?;
            return Ok(output::line(&format!("{answer:#}"))?);
        }
        let answer: AcceptedEvents = client.post(PATH, &[], Some(&body)).await?;
        for event in answer.events {
            let what = match (event.duplicate, event.planned) {
                (true, _) => "known already; nothing was done".to_owned(),
                (false, 1) => "1 delivery is planned".to_owned(),
                (false, planned) => format!("{planned} deliveries are planned"),
            };
            output::line(&format!("{}: {what}", event.id))?;
            for sentence in event.decision.iter().chain(&event.problems) {
                output::line(&format!("  {}", tame(sentence)))?;
            }
        }
        Ok(())
    }
}

fn users(names: Vec<String>) -> Vec<UserName> {
    names.into_iter().map(UserName::Text).collect()
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a label is NAME=VALUE, such as host=db-1")?;
    Ok((name.to_owned(), value.to_owned()))
}
