#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use watchbell_core::event::{
    AlertData, DutyData, DutyStatus, EventData, Priority, SubscriptionData, UpdateData, UpdateStatus, VerificationData,
};
use watchbell_core::{Channel, NamedAs, Secret, Timestamp};
use watchbell_providers::phrase::{Phrase, Since, Wording};
use watchbell_providers::provider::{AnswerOffer, Content};

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn alert(summary: &str, priority: Priority) -> EventData {
    EventData::Alert(AlertData {
        alert_id: "A-17".to_owned(),
        priority: Some(priority),
        summary: summary.to_owned(),
        details: Some("Only 2 % left on /var.\n\n\n\nSee <b>https://wiki.example.org/disk</b>".to_owned()),
        url: Some("https://alerts.example.org/17?a=1&b=2".to_owned()),
        labels: serde_json::from_str(r#"{"host":"db-1"}"#).unwrap(),
        ..AlertData::default()
    })
}

fn update() -> EventData {
    EventData::Update(UpdateData {
        alert_id: "A-17".to_owned(),
        status: UpdateStatus::Accepted,
        actor: Some("2".to_owned()),
        responders: Vec::new(),
        notify: Vec::new(),
        summary: Some("Disk full on db-1".to_owned()),
        actor_name: Some("Bela".to_owned()),
        answer: None,
        follow_up: None,
        url: Some("https://alerts.example.org/17".to_owned()),
    })
}

fn duty(starts_at: &str) -> EventData {
    EventData::Duty(DutyData {
        duty_id: "D1".to_owned(),
        user_id: "1".to_owned(),
        starts_at: at(starts_at),
        ends_at: at("2026-11-21T08:00:00Z"),
        schedule: "Primary".to_owned(),
        status: DutyStatus::Scheduled,
    })
}

fn subscription(title: &str, category: &str) -> EventData {
    EventData::Subscription(SubscriptionData {
        title: title.to_owned(),
        message: "The database moves on Sunday.".to_owned(),
        url: Some(format!("https://status.example.org/{category}")),
        category: Some(category.to_owned()),
        ..SubscriptionData::default()
    })
}

fn offer() -> AnswerOffer {
    AnswerOffer {
        token: Secret::new("token"),
        url: Some("https://bell.example.org/a/token".to_owned()),
        code: "A7".to_owned(),
        accept: "I have it".to_owned(),
        resolve: "Resolved".to_owned(),
        decline: "Not me".to_owned(),
    }
}

fn about(locale: &str, event: Option<EventData>) -> RenderContext {
    RenderContext {
        event: event.map(Arc::new),
        items: Vec::new(),
        reader: Arc::new(Reader { name: "Anna".to_owned(), locale: locale.to_owned(), timezone: "Europe/Berlin".to_owned() }),
        now: at("2026-11-20T06:00:00Z"),
        due_at: None,
        is_fallback: false,
        named_as: None,
        answer: None,
        hears_replies: false,
    }
}

/// One message of every kind.
fn every_kind(locale: &str) -> Vec<(MessageKind, RenderContext)> {
    let item = |event: EventData, kind| Item { kind, event: Arc::new(event), at: at("2026-11-20T05:30:00Z") };
    let bundle = vec![
        item(alert("Disk full on db-1", Priority::High), MessageKind::Alert),
        item(update(), MessageKind::Update),
        item(subscription("Maintenance", "ops"), MessageKind::Subscription),
    ];
    let digest = vec![
        item(subscription("Maintenance", "ops"), MessageKind::Subscription),
        item(subscription("Release 7", "news"), MessageKind::Subscription),
        item(subscription("Release 8", "news"), MessageKind::Subscription),
    ];
    let code = VerificationData { code: Secret::new("482913"), expires_at: at("2026-11-20T06:15:00Z") };
    vec![
        (MessageKind::Alert, about(locale, Some(alert("Disk full on db-1", Priority::High)))),
        (MessageKind::Update, about(locale, Some(update()))),
        (MessageKind::Duty, about(locale, Some(duty("2026-11-20T08:00:00Z")))),
        (MessageKind::DutyCancelled, about(locale, Some(duty("2026-11-20T08:00:00Z")))),
        (MessageKind::Subscription, about(locale, Some(subscription("Maintenance", "ops")))),
        (MessageKind::Verification, about(locale, Some(EventData::Verification(code)))),
        (MessageKind::Test, about(locale, None)),
        (MessageKind::Bundle, RenderContext { items: bundle, ..about(locale, None) }),
        (MessageKind::Digest, RenderContext { items: digest, ..about(locale, None) }),
    ]
}

/// All texts in one, to be read and compared as a whole.
fn written(locale: &str) -> String {
    let renderer = Renderer::new(None).unwrap();
    let mut all = String::new();
    for (kind, about) in every_kind(locale) {
        let Rendered { content, problems } = renderer.render(kind, &about);
        assert!(problems.is_empty(), "{problems:?}");
        let Content { subject, text, short, speech, .. } = content;
        write!(all, "=== {kind:?}\n{subject}\n--- text\n{}\n--- short\n{}\n--- speech\n{}\n\n", &*text, &*short, &*speech).unwrap();
    }
    all
}

/// `UPDATE_SNAPSHOTS=1` writes them anew.
fn assert_snapshot(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/render/snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&file, text).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap();
    assert_eq!(text, expected, "{name} differs; UPDATE_SNAPSHOTS=1 writes it anew");
}

