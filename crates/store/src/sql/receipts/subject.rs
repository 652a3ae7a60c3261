//! The delivery that a receipt names, and whether it is about what that delivery was sent as.

use watchbell_core::delivery::State;
use watchbell_core::outcome::Class;

use super::super::attempts;
use super::super::rows::name;
use crate::StoreError;
use crate::queue::{Attempt, Receipt};

#[derive(sqlx_macros::FromRow)]
pub(in super::super) struct Row {
    pub state: String,
    pub channel: String,
    pub provider: Option<String>,
    pub attempt_log: String,
    pub receipt_log: String,
    pub rank: i64,
    pub attempts: i64,
    pub due_at: i64,
    pub stop: Option<String>,
    pub is_wanted: bool,
}

/// What a receipt is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum About {
    /// What the delivery was sent as last.
    Last,
    /// What it was sent as before another provider took over, as nothing was heard of it or something bad: only that it arrived
    /// after all still counts.
    PassedOn,
}

impl Row {
    /// A delivery as receipts see it. Nobody has to be called again for an alert's round that is over.
    pub const SELECT: &'static str = "SELECT state, channel, provider, attempt_log, receipt_log, rank, attempts, \
         CASE WHEN created_at > due_at THEN created_at ELSE due_at END AS due_at, stop, CASE WHEN scope LIKE 'alert:%' \
         THEN EXISTS (SELECT 1 FROM responders r WHERE r.user_id = d.user_id AND r.alert_id = d.alert_id \
         AND d.scope = 'alert:' || r.round || ':' || r.alert_id) ELSE NOT EXISTS (SELECT 1 FROM alerts a \
         WHERE a.id = d.alert_id AND a.state <> 'open') END AS is_wanted FROM deliveries d WHERE id = $1";

    /// What a receipt is about, if it counts: another account's says nothing of this delivery, nor does one of an earlier try; but one
    /// that overtakes the answer to the call has an id that nobody knows yet.
    pub fn about(&self, receipt: &Receipt) -> Result<Option<About>, StoreError> {
        let tries = attempts::parse(&self.attempt_log)?;
        if !receipt.channels.contains(&name(&self.channel)?) {
            return Ok(None);
        }
        Ok(if self.is_of_the_last(receipt, &tries) {
            Some(About::Last)
        } else {
            tries.iter().any(|attempt| was_passed_on(attempt, receipt)).then_some(About::PassedOn)
        })
    }

    fn is_of_the_last(&self, receipt: &Receipt, tries: &[Attempt]) -> bool {
        let is_theirs = self.provider.as_deref() == Some(&receipt.provider) || self.had_no_answer_of(receipt, tries);
        // What was passed on was sent by another one, or will be, or nobody else takes it.
        if !is_theirs || tries.last().is_some_and(|last| was_passed_on(last, receipt)) {
            return false;
        }
        let Some(id) = receipt.message_id.as_deref() else { return true };
        let is_known_as = |attempt: &Attempt| attempt.message_id.as_deref() == Some(id);
        match tries.last().filter(|last| self.state != State::Sending.as_str() && last.message_id.is_some()) {
            Some(last) => is_known_as(last),
            None => !tries.iter().any(is_known_as),
        }
    }

    /// Whether it is to be sent again, if it did not arrive.
    pub fn is_needed(&self) -> bool {
        self.stop.is_none() && self.is_wanted
    }

    /// Whether it waits to be sent again although the provider that says this may have it: the last call there had no answer.
    pub fn had_no_answer_of(&self, receipt: &Receipt, tries: &[Attempt]) -> bool {
        let last = tries.iter().rfind(|attempt| attempt.provider == receipt.provider);
        self.state == State::Scheduled.as_str() && last.is_some_and(|last| last.class == Class::Unknown)
    }
}

