//! What a status callback says of a message.

use watchbell_core::delivery::ReceiptOutcome;
use watchbell_core::outcome::Outcome;
use watchbell_core::{Channel, DeliveryId, Timestamp};

use super::super::classify::by_code;
use super::{Form, value};
use crate::inbound::Subject;
use crate::twiml;

/// Which message a form is about: how it may have been sent, and its id if the form names it. A call names itself by CallSid, a
/// message by MessageSid or, in older callbacks, SmsSid; WhatsApp's are told by the addresses.
pub fn subject(form: &Form, delivery: DeliveryId) -> Subject {
    let is_whatsapp = ["To", "From"].iter().any(|name| value(form, name).starts_with("whatsapp:"));
    let channels: &[Channel] = match value(form, "CallStatus") {
        "" if is_whatsapp => &[Channel::Whatsapp],
        "" if value(form, "To").is_empty() => &[Channel::Sms, Channel::Whatsapp],
        "" => &[Channel::Sms],
        _ => &[Channel::Voice],
    };
    let names = if channels == [Channel::Voice] { &["CallSid"][..] } else { &["MessageSid", "SmsSid"] };
    let id = names.iter().map(|name| value(form, name)).find(|id| !id.is_empty());
    Subject { delivery, channels, message_id: id.map(str::to_owned) }
}

/// The outcome, and Twilio's own code; None for what is on its way.
pub fn outcome(form: &Form, now: Timestamp) -> Option<(ReceiptOutcome, Option<String>)> {
    use ReceiptOutcome::{BadAddress, Delivered, NoRoute, NotAnswered, Read, TryAgain, Undelivered};
    let code = Some(value(form, "ErrorCode")).filter(|code| is_code(code)).map(str::to_owned);
    // The codes mean what they mean in an answer to a new message.
    let meant = || code.as_deref().and_then(|code| by_code(code.parse().ok()?, now));
    let lost = || match meant() {
        Some(Outcome::BadAddress) => BadAddress,
        Some(Outcome::Retry { .. }) => TryAgain,
        Some(Outcome::BadRoute | Outcome::ProviderDown) => NoRoute,
        _ => Undelivered,
    };
    // A call names itself by CallSid, a message by MessageSid; older callbacks of messages say SmsStatus.
    let call = value(form, "CallStatus");
    if !call.is_empty() {
        let outcome = match call {
            "busy" | "no-answer" => NotAnswered,
            "completed" if twiml::is_machine(value(form, "AnsweredBy")) => NotAnswered,
            "completed" => Delivered,
            "failed" | "canceled" => lost(),
            _ => return None,
        };
        return Some((outcome, code.or_else(|| Some(call.to_owned()).filter(|_| outcome != Delivered))));
    }
    let message = Some(value(form, "MessageStatus")).filter(|status| !status.is_empty()).unwrap_or_else(|| value(form, "SmsStatus"));
    let outcome = match message {
        "delivered" => Delivered,
        "read" => Read,
        "undelivered" | "failed" => lost(),
        _ => return None,
    };
    Some((outcome, code))
}

/// Kept in the attempt's record, so nothing but a number passes.
fn is_code(text: &str) -> bool {
    (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReceiptOutcome::{BadAddress, Delivered, NoRoute, NotAnswered, Read, TryAgain, Undelivered};

    /// A form, and what it means.
    type Case = (&'static [(&'static str, &'static str)], Option<(ReceiptOutcome, Option<&'static str>)>);

    #[test]
    fn a_form_says_which_message_it_is_about() {
        type Told = (&'static [(&'static str, &'static str)], &'static [Channel], Option<&'static str>);
        let form =
            |pairs: &[(&str, &str)]| -> Form { pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect() };
        let table: [Told; 6] = [
            (&[("CallStatus", "completed"), ("CallSid", "CA1"), ("MessageSid", "SM1")], &[Channel::Voice], Some("CA1")),
            (&[("CallStatus", "completed")], &[Channel::Voice], None),
            (&[("MessageStatus", "sent"), ("MessageSid", "SM1"), ("To", "+4915112345678")], &[Channel::Sms], Some("SM1")),
            (&[("SmsStatus", "sent"), ("SmsSid", "SM2"), ("To", "+4915112345678")], &[Channel::Sms], Some("SM2")),
            (&[("MessageStatus", "read"), ("MessageSid", "SM3"), ("To", "whatsapp:+4915112345678")], &[Channel::Whatsapp], Some("SM3")),
            (&[("MessageStatus", "sent"), ("MessageSid", "")], &[Channel::Sms, Channel::Whatsapp], None),
        ];
        let delivery = DeliveryId("01".to_owned());
        for (pairs, channels, id) in table {
            let expected = Subject { delivery: delivery.clone(), channels, message_id: id.map(str::to_owned) };
            assert_eq!(subject(&form(pairs), delivery.clone()), expected, "{pairs:?}");
        }
    }

    #[test]
    fn every_status_has_its_meaning() {
        let table: [Case; 23] = [
            (&[("MessageStatus", "queued")], None),
            (&[("MessageStatus", "sent")], None),
            (&[("MessageStatus", "delivered")], Some((Delivered, None))),
            (&[("MessageStatus", "read")], Some((Read, None))),
            (&[("SmsStatus", "delivered")], Some((Delivered, None))),
            (&[("MessageStatus", "undelivered"), ("ErrorCode", "30003")], Some((TryAgain, Some("30003")))),
            // Filtered by the carrier: another provider may have a way.
            (&[("MessageStatus", "undelivered"), ("ErrorCode", "30007")], Some((NoRoute, Some("30007")))),
            (&[("MessageStatus", "failed"), ("ErrorCode", "63016")], Some((Undelivered, Some("63016")))),
            (&[("MessageStatus", "undelivered"), ("ErrorCode", "30005")], Some((BadAddress, Some("30005")))),
            (&[("MessageStatus", "failed"), ("ErrorCode", "63024")], Some((BadAddress, Some("63024")))),
            // As in the answer to a new message.
            (&[("MessageStatus", "undelivered"), ("ErrorCode", "63003")], Some((BadAddress, Some("63003")))),
            (&[("CallStatus", "failed"), ("ErrorCode", "13224")], Some((BadAddress, Some("13224")))),
            (&[("CallStatus", "failed"), ("ErrorCode", "13225")], Some((NoRoute, Some("13225")))),
            (&[("MessageStatus", "failed"), ("ErrorCode", "x+4915")], Some((Undelivered, None))),
            (&[("CallStatus", "ringing")], None),
            (&[("CallStatus", "in-progress")], None),
            (&[("CallStatus", "busy")], Some((NotAnswered, Some("busy")))),
            (&[("CallStatus", "no-answer")], Some((NotAnswered, Some("no-answer")))),
            (&[("CallStatus", "completed"), ("AnsweredBy", "machine_start")], Some((NotAnswered, Some("completed")))),
            (&[("CallStatus", "completed"), ("AnsweredBy", "human")], Some((Delivered, None))),
            (&[("CallStatus", "completed")], Some((Delivered, None))),
            (&[("CallStatus", "canceled")], Some((Undelivered, Some("canceled")))),
            (&[], None),
        ];
        for (form, expected) in table {
            let form: Form = form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let meant = outcome(&form, Timestamp::from_millis(0));
            assert_eq!(meant.as_ref().map(|(outcome, code)| (*outcome, code.as_deref())), expected, "{form:?}");
        }
    }
}