#[test]
fn english_messages() {
    assert_snapshot("en.txt", &written("en"));
}

#[test]
fn german_messages() {
    assert_snapshot("de.txt", &written("de-DE"));
}

#[test]
fn html_messages() {
    let renderer = Renderer::new(None).unwrap();
    let mut kinds = every_kind("en");
    for at in [0, 8] {
        let (kind, about) = kinds.swap_remove(at);
        assert_snapshot(&format!("{}.html", kind.folder()), &renderer.render(kind, &about).content.html);
        kinds = every_kind("en");
    }
}

#[test]
fn a_language_that_nobody_wrote_is_english() {
    let renderer = Renderer::new(None).unwrap();
    let subject = |locale| renderer.render(MessageKind::Duty, &about(locale, Some(duty("2026-11-20T06:00:10Z")))).content.subject;
    assert_eq!(subject("pt-BR"), "On call now: Primary");
    assert_eq!(subject("DE-at"), "Bereitschaft jetzt: Primary");
}

#[test]
fn a_channel_gets_just_its_parts() {
    let renderer = Renderer::new(None).unwrap();
    let event = about("en", Some(alert("Disk full", Priority::High)));
    let sms = renderer.render_for(Channel::Sms, MessageKind::Alert, &event).content;
    assert_eq!(&*sms.short, "HIGH: Disk full https://alerts.example.org/17?a=1&b=2");
    assert!(sms.subject.is_empty() && sms.text.is_empty() && sms.html.is_empty() && sms.speech.is_empty());
    let whole = renderer.render(MessageKind::Alert, &event).content;
    let mail = renderer.render_for(Channel::Email, MessageKind::Alert, &event).content;
    assert_eq!((mail.subject, mail.text, mail.html), (whole.subject, whole.text, whole.html));
}

#[test]
fn texts_of_events_cannot_break_out() {
    let renderer = Renderer::new(None).unwrap();
    let mut bad = about("en", Some(alert("<script>x</script>\r\nBcc: eve@example.org\u{0} {{ 7 * 7 }}", Priority::Low)));
    if let Some(EventData::Alert(alert)) = bad.event.as_mut().map(Arc::make_mut) {
        alert.url = Some("javascript:alert(1)".to_owned());
    }
    let content = renderer.render(MessageKind::Alert, &bad).content;
    assert_eq!(content.subject, "<script>x</script> Bcc: eve@example.org {{ 7 * 7 }}");
    assert!(!content.html.contains("<script>") && !content.html.contains("href"), "{}", content.html);
    assert_eq!(content.url, None);
}

