//! A delivery as the API shows it, and as people read it.

use serde::Deserialize;

use crate::cli::output::{table, tame};

/// A page of `GET /watchbell/v1/deliveries`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T = Item> {
    pub items: Vec<T>,
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// Names are kept as texts, so that an older command can show what a newer server says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub id: String,
    #[serde(default)]
    pub event_id: Option<String>,
    #[serde(default)]
    pub alert_id: Option<String>,
    #[serde(default)]
    pub duty_id: Option<String>,
    pub user_id: i64,
    #[serde(default)]
    pub user_name: Option<String>,
    pub purpose: String,
    pub trigger: String,
    pub channel: String,
    /// Masked by the server.
    #[serde(default)]
    pub address: Option<String>,
    #[serde(default)]
    pub rule_ids: Vec<i64>,
    pub state: String,
    #[serde(default)]
    pub reason: Option<String>,
    pub due_at: String,
    #[serde(default)]
    pub sent_at: Option<String>,
    #[serde(default)]
    pub attempts: i64,
    #[serde(default)]
    pub provider: Option<String>,
    pub updated_at: String,
    #[serde(default)]
    pub attempt_log: Vec<Attempt>,
}

/// One try of a delivery.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    pub number: i64,
    pub at: String,
    pub provider: String,
    pub class: String,
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub message_id: Option<String>,
    #[serde(default)]
    pub latency_ms: Option<i64>,
}

impl Item {
    pub const HEADING: [&str; 8] = ["ID", "DUE", "STATE", "CHANNEL", "ADDRESS", "USER", "ABOUT", "WHY"];

    pub fn row(&self) -> [String; 8] {
        let cells = [&self.id, &self.due_at, &self.state, &self.channel];
        let [id, due_at, state, channel] = cells.map(|text| tame(text));
        [id, due_at, state, channel, self.address(), self.user(), self.about(), self.why()]
    }

    pub fn user(&self) -> String {
        self.user_name.as_deref().map_or_else(|| self.user_id.to_string(), tame)
    }

    pub fn address(&self) -> String {
        tame(self.address.as_deref().unwrap_or("-"))
    }

    /// The alert or duty, else what it is for.
    pub fn about(&self) -> String {
        tame(self.alert_id.as_deref().or(self.duty_id.as_deref()).unwrap_or(&self.purpose))
    }

    /// The rule or other cause, and the reason for the state where there is one.
    pub fn why(&self) -> String {
        let cause = match (self.purpose.as_str(), self.rule_ids.as_slice()) {
            ("rule", []) => self.trigger.clone(),
            ("rule", [rule]) => format!("rule {rule} ({})", self.trigger),
            ("rule", rules) => {
                let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
                format!("rules {} ({})", rules.join(", "), self.trigger)
            }
            ("fallback", _) => "fallback, as no rule says what to do".to_owned(),
            (purpose, _) => purpose.replace('_', " "),
        };
        tame(&self.reason.as_ref().map_or(cause.clone(), |reason| format!("{cause}: {reason}")))
    }

    /// Everything, one thing a line.
    pub fn in_full(&self) -> String {
        let or_dash = |text: &Option<String>| tame(text.as_deref().unwrap_or("-"));
        let mut lines = vec![
            format!("delivery  {}", tame(&self.id)),
            format!("state     {}", tame(&self.state)),
            format!("why       {}", self.why()),
            format!("user      {} ({})", self.user(), self.user_id),
            format!("channel   {} to {}", tame(&self.channel), self.address()),
            format!("event     {}", or_dash(&self.event_id)),
            format!("about     {}", self.about()),
            format!("due       {}", tame(&self.due_at)),
            format!("sent      {}", or_dash(&self.sent_at)),
            format!("provider  {}", or_dash(&self.provider)),
            format!("changed   {}", tame(&self.updated_at)),
            format!("attempts  {}", self.attempts),
        ];
        if !self.attempt_log.is_empty() {
            let rows: Vec<_> = self.attempt_log.iter().map(Attempt::row).collect();
            lines.push(table(["#", "AT", "PROVIDER", "CLASS", "CODE", "MESSAGE", "MS"], &rows));
        }
        lines.join("\n")
    }
}

impl Attempt {
    fn row(&self) -> [String; 7] {
        let or_dash = |text: &Option<String>| tame(text.as_deref().unwrap_or("-"));
        let latency = self.latency_ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string());
        [
            self.number.to_string(),
            tame(&self.at),
            tame(&self.provider),
            tame(&self.class),
            or_dash(&self.code),
            or_dash(&self.message_id),
            latency,
        ]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    #[test]
    fn a_delivery_reads_well() {
        let item: Item = serde_json::from_str(
            r#"{"id":"01","eventId":"E1","alertId":"A1","userId":7,"userName":"Anna","purpose":"rule","trigger":"alert_high",
                "channel":"sms","address":"+49…5678","ruleIds":[3,4],"priority":"HIGH","state":"cancelled","reason":"accepted by Ben",
                "dueAt":"2026-11-20T08:05:00.000Z","attempts":1,"updatedAt":"2026-11-20T08:00:06.000Z",
                "attemptLog":[{"number":1,"at":"2026-11-20T08:00:01.000Z","provider":"twilio","class":"Retry","code":"30001","latencyMs":12}]}"#,
        )
        .unwrap();
        assert_eq!(item.why(), "rules 3, 4 (alert_high): accepted by Ben");
        assert_eq!(item.about(), "A1");
        assert!(item.in_full().ends_with("#  AT                        PROVIDER  CLASS  CODE   MESSAGE  MS\n1  2026-11-20T08:00:01.000Z  twilio    Retry  30001  -        12"));
    }
}
