//! `watchbell provider list|test`: how providers do, and trying one before it matters.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use watchbell_core::Channel;
use watchbell_wire::Items;
use watchbell_wire::providers::{Provider, ProviderChannel, ProviderTest, ProviderTestResult};

use super::client::{Server, segment};
use super::output::{table, tame};
use super::{Error, output};

const PATH: &str = "/watchbell/v1/providers";

#[derive(Debug, Subcommand)]
pub enum Providers {
    /// Every provider of the server's configuration: whether it is up, how its calls ended, what was spent
    List(List),
    /// Send one marked message straight through a provider, and show what it answered
    Test(Test),
}

#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    server: Server,
    /// The server's JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Test {
    #[command(flatten)]
    server: Server,
    /// The name of its table in the configuration
    name: String,
    /// An address of the channel's kind, such as +4915112345678; for push fcm:TOKEN or apns:TOKEN
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// The channel, where it serves several
    #[arg(long)]
    channel: Option<Channel>,
    /// The message's language, such as de; English by default
    #[arg(long)]
    locale: Option<String>,
    /// The server's JSON instead of a sentence
    #[arg(long)]
    json: bool,
}

impl Providers {
    pub async fn run(self) -> Result<(), Error> {
        match self {
            Self::List(list) => list.run().await,
            Self::Test(test) => test.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Error> {
        let client = self.server.client()?;
        if self.json {
            let answer: Value = client.get(PATH, &[]).await?;
            return Ok(output::line(&format!("{answer:#}"))?);
        }
        let providers: Items<Provider> = client.get(PATH, &[]).await?;
        let rows: Vec<_> = providers.items.iter().flat_map(|one| one.channels.iter().map(|channel| row(one, channel))).collect();
        if rows.is_empty() {
            return Ok(output::line("the server's configuration has no providers that a channel could use")?);
        }
        let heading = ["PROVIDER", "KIND", "CHANNEL", "STATE", "CALLS/H", "FAILED/H", "LAST SUCCESS", "LAST FAILURE", "SPENT TODAY"];
        Ok(output::line(&table(heading, &rows))?)
    }
}

fn row(provider: &Provider, of: &ProviderChannel) -> [String; 9] {
    let state = match of {
        ProviderChannel { used: false, .. } => "unused".to_owned(),
        ProviderChannel { states, .. } if states.is_empty() => "no worker".to_owned(),
        ProviderChannel { up: true, .. } => "up".to_owned(),
        ProviderChannel { states, .. } => {
            let state = |one: &watchbell_wire::operators::ProviderFinding| format!("{} ({})", one.state.as_str(), one.workers);
            states.iter().map(state).collect::<Vec<_>>().join(", ")
        }
    };
    let failure = of.last_failure.as_ref().map_or_else(
        || "-".to_owned(),
        |failure| {
            format!("{} {} {}", failure.at, failure.class.as_str(), failure.code.as_deref().unwrap_or_default()).trim_end().to_owned()
        },
    );
    let spent = of.spend.as_ref().map_or_else(
        || "-".to_owned(),
        |spend| match spend.refused_today {
            0 => format!("{} of {}", spend.today, spend.max_per_day),
            refused => format!("{} of {}, {refused} refused", spend.today, spend.max_per_day),
        },
    );
    let success = of.last_success_at.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    [
        provider.name.clone(),
        provider.kind.clone(),
        of.channel.as_str().to_owned(),
        state,
        of.calls_last_hour.to_string(),
        of.failures_last_hour.to_string(),
        success,
        failure,
        spent,
    ]
    .map(|cell| tame(&cell))
}

impl Test {
    /// Fails where the provider did not take the message, so that a script sees it.
    async fn run(self) -> Result<(), Error> {
        let body = json!(ProviderTest { channel: self.channel.map(Into::into), to: self.to, locale: self.locale });
        let path = format!("{PATH}/{}/test", segment(&self.name));
        let client = self.server.client()?;
        let answer: Value = client.post(&path, &[], Some(&body)).await?;
        let result: ProviderTestResult =
            serde_json::from_value(answer.clone()).map_err(|_| Error::Client(super::client::Error::Answer(path)))?;
        output::line(&if self.json { format!("{answer:#}") } else { sentence(&result) })?;
        if result.accepted { Ok(()) } else { Err(Error::Told) }
    }
}

fn sentence(result: &ProviderTestResult) -> String {
    let ProviderTestResult { provider, channel, accepted, class, code, message_id, latency_ms } = result;
    let code = code.as_ref().map(|code| format!(", code {code}")).unwrap_or_default();
    let id = message_id.as_ref().map(|id| format!(", as {id}")).unwrap_or_default();
    let verb = if *accepted { "took" } else { "did not take" };
    tame(&format!("{provider} {verb} the message by {}: {}{code}{id}, after {latency_ms} ms", channel.as_str(), class.as_str()))
}