#[test]
fn long_texts_are_cut_and_every_message_of_a_bundle_is_named() {
    let renderer = Renderer::new(None).unwrap();
    let long = renderer.render(MessageKind::Alert, &about("en", Some(alert(&"ä ".repeat(5_000), Priority::High)))).content;
    assert!(long.short.chars().count() <= 300 && long.short.ends_with("https://alerts.example.org/17?a=1&b=2"), "{}", &*long.short);
    assert!(long.subject.chars().count() <= 200 && long.speech.chars().count() <= 1_500);

    let items = (0..12).map(|n| Item {
        kind: MessageKind::Alert,
        event: Arc::new(alert(&format!("Host {n} is down and nobody knows why that may be"), Priority::High)),
        at: at("2026-11-20T05:30:00Z"),
    });
    let bundle = RenderContext { items: items.collect(), ..about("en", None) };
    let short = renderer.render(MessageKind::Bundle, &bundle).content.short.into_string();
    assert!(short.chars().count() <= 300, "{short}");
    assert!(short.starts_with("HIGH: 12 messages: Host 0 is down") && short.contains("Host 11 is down"), "{short}");
}

#[test]
fn the_fallback_mail_says_why_it_came() {
    let renderer = Renderer::new(None).unwrap();
    let fallback = RenderContext { is_fallback: true, ..about("en", Some(alert("Disk full", Priority::High))) };
    let content = renderer.render_for(Channel::Email, MessageKind::Alert, &fallback).content;
    assert!(content.text.ends_with("You get this mail because you have no notification rule for alerts of this priority."));
}

#[test]
fn a_page_says_why_it_came_to_whoever_was_not_named() {
    let renderer = Renderer::new(None).unwrap();
    let new = || NamedAs::NewOnDuty { schedule: "Primary".to_owned() };
    let on_duty = || NamedAs::OnDuty { schedule: "Primary".to_owned() };
    let step = |step, named_as: Option<NamedAs>| NamedAs::Step { list: "database".to_owned(), step, named_as: named_as.map(Box::new) };
    let table: [(NamedAs, &str, &str); 6] = [
        (new(), "en", "You are on duty for Primary now, and nobody has accepted this alert yet."),
        (new(), "de", "Du hast jetzt Dienst (Primary), und noch niemand hat diesen Alarm übernommen."),
        (on_duty(), "en", "You are told because you are on duty for Primary."),
        (step(1, Some(on_duty())), "en", "You are told because you are on duty for Primary."),
        (step(2, None), "en", "Nobody has accepted it so far: this is step 2 of database."),
        (step(2, None), "de", "Bisher hat ihn niemand übernommen: Dies ist Schritt 2 von database."),
    ];
    for (named_as, locale, sentence) in table {
        let page = RenderContext { named_as: Some(named_as), ..about(locale, Some(alert("Disk full", Priority::High))) };
        let text = renderer.render_for(Channel::Email, MessageKind::Alert, &page).content.text.into_string();
        assert!(text.ends_with(sentence), "{text}");
    }
    let page = RenderContext { named_as: Some(new()), ..about("en", Some(alert("Disk full", Priority::High))) };
    let short = renderer.render(MessageKind::Alert, &page).content.short.into_string();
    assert!(short.starts_with("HIGH: Disk full (you are on duty for Primary now)"), "{short}");
    let member = RenderContext {
        named_as: Some(NamedAs::Member { topic: "ops".to_owned() }),
        ..about("en", Some(alert("Disk full", Priority::High)))
    };
    let plain = about("en", Some(alert("Disk full", Priority::High)));
    let text = |page: &RenderContext| renderer.render_for(Channel::Email, MessageKind::Alert, page).content.text.into_string();
    assert_eq!(text(&member), text(&plain));
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, source) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, source).unwrap();
    }
    folder
}

#[test]
fn a_folder_replaces_single_templates_and_adds_languages() {
    let folder = folder(&[
        ("en/alert/short.txt", "{% include 'en/_mark.txt' %}{{ event.summary }}"),
        ("en/_mark.txt", "!! "),
        ("fr/alert/short.txt", "Alerte : {{ event.summary }}"),
        ("en/alert/short.txt~", "{{ broken"),
        (".git/config", "{{ broken"),
    ]);
    let renderer = Renderer::new(Some(folder.path())).unwrap();
    let render = |locale| renderer.render(MessageKind::Alert, &about(locale, Some(alert("Disk full", Priority::High)))).content;
    assert_eq!((&*render("en").short, render("en").subject.as_str()), ("!! Disk full", "[HIGH] Disk full"));
    assert_eq!((&*render("fr-CA").short, render("fr-CA").subject.as_str()), ("Alerte : Disk full", "[HIGH] Disk full"));
}

