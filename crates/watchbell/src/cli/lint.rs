//! `watchbell lint`: what today's rules would leave untold.

use clap::Args;
use watchbell_wire::Page;
use watchbell_wire::lint::{DeadRule, UnheardAlert};

use super::client::{Client, Server};
use super::output::tame;
use super::{Error, output};

/// Alerts of the last 30 days that today's rules would tell nobody of, and rules that can never tell anybody. Fails if there are any.
#[derive(Debug, Args)]
pub struct Lint {
    #[command(flatten)]
    server: Server,
}

impl Lint {
    pub async fn run(self) -> Result<(), Error> {
        let client = self.server.client()?;
        let mut found = 0_usize;
        let rule = |rule: DeadRule| {
            let channel = rule.channel.map_or_else(|| "-".to_owned(), |channel| channel.to_string());
            let what = format!("user {}: rule {} ({} by {channel})", rule.user_id, rule.rule_id, rule.trigger);
            output::line(&format!("{what} never tells anybody: {}", tame(&rule.reason)))
        };
        found += all(&client, "/watchbell/v1/lint/rules", rule).await?;
        found += all(&client, "/watchbell/v1/lint/alerts", |alert| told(&alert)).await?;
        if found == 0 {
            return Ok(output::line("every rule can tell, and every alert of the last 30 days would be told")?);
        }
        Err(Error::Told)
    }
}

fn told(alert: &UnheardAlert) -> std::io::Result<()> {
    let whom = if alert.has_fallback { "only by the email for who has no rule" } else { "to nobody" };
    output::line(&format!("alert {} of {} (event {}) would be told {whom}", tame(&alert.alert_id), alert.at, tame(&alert.event_id)))?;
    for user in &alert.users {
        for reason in &user.reasons {
            output::line(&format!("  user {}: {}", user.user_id, tame(reason)))?;
        }
    }
    alert.problems.iter().try_for_each(|problem| output::line(&format!("  {}", tame(problem))))
}

/// Shows all items, page by page; how many there were.
async fn all<T: serde::de::DeserializeOwned>(
    client: &Client,
    path: &str,
    mut show: impl FnMut(T) -> std::io::Result<()>,
) -> Result<usize, Error> {
    let (mut cursor, mut count) = (None::<String>, 0);
    loop {
        let query: Vec<_> = cursor.iter().map(|cursor| ("cursor", cursor.clone())).collect();
        let page: Page<T> = client.get(path, &query).await?;
        for item in page.items {
            count += 1;
            show(item)?;
        }
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(count),
        }
    }
}