/// Whether the receipt is about a try that its provider took, and that another one took over from.
fn was_passed_on(attempt: &Attempt, receipt: &Receipt) -> bool {
    attempt.took_and_was_passed_on()
        && attempt.provider == receipt.provider
        && receipt.message_id.as_ref().is_none_or(|id| attempt.message_id.as_ref() == Some(id))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use watchbell_core::{Channel, DeliveryId, Timestamp};

    use super::*;
    use crate::queue::ReceiptOutcome;

    fn tried(id: Option<&str>, number: i64) -> Attempt {
        Attempt {
            number,
            at: Timestamp::from_millis(number),
            provider: "twilio".to_owned(),
            class: Class::Accepted,
            code: None,
            message_id: id.map(str::to_owned),
            latency_ms: None,
            goes_on: false,
            not_before: None,
        }
    }

    fn row(state: &str, log: String) -> Row {
        Row {
            state: state.to_owned(),
            channel: "voice".to_owned(),
            provider: Some("twilio".to_owned()),
            attempt_log: log,
            receipt_log: String::new(),
            rank: 0,
            attempts: 1,
            due_at: 0,
            stop: None,
            is_wanted: true,
        }
    }

    fn receipt(provider: &str, channels: &'static [Channel], id: Option<&str>) -> Receipt {
        Receipt {
            delivery: DeliveryId("01".to_owned()),
            provider: provider.to_owned(),
            channels,
            message_id: id.map(str::to_owned),
            outcome: ReceiptOutcome::Delivered,
            code: None,
        }
    }

    #[test]
    fn a_receipt_counts_for_what_its_provider_sent_last() {
        /// State, message ids of the tries, who says it, by which channels, about which id; whether it counts.
        type Told = (&'static str, &'static [Option<&'static str>], &'static str, &'static [Channel], Option<&'static str>, bool);
        let voice: &[Channel] = &[Channel::Voice];
        let texts: &[Channel] = &[Channel::Sms, Channel::Whatsapp];
        let table: [Told; 15] = [
            ("sent", &[Some("CA1")], "twilio", voice, Some("CA1"), true),
            ("sent", &[Some("CA1")], "twilio", voice, None, true),
            ("sent", &[Some("CA1")], "twilio", voice, Some("CA2"), false),
            ("sent", &[Some("CA1")], "backup", voice, Some("CA1"), false),
            ("sent", &[Some("CA1")], "twilio", texts, Some("CA1"), false),
            ("undelivered", &[Some("CA1")], "twilio", voice, Some("CA1"), true),
            // Of the call before this one.
            ("sent", &[Some("CA1"), Some("CA2")], "twilio", voice, Some("CA1"), false),
            ("sent", &[Some("CA1"), Some("CA2")], "twilio", voice, Some("CA2"), true),
            // What is in flight has an id that nobody knows yet, but not an earlier one's.
            ("sending", &[], "twilio", voice, Some("CA1"), true),
            ("sending", &[], "backup", voice, Some("CA1"), false),
            ("sending", &[], "twilio", texts, Some("CA1"), false),
            ("sending", &[Some("CA1")], "twilio", voice, Some("CA1"), false),
            ("sending", &[Some("CA1")], "twilio", voice, Some("CA2"), true),
            // A call of which no answer came may have been made under any.
            ("sent", &[Some("CA1"), None], "twilio", voice, Some("CA2"), true),
            ("sent", &[Some("CA1"), None], "twilio", voice, Some("CA1"), false),
        ];
        for (state, ids, provider, channels, id, counts) in table {
            let log = ids.iter().zip(1..).map(|(id, number)| attempts::line(&tried(*id, number)).unwrap()).collect();
            let about = row(state, log).about(&receipt(provider, channels, id)).unwrap();
            assert_eq!(about, counts.then_some(About::Last), "{state} {ids:?} {provider} {id:?}");
        }
    }

    #[test]
    fn what_another_provider_took_over_is_told_from_what_that_one_sent() {
        let first = Attempt { provider: "first".to_owned(), goes_on: true, ..tried(Some("M1"), 1) };
        let last = Attempt { provider: "twilio".to_owned(), ..tried(Some("M2"), 2) };
        let log = |tries: &[&Attempt]| tries.iter().map(|attempt| attempts::line(attempt).unwrap()).collect::<String>();
        let voice: &[Channel] = &[Channel::Voice];
        let table = [
            ("sent", log(&[&first, &last]), "first", Some("M1"), Some(About::PassedOn)),
            ("sent", log(&[&first, &last]), "first", Some("M9"), None),
            ("sent", log(&[&first, &last]), "twilio", Some("M2"), Some(About::Last)),
            ("sending", log(&[&first]), "first", Some("M1"), Some(About::PassedOn)),
            ("sending", log(&[&first]), "twilio", Some("M2"), Some(About::Last)),
        ];
        for (state, log, provider, id, expected) in table {
            assert_eq!(row(state, log).about(&receipt(provider, voice, id)).unwrap(), expected, "{state} {provider} {id:?}");
        }
        // Nobody has taken it over yet, or nobody will: a loss that is told again is nothing new.
        for state in ["scheduled", "undelivered"] {
            let waits = Row { provider: Some("first".to_owned()), ..row(state, log(&[&first])) };
            assert_eq!(waits.about(&receipt("first", voice, Some("M1"))).unwrap(), Some(About::PassedOn), "{state}");
        }
    }
}