#[test]
fn a_wrong_folder_is_refused_with_file_and_line() {
    let error = |files: &[(&str, &str)]| {
        let folder = folder(files);
        let error = Renderer::new(Some(folder.path())).unwrap_err().to_string();
        error.replace(&folder.path().display().to_string(), "DIR")
    };
    let text = error(&[("en/alert/text.txt", "ok\n{% if high %}\n{{ event.summary")]);
    assert!(text.starts_with("the template folder's DIR/en/alert/text.txt: line 3: syntax error"), "{text}");
    let right = "is none of the templates' names, which are such as en/alert/subject.txt";
    for name in ["en/alert/subjct.txt", "en/alarm/text.txt", "alert/text.txt", "EN/alert/text.txt"] {
        assert_eq!(error(&[(name, "x")]), format!("the template folder's DIR/{name}: {right}"));
    }
    assert!(Renderer::new(Some(Path::new("/no/such/folder"))).unwrap_err().to_string().contains("/no/such/folder"));
}

#[test]
fn a_template_that_fails_does_not_lose_the_message() {
    let folder = folder(&[
        ("en/alert/short.txt", "line\n{{ event.labels | local_time }}"),
        ("en/alert/subject.txt", "   \n"),
        ("any/alert/html.html", "{% include 'none.html' %}"),
    ]);
    let renderer = Renderer::new(Some(folder.path())).unwrap();
    let Rendered { content, problems } = renderer.render(MessageKind::Alert, &about("en", Some(alert("Disk full", Priority::High))));
    assert_eq!((&*content.short, content.subject.as_str(), content.html.as_str()), ("HIGH: Disk full", "HIGH: Disk full", ""));
    assert!(content.text.starts_with("[HIGH] Disk full"));
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(problems[0].starts_with("the template en/alert/short.txt, line 2:"), "{problems:?}");
    assert_eq!(problems.len(), 2);
}

