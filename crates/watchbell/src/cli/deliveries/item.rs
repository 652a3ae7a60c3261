//! A delivery as people read it.

use std::fmt::Display;

use watchbell_core::delivery::Purpose;
use watchbell_wire::Named;
use watchbell_wire::deliveries::{Answer, Attempt, Delivery, DeliveryWithAttempts, Receipt};

use crate::cli::output::{table, tame};

pub const HEADING: [&str; 8] = ["ID", "DUE", "STATE", "CHANNEL", "ADDRESS", "USER", "ABOUT", "WHY"];

pub fn row(delivery: &Delivery) -> [String; 8] {
    let [state, channel] = [delivery.state.as_str(), delivery.channel.as_str()].map(tame);
    let (id, due_at) = (tame(&delivery.id), delivery.due_at.to_string());
    [id, due_at, state, channel, tame(&delivery.address), user(delivery), about(delivery), why(delivery)]
}

/// The user's name, or the number of one who was deleted.
pub fn user(delivery: &Delivery) -> String {
    delivery.user_name.as_deref().map_or_else(|| delivery.user_id.to_string(), tame)
}

/// The alert or duty, else what it is for.
fn about(delivery: &Delivery) -> String {
    tame(delivery.alert_id.as_deref().or(delivery.duty_id.as_deref()).unwrap_or(delivery.purpose.as_str()))
}

/// The rule or other cause, and the reason for the state where there is one.
pub fn why(delivery: &Delivery) -> String {
    let (purpose, trigger) = (delivery.purpose.as_str(), &delivery.trigger);
    let cause = if purpose == Purpose::Rule.name() {
        match delivery.rule_ids.as_slice() {
            [] => trigger.to_string(),
            [rule] => format!("rule {rule} ({trigger})"),
            rules => format!("rules {} ({trigger})", watchbell_core::channel::join(rules)),
        }
    } else if purpose == Purpose::Fallback.name() {
        "fallback, as no rule says what to do".to_owned()
    } else {
        purpose.replace('_', " ")
    };
    tame(&delivery.reason.as_ref().map_or(cause.clone(), |reason| format!("{cause}: {reason}")))
}

/// Everything, one thing a line.
pub fn in_full(shown: &DeliveryWithAttempts) -> String {
    let delivery = &shown.delivery;
    let mut lines = vec![
        format!("delivery  {}", tame(&delivery.id)),
        format!("state     {}", tame(delivery.state.as_str())),
        format!("why       {}", why(delivery)),
        format!("user      {} ({})", user(delivery), delivery.user_id),
        format!("channel   {} to {}", tame(delivery.channel.as_str()), tame(&delivery.address)),
        format!("event     {}", tame(&delivery.event_id)),
        format!("about     {}", about(delivery)),
        format!("due       {}", delivery.due_at),
        format!("sent      {}", or_dash(delivery.sent_at.as_ref())),
        format!("provider  {}", or_dash(delivery.provider.as_ref())),
        format!("changed   {}", delivery.updated_at),
        format!("attempts  {}", delivery.attempts),
    ];
    if !shown.attempt_log.is_empty() {
        let rows: Vec<_> = shown.attempt_log.iter().map(attempt_row).collect();
        lines.push(table(["#", "AT", "PROVIDER", "CLASS", "CODE", "MESSAGE", "MS"], &rows));
    }
    if !shown.receipts.is_empty() {
        let rows: Vec<_> = shown.receipts.iter().map(receipt_row).collect();
        lines.push(table(["RECEIPT AT", "PROVIDER", "OUTCOME", "CODE"], &rows));
    }
    if !shown.answers.is_empty() {
        let rows: Vec<_> = shown.answers.iter().map(answer_row).collect();
        lines.push(table(["ANSWERED AT", "BY", "ACTION"], &rows));
    }
    lines.join("\n")
}

fn attempt_row(attempt: &Attempt) -> [String; 7] {
    [
        attempt.number.to_string(),
        attempt.at.to_string(),
        tame(&attempt.provider),
        tame(attempt.class.as_str()),
        or_dash(attempt.code.as_ref()),
        or_dash(attempt.message_id.as_ref()),
        or_dash(attempt.latency_ms.as_ref()),
    ]
}

fn receipt_row(receipt: &Receipt) -> [String; 4] {
    [receipt.at.to_string(), tame(&receipt.provider), tame(receipt.outcome.as_str()), or_dash(receipt.code.as_ref())]
}

fn answer_row(answer: &Answer) -> [String; 3] {
    [answer.at.to_string(), format!("user {}", answer.user_id), tame(answer.action.as_str())]
}

fn or_dash(value: Option<&impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| tame(&value.to_string()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    #[test]
    fn a_delivery_reads_well() {
        // Its channel and its class are ones that only a newer server knows.
        let shown: DeliveryWithAttempts = serde_json::from_str(
            r#"{"id":"01","eventId":"E1","alertId":"A1","userId":7,"userName":"Anna","purpose":"rule","trigger":"alert_high",
                "channel":"pigeon","address":"+49…5678","ruleIds":[3,4],"priority":"HIGH","state":"cancelled",
                "reason":"accepted by Ben","dueAt":"2026-11-20T08:05:00.000Z","readyAt":"2026-11-20T08:05:00.000Z","attempts":1,
                "createdAt":"2026-11-20T08:00:00.000Z","updatedAt":"2026-11-20T08:00:06.000Z",
                "attemptLog":[{"number":1,"at":"2026-11-20T08:00:01.000Z","provider":"twilio","class":"Later","code":"30001","latencyMs":12}],
                "receipts":[{"at":"2026-11-20T08:00:03.000Z","provider":"twilio","outcome":"undelivered","code":"30008"}],
                "answers":[{"at":"2026-11-20T08:00:05.000Z","userId":7,"action":"accept","eventId":"E2","deliveryId":"01"}]}"#,
        )
        .unwrap();
        assert_eq!(why(&shown.delivery), "rules 3, 4 (alert_high): accepted by Ben");
        assert_eq!(about(&shown.delivery), "A1");
        assert_eq!(row(&shown.delivery)[1..4], ["2026-11-20T08:05:00.000Z", "cancelled", "pigeon"]);
        let (_, history) = in_full(&shown).split_once("#  AT").map(|(head, rest)| (head.to_owned(), rest.to_owned())).unwrap();
        assert_eq!(
            history,
            "                        PROVIDER  CLASS  CODE   MESSAGE  MS\n\
             1  2026-11-20T08:00:01.000Z  twilio    Later  30001  -        12\n\
             RECEIPT AT                PROVIDER  OUTCOME      CODE\n\
             2026-11-20T08:00:03.000Z  twilio    undelivered  30008\n\
             ANSWERED AT               BY      ACTION\n\
             2026-11-20T08:00:05.000Z  user 7  accept"
        );
    }
}
