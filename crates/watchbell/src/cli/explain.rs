//! `watchbell explain`: what a user was told of an event and why, or what they would be told.

use clap::Args;
use watchbell_core::Timestamp;
use watchbell_core::event::{EventKind, Priority, UpdateStatus};
use watchbell_wire::explanation::{ExplainedStep, Explanation};

use super::client::Server;
use super::{Error, output};

const PATH: &str = "/watchbell/v1/explain";

#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    server: Server,
    /// A user's number, `U…` id or external id
    #[arg(long)]
    user: String,
    /// Of an event that was: its id
    #[arg(long, conflicts_with_all = ["alert", "kind"])]
    event: Option<String>,
    /// Of an alert that was: its id
    #[arg(long, conflicts_with = "kind")]
    alert: Option<String>,
    /// Of an event that is made up: alert (the default), update, duty or subscription
    #[arg(long)]
    kind: Option<EventKind>,
    /// HIGH (the default) or LOW, of a made-up alert
    #[arg(long)]
    priority: Option<Priority>,
    /// ACCEPTED (the default), RESOLVED or ESCALATED, of a made-up update
    #[arg(long)]
    status: Option<UpdateStatus>,
    #[arg(long)]
    category: Option<String>,
    /// Labels of a made-up alert, such as team=db,host=db-1
    #[arg(long)]
    labels: Option<String>,
    /// When the made-up event happens; now by default
    #[arg(long, value_parser = Timestamp::parse_rfc3339)]
    at: Option<Timestamp>,
    /// When the made-up shift begins; a day later by default
    #[arg(long, value_parser = Timestamp::parse_rfc3339)]
    starts_at: Option<Timestamp>,
    /// The server's JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub async fn run(self) -> Result<(), Error> {
        let given = [
            ("user", Some(self.user)),
            ("event", self.event),
            ("alert", self.alert),
            ("kind", self.kind.map(|kind| kind.to_string())),
            ("priority", self.priority.map(|priority| priority.to_string())),
            ("status", self.status.map(|status| status.to_string())),
            ("category", self.category),
            ("labels", self.labels),
            ("at", self.at.map(|at| at.to_string())),
            ("startsAt", self.starts_at.map(|at| at.to_string())),
        ];
        let query: Vec<(&str, String)> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let client = self.server.client()?;
        if self.json {
            let answer: serde_json::Value = client.get(PATH, &query).await?;
            return Ok(output::line(&format!("{answer:#}"))?);
        }
        let explanation: Explanation = client.get(PATH, &query).await?;
        for sentence in explanation.problems.iter().chain(&explanation.decision) {
            output::line(&output::tame(sentence))?;
        }
        if !explanation.steps.is_empty() {
            let row = |step: &ExplainedStep| {
                let at = step.at.to_string();
                let why = step.named_as.iter().fold(step.reason.clone(), |why, named_as| format!("{why}, {named_as}"));
                [&at, step.channel.as_str(), &step.address, step.state.as_str(), &why].map(output::tame)
            };
            let rows: Vec<_> = explanation.steps.iter().map(row).collect();
            output::line(&output::table(["AT", "CHANNEL", "ADDRESS", "STATE", "WHY"], &rows))?;
        }
        for answer in &explanation.answers {
            let by = explanation.steps.iter().find(|step| step.delivery_id.as_ref() == Some(&answer.delivery_id));
            let by = by.map_or("an earlier message", |step| step.channel.as_str());
            output::line(&format!("{}: user {} answered {} by {by}", answer.at, answer.user_id, answer.action.as_str()))?;
        }
        Ok(())
    }
}
