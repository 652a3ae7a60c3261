//! What a mail's failure means, by where it happened and what the server said.

use watchbell_core::outcome::{LimitScope, Outcome, Report};

use super::reply::Reply;

/// Where a mail was when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Name, TCP, TLS, greeting, EHLO, STARTTLS.
    Connect,
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Recipient,
    /// DATA, and the body up to its final dot.
    Data,
    /// The final dot was written.
    Taken,
}

/// A failure, without the server's text: it may quote the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub stage: Stage,
    /// The reply code; None where the connection failed.
    pub reply: Option<u16>,
    /// The middle figure of an enhanced status code (RFC 3463) is 7: a policy, not the mailbox.
    pub is_policy: bool,
    /// For the record, where there is no reply code.
    pub why: &'static str,
}

impl Failure {
    /// The server said no, or something that is no answer to what it was asked.
    pub fn refused(stage: Stage, reply: &Reply) -> Self {
        if reply.code < 400 {
            return Self::broken(stage, "unexpected_reply");
        }
        Self { stage, reply: Some(reply.code), is_policy: has_policy_status(reply.first_line()), why: "" }
    }

    /// The connection, or the conversation, came to an end.
    pub fn broken(stage: Stage, why: &'static str) -> Self {
        Self { stage, reply: None, is_policy: false, why }
    }

    pub fn timeout(was_written: bool) -> Self {
        Self::broken(if was_written { Stage::Taken } else { Stage::Data }, "timeout")
    }

    /// Whether the connection is of no more use, rather than the mail.
    pub fn is_gone(&self) -> bool {
        matches!(self.reply, None | Some(421))
    }
}

/// `5.7.1 …` at the start.
fn has_policy_status(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    matches!(first.split('.').collect::<Vec<_>>()[..], ["4" | "5", "7", _])
}

pub fn classify(failure: &Failure) -> Report {
    let retry = |scope| Outcome::Retry { after: None, scope };
    let outcome = match (failure.reply, failure.stage) {
        // "Temporary authentication failure" by RFC 4954; relays use it for too many mails.
        (Some(454), _) => retry(LimitScope::Provider),
        (Some(400..=499), _) => retry(LimitScope::Message),
        // Credentials wrong, missing, or too weak a mechanism or no encryption.
        (Some(530 | 534 | 535 | 538), _) | (Some(_), Stage::Connect | Stage::Auth) => Outcome::ProviderDown,
        // This relay's own policy: it may be another's to deliver.
        (Some(_), _) if failure.is_policy => Outcome::BadRoute,
        (Some(550 | 551 | 553), Stage::Recipient) => Outcome::BadAddress,
        (Some(_), _) => Outcome::BadMessage,
        (None, Stage::Connect | Stage::Auth) if failure.why == "unsupported" => Outcome::ProviderDown,
        (None, Stage::Mail) if failure.why == "unsupported" => Outcome::BadMessage,
        (None, Stage::Taken) => Outcome::Unknown,
        (None, _) => retry(LimitScope::Message),
    };
    let code = failure.reply.map_or_else(|| failure.why.to_owned(), |reply| reply.to_string());
    Report::new(outcome, code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_has_a_meaning() {
        let message = Outcome::Retry { after: None, scope: LimitScope::Message };
        let provider = Outcome::Retry { after: None, scope: LimitScope::Provider };
        let table = [
            (Stage::Connect, 421, message.clone()),
            (Stage::Connect, 554, Outcome::ProviderDown),
            (Stage::Auth, 535, Outcome::ProviderDown),
            (Stage::Auth, 534, Outcome::ProviderDown),
            (Stage::Auth, 454, provider.clone()),
            (Stage::Auth, 432, message.clone()),
            (Stage::Auth, 500, Outcome::ProviderDown),
            (Stage::Mail, 530, Outcome::ProviderDown),
            (Stage::Mail, 451, message.clone()),
            (Stage::Mail, 550, Outcome::BadMessage),
            (Stage::Mail, 552, Outcome::BadMessage),
            (Stage::Recipient, 450, message.clone()),
            (Stage::Recipient, 452, message.clone()),
            (Stage::Recipient, 454, provider),
            (Stage::Recipient, 550, Outcome::BadAddress),
            (Stage::Recipient, 551, Outcome::BadAddress),
            (Stage::Recipient, 553, Outcome::BadAddress),
            (Stage::Recipient, 552, Outcome::BadMessage),
            (Stage::Recipient, 554, Outcome::BadMessage),
            (Stage::Data, 554, Outcome::BadMessage),
            (Stage::Data, 451, message.clone()),
            (Stage::Taken, 550, Outcome::BadMessage),
            (Stage::Taken, 552, Outcome::BadMessage),
            (Stage::Taken, 451, message),
        ];
        for (stage, reply, outcome) in table {
            let failure = Failure { stage, reply: Some(reply), is_policy: false, why: "" };
            assert_eq!(classify(&failure), Report::new(outcome, reply.to_string()), "{stage:?}");
        }
    }

    #[test]
    fn only_what_may_have_been_taken_is_unknown() {
        for stage in [Stage::Connect, Stage::Auth, Stage::Mail, Stage::Recipient, Stage::Data] {
            assert_eq!(classify(&Failure::broken(stage, "timeout")), Report::retry("timeout".to_owned()), "{stage:?}");
        }
        assert_eq!(classify(&Failure::broken(Stage::Taken, "timeout")).outcome, Outcome::Unknown);
    }

    /// "Relaying denied" locks nobody's address.
    #[test]
    fn a_policy_is_not_the_mailbox() {
        let failure = Failure { stage: Stage::Recipient, reply: Some(550), is_policy: true, why: "" };
        assert_eq!(classify(&failure).outcome, Outcome::BadRoute);
        assert!(has_policy_status("5.7.1 relaying denied"));
        assert!(!has_policy_status("5.1.1 no such user") && !has_policy_status("no such user 5.7.1") && !has_policy_status(""));
    }
}
