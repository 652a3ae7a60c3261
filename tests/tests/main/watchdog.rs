//! Who is told when Watchbell itself is ill.

use std::time::Duration;

use watchbell_core::Channel;
use watchbell_tests::bed::{Bed, run};
use watchbell_tests::database::Kind;
use watchbell_tests::figures::Figures;
use watchbell_tests::on_both;
use watchbell_tests::process::Process;
use watchbell_tests::stand_ins::{Act, ServiceStandIn};
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

on_both!(operators_are_told_by_another_channel_once_and_when_it_is_over, the_switch_is_called_only_while_all_is_well);

const OPERATOR: &str = "ops@example.net";

/// Mails to the operator, by their subjects.
fn told(bed: &Bed) -> Vec<String> {
    let mails = bed.outbox().matching(|sent| sent.is(Channel::Email, OPERATOR));
    mails.into_iter().map(|mail| mail.text).collect()
}

async fn operators_are_told_by_another_channel_once_and_when_it_is_over(bed: &mut Bed) {
    bed.settings.set("WATCHDOG__CONTACTS", &format!("[\"sms:+493023125999\", \"email:{OPERATOR}\"]"));
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    bed.stand_ins.http.program_always("Messages.json", Act::answer(401, "", "{\"code\":20003,\"message\":\"x\"}"));
    bed.nats.publish("alert", "A-1", bed.now(), &alert("A-1", &[&anna])).await;
    wait::until("the breaker to open", async || {
        Figures::of(bed.api()).await.count("watchbell_provider_breaker", &["channel=\"sms\"", "state=\"open\""]) == 1
    })
    .await;
    // It lasts for a minute before somebody is woken.
    for _ in 0..20 {
        step(bed).await;
    }
    assert!(told(bed).is_empty(), "{:?}", told(bed));
    wait::until("the operator to be told", async || {
        step(bed).await;
        !told(bed).is_empty()
    })
    .await;
    // And then goes on, which is no news.
    for _ in 0..170 {
        step(bed).await;
    }
    let mails = told(bed);
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].contains("no provider of sms is up"), "{mails:?}");
    assert!(bed.outbox().matching(|sent| sent.to == "+493023125999").is_empty(), "SMS is what is ill");
    // Nothing of it is in anybody's history.
    let rows = bed.database.number("SELECT count(*) FROM deliveries WHERE channel = 'email'").await;
    assert_eq!(rows, 0);
    bed.stand_ins.http.behave();
    // Something to find out by that it works again.
    bed.nats.publish("alert", "A-2", bed.now(), &alert("A-2", &[&anna])).await;
    wait::until("the operator to be told that it is over", async || {
        step(bed).await;
        told(bed).iter().any(|mail| mail.contains("sms has a provider"))
    })
    .await;
    let said = Figures::of(bed.api()).await;
    assert_eq!(said.count("watchbell_watchdog_news_total", &["result=\"failed\""]), 0, "{}", said.text);
}

/// Two seconds for Watchbell, and time for what is under way to end: a longer step would look as if the process had stood still, and
/// calls would be given up by that clock.
async fn step(bed: &Bed) {
    bed.clock.advance(Duration::from_secs(2));
    wait::pause(Duration::from_millis(50)).await;
}

async fn the_switch_is_called_only_while_all_is_well(bed: &mut Bed) {
    let monitor = ServiceStandIn::start(|_| (200, String::new(), String::new())).await;
    bed.settings.set("WATCHDOG__URL", &format!("{}/ping/secret-of-the-monitor", monitor.url())).set("WATCHDOG__EVERY_S", "10");
    bed.start().await;
    let calls = async || Figures::of(bed.api()).await.count("watchbell_watchdog_calls_total", &["result=\"made\""]);
    wait::until("the workers to be seen, and the first calls", async || {
        step(bed).await;
        calls().await >= 2
    })
    .await;
    monitor.expect(2, "GET", "/ping/secret-of-the-monitor").await;
    // No channel may be without a provider that is up.
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    bed.stand_ins.http.program_always("Messages.json", Act::answer(401, "", "{\"code\":20003,\"message\":\"x\"}"));
    bed.nats.publish("alert", "A-1", bed.now(), &alert("A-1", &[&anna])).await;
    let withheld = async || Figures::of(bed.api()).await.count("watchbell_watchdog_calls_total", &["result=\"withheld\""]);
    wait::until("calls to be withheld", async || {
        step(bed).await;
        withheld().await >= 2
    })
    .await;
    let before = calls().await;
    for _ in 0..30 {
        step(bed).await;
    }
    assert_eq!(calls().await, before);
    bed.stand_ins.http.behave();
    wait::until("calls again", async || {
        step(bed).await;
        calls().await > before
    })
    .await;
}

/// A database that hangs silences the switch.
#[test]
fn the_switch_is_silent_while_the_database_is_gone() {
    run(Kind::Postgres, async |bed| {
        let monitor = ServiceStandIn::start(|_| (200, String::new(), String::new())).await;
        let url = url::Url::parse(&bed.database.url()).unwrap();
        let proxy = watchbell_tests::proxy::Proxy::before(url.port().unwrap()).await;
        let mut through = url.clone();
        through.set_port(Some(proxy.port())).unwrap();
        bed.settings
            .set("DATABASE__URL", through.as_str())
            .set("WATCHDOG__URL", &format!("{}/ping", monitor.url()))
            .set("WATCHDOG__EVERY_S", "10")
            .set("METRICS__OPEN", "true");
        let mut process = Process::serve(&bed.settings, &[]);
        process.ready().await;
        monitor.expect(1, "GET", "/ping").await;
        proxy.is(watchbell_tests::proxy::Mood::Mute);
        process.logged("watchdog.url is not called").await;
        assert!(!process.log().contains("/ping"), "the URL is a secret: {}", process.log());
        proxy.is(watchbell_tests::proxy::Mood::Well);
        process.logged("watchdog.url is called again").await;
    });
}
