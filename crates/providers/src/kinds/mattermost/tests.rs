#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use watchbell_core::outcome::LimitScope;
    use watchbell_core::{ManualClock, Secret};

    use super::*;
    use crate::provider::{Content, Text};
    use crate::kinds::stand_in::{Act, StandIn, at, outgoing};

    async fn send(service: &StandIn, allow_private: bool) -> Report {
        let message = outgoing(Channel::Mattermost, Address::Other(Secret::new(format!("{}/hooks/hush", service.url))));
        let settings = Settings { allow_private, ..Settings::default() };
        settings.check(&service.common()).unwrap();
        let provider = settings.build("mattermost", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
        assert!(!provider.is_one_service());
        provider.send(&message).await
    }

    #[tokio::test]
    async fn one_text_is_posted_to_the_contact_s_url() {
        let service = StandIn::start([Act::Answer(200, "", "ok".to_owned())]).await;
        assert_eq!(send(&service, true).await, Report::accepted(None));
        let seen = service.only();
        assert_eq!(seen.line, "POST /hooks/hush HTTP/1.1");
        assert_eq!(seen.json(), json!({"text": "Disk full on db-1\n\nhttps://alerts.example.org/7"}));
    }

    #[tokio::test]
    async fn a_private_address_must_be_allowed() {
        let service = StandIn::start([]).await;
        assert_eq!(send(&service, false).await, Report::new(Outcome::BadAddress, "private_address".to_owned()));
    }

    #[tokio::test]
    async fn long_texts_are_cut_and_keep_what_stands_after_them() {
        let service = StandIn::start([Act::Answer(200, "", "ok".to_owned())]).await;
        let message = outgoing(Channel::Mattermost, Address::Other(Secret::new(format!("{}/hooks/hush", service.url))));
        let text = Text::read(&format!("\u{fdd1}{}\u{fdd0}\n\nhttps://alerts.example.org/7", "@*".repeat(20_000)));
        let message = Outgoing { content: Content { text, ..message.content.clone() }, ..message };
        let settings = Settings { allow_private: true, ..Settings::default() };
        let provider = settings.build("mattermost", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
        assert_eq!(provider.send(&message).await, Report::accepted(None));
        let body = service.only().json();
        let text = body["text"].as_str().unwrap();
        assert!((16_000..=LONGEST_TEXT).contains(&text.chars().count()) && text.ends_with("…\n\nhttps://alerts.example.org/7"));
        assert!(text.starts_with("@\u{200b}\\*@\u{200b}\\*"));
    }

    #[test]
    fn every_answer_has_a_meaning() {
        let now = at("2026-11-20T08:00:00Z");
        let error = |id: &str| format!(r#"{{"id":"web.incoming_webhook.{id}.app_error","message":"Disk full","status_code":400}}"#);
        let retry = Outcome::Retry { after: None, scope: LimitScope::Recipient };
        let table = [
            (200, "ok".to_owned(), Outcome::Accepted { message_id: None }),
            (400, error("invalid"), Outcome::BadAddress),
            (501, error("disabled"), Outcome::BadAddress),
            (404, error("channel"), Outcome::BadAddress),
            (403, error("channel_locked"), Outcome::BadAddress),
            (403, error("permissions"), Outcome::BadAddress),
            (400, error("parse"), Outcome::BadMessage),
            (400, error("text"), Outcome::BadMessage),
            (400, error("new"), Outcome::BadMessage),
            (404, "<html>".to_owned(), Outcome::BadMessage),
            (429, String::new(), retry.clone()),
            (500, error("general"), retry),
        ];
        for (status, body, outcome) in table {
            let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
            let report = classify(&answer, now);
            assert_eq!(report.outcome, outcome, "{status} {body}");
            assert!(!report.code.unwrap_or_default().contains("Disk"));
        }
    }
}