/// Whatever an event left out, the built-in templates say something.
#[test]
fn bare_events_render() {
    let renderer = Renderer::new(None).unwrap();
    let bare = [
        (MessageKind::Alert, EventData::Alert(AlertData { summary: "S".to_owned(), ..AlertData::default() })),
        (MessageKind::Subscription, EventData::Subscription(SubscriptionData { title: "T".to_owned(), ..SubscriptionData::default() })),
        (
            MessageKind::Update,
            EventData::Update(UpdateData {
                summary: None,
                actor_name: None,
                url: None,
                ..serde_json::from_str(r#"{"alertId":"A","status":"RESOLVED"}"#).unwrap()
            }),
        ),
        (MessageKind::Duty, duty("2026-11-20T05:55:00Z")),
    ];
    for (kind, event) in bare {
        for locale in ["en", "de", "x"] {
            let Rendered { content, problems } = renderer.render(kind, &about(locale, Some(event.clone())));
            assert!(problems.is_empty(), "{problems:?}");
            let Content { subject, text, html, short, speech, .. } = content;
            let parts = [subject, text.into_string(), html, short.into_string(), speech.into_string()];
            // What is not there is left out, not written as the engine's word for nothing.
            assert!(parts.iter().all(|part| !part.is_empty() && !part.to_lowercase().contains("none")), "{kind:?}: {parts:?}");
        }
    }
}

fn within(letters: usize) -> impl Fn(&str) -> bool {
    move |text| text.chars().count() <= letters
}

/// However much somebody wrote, and by whatever is cut: link, id and labels are there.
#[test]
fn what_one_needs_who_reads_nothing_else_is_never_cut() {
    let renderer = Renderer::new(None).unwrap();
    let mut long = alert(&"summary ".repeat(500), Priority::High);
    if let EventData::Alert(alert) = &mut long {
        alert.details = Some("detail\n".repeat(8_000));
        alert.labels = serde_json::from_str(r#"{"host":"db-1","zone":"b"}"#).unwrap();
    }
    for locale in ["en", "de"] {
        let content = renderer.render(MessageKind::Alert, &about(locale, Some(long.clone()))).content;
        for letters in [50_000, 16_383, 4_000, 300, 120] {
            let text = content.text.fit(within(letters));
            assert!(text.chars().count() <= letters, "{}", text.len());
            for fixed in ["A-17\n", "host: db-1\nzone: b", "\n\nhttps://alerts.example.org/17?a=1&b=2"] {
                assert!(text.contains(fixed), "{fixed} in {letters}: {text}");
            }
        }
        assert!(content.text.chars().count() <= 50_000);
        assert!(content.speech.ends_with("A, 1, 7.") && content.speech.chars().count() <= 1_500, "{}", &*content.speech);
        let sms = renderer.render_for(Channel::Sms, MessageKind::Alert, &about(locale, Some(long.clone()))).content.short;
        assert!(watchbell_providers::gsm::parts_of(&sms) == 3 && sms.ends_with("... https://alerts.example.org/17?a=1&b=2"), "{}", &*sms);
    }
    // Labels give way only when nothing else is left to give.
    if let EventData::Alert(alert) = &mut long {
        alert.labels = [("note".to_owned(), "x".repeat(5_000).into())].into_iter().collect();
    }
    let content = renderer.render(MessageKind::Alert, &about("en", Some(long))).content;
    let text = content.text.fit(within(300));
    assert!(text.contains("Alert: A-17\nnote: xxx") && text.ends_with("x…\n\nhttps://alerts.example.org/17?a=1&b=2"), "{text}");
}

#[test]
fn an_sms_has_as_many_parts_as_it_may() {
    let event = || about("en", Some(alert(&"Störung „db-1“ – ".repeat(100), Priority::High)));
    for parts in [1, 2, 5] {
        let renderer = Renderer::new(None).unwrap().with_sms_parts(parts);
        let sms = renderer.render_for(Channel::Sms, MessageKind::Alert, &event()).content.short;
        assert_eq!(watchbell_providers::gsm::parts_of(&sms), parts, "{}", &*sms);
        assert!(sms.chars().count() > 140 * parts && !sms.contains('„'), "plain quotes keep it in the alphabet: {}", &*sms);
    }
}

/// The language is the text's, not the reader's, wherever something is made of it.
#[test]
fn the_language_is_that_of_what_is_said() {
    let folder = folder(&[
        ("fr/alert/speech.txt", "Alerte : {{ event.summary }}"),
        ("fr/alert/text.txt", "Alerte : {{ event.summary }}"),
        ("fr/duty/subject.txt", "De garde {{ event.startsAt | remaining }}"),
        ("sv/phrase/open.txt", "Öppna"),
        ("sv/alert/text.txt", "Larm: {{ event.summary }}"),
        ("es/alert/speech.txt", "{{ event.labels | local_time }}"),
    ]);
    let renderer = Renderer::new(Some(folder.path())).unwrap();
    let render = |locale: &str, channel| {
        let event = RenderContext { answer: Some(offer()), ..about(locale, Some(alert("Disk full", Priority::High))) };
        renderer.render_for(channel, MessageKind::Alert, &event).content
    };
    let table = [
        ("fr-CA", Channel::Voice, "fr-CA", ""),
        // Nobody wrote a short text in French: what is read is English.
        ("fr-CA", Channel::Push, "en", "Open"),
        ("fr", Channel::Email, "fr", "Open"),
        ("sv-SE", Channel::Telegram, "sv-SE", "Öppna"),
        ("sv-SE", Channel::Sms, "en", "Open"),
        ("de-AT", Channel::Voice, "de-AT", ""),
        ("de", Channel::Teams, "de", "Öffnen"),
        ("en-GB", Channel::Voice, "en-GB", ""),
        ("pt-BR", Channel::Voice, "en", ""),
        ("x-klingon", Channel::Email, "en", "Open"),
        ("", Channel::Email, "en", "Open"),
        // Its template fails: the plain sentence is English.
        ("es", Channel::Voice, "en", ""),
    ];
    for (locale, channel, language, open) in table {
        let content = render(locale, channel);
        assert_eq!(content.locale, language, "{locale} {channel}");
        assert!(open.is_empty() || content.open == open, "{locale} {channel}: {}", content.open);
        if channel == Channel::Email {
            assert!(content.html.contains(&format!("<html lang=\"{language}\">")), "{}", content.html);
        }
    }
    assert_eq!(
        render("de", Channel::Voice).menu,
        "Drücke die 1, wenn du übernimmst, die 2, wenn es behoben ist, die 3, wenn du nicht zuständig bist, oder die 9, um es noch einmal zu hören."
    );
    // French speech, and a menu that nobody wrote in French.
    assert_eq!(render("fr", Channel::Voice).menu, "Press 1 if you have it, 2 if it is resolved, 3 if it is not yours, 9 to hear it again.");
    let quiet = renderer.render_for(Channel::Voice, MessageKind::Alert, &about("de", Some(alert("Disk full", Priority::High)))).content;
    assert_eq!(quiet.menu, "");
}

/// What nobody sees of an event's texts is in no part of a message; what was meant is.
#[test]
fn marks_that_nobody_sees_are_left_out() {
    let renderer = Renderer::new(None).unwrap();
    let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
    let mut odd = alert(&format!("pay\u{202e}lla\u{202c} {family} \u{fdd1}x\u{fdd0}\u{200b}"), Priority::High);
    if let EventData::Alert(alert) = &mut odd {
        alert.alert_id = "A-\u{2066}17\u{2069}".to_owned();
        alert.details = Some("one\u{85}two\u{2028}three\u{b}four\u{202e}five".to_owned());
        alert.url = Some("https://alerts.example.org/\u{202e}17".to_owned());
        alert.labels = serde_json::from_str("{\"ho\u{200f}st\":[true,null,{\"a\":\"b\u{202a}\"}],\"on\":true,\"off\":null}").unwrap();
    }
    let content = renderer.render(MessageKind::Alert, &about("en", Some(odd))).content;
    let parts = [&content.subject, &*content.text, &content.html, &*content.short, &*content.speech, content.url.as_deref().unwrap()];
    for part in parts {
        assert!(!part.contains(watchbell_core::text::is_invisible), "{}", part.escape_unicode());
    }
    assert_eq!(content.subject, format!("[HIGH] paylla {family} x"));
    assert!(content.text.contains("\none\ntwo\nthree\nfourfive\n\nAlert: A-17\n"), "{}", &*content.text);
    assert!(content.text.contains("\nhost: [true,null,{\"a\":\"b\"}]\noff: null\non: true\n"), "{}", &*content.text);
    assert_eq!(content.url.as_deref(), Some("https://alerts.example.org/%E2%80%AE17"));
}

#[test]
fn html_keeps_indentation() {
    let renderer = Renderer::new(None).unwrap();
    let mut trace = alert("Disk full", Priority::Low);
    if let EventData::Alert(alert) = &mut trace {
        alert.details = Some("Error:\n  at <db>\n\tat x  y".to_owned());
    }
    let html = renderer.render_for(Channel::Email, MessageKind::Alert, &about("en", Some(trace))).content.html;
    assert!(html.contains("Error:<br>\n\u{a0}\u{a0}at &lt;db&gt;<br>\n\u{a0}\u{a0}\u{a0}\u{a0}at x \u{a0}y<br>"), "{html}");
}

#[test]
fn every_phrase_is_said_in_every_language_and_one_s_own_may_fail() {
    let folder = folder(&[("de/phrase/call_menu.txt", "{{ 1 | local_time('x') }}"), ("fr/phrase/open.txt", "Ouvrir")]);
    let renderer = Renderer::new(Some(folder.path())).unwrap();
    let reader = |locale: &str| Reader { locale: locale.to_owned(), ..Reader::default() };
    let now = at("2026-11-20T06:00:00Z");
    for locale in ["en", "de", "pt-BR", ""] {
        for phrase in Phrase::ALL {
            let said = Renderer::built_in().phrase(
                phrase,
                &reader(locale),
                now,
                Some(&Since { state: "accepted", at: now, by: "Ben".to_owned() }),
            );
            assert!(!said.text.is_empty() && said.language == if locale == "de" { "de" } else { "en" }, "{phrase:?} {locale}: {said:?}");
        }
    }
    assert_eq!(
        renderer.phrase(Phrase::CallMenu, &reader("de"), now, None).text,
        "Drücke die 1, wenn du übernimmst, die 2, wenn es behoben ist, die 3, wenn du nicht zuständig bist, oder die 9, um es noch einmal zu hören."
    );
    assert_eq!(
        renderer.phrase(Phrase::Open, &reader("fr-CA"), now, None),
        Wording { text: "Ouvrir".to_owned(), language: "fr-CA".to_owned() }
    );
}
