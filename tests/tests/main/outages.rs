//! Which providers work, as any process of several tells it.

use serde_json::{Value, json};
use watchbell_tests::bed::run;
use watchbell_tests::database::Kind;
use watchbell_tests::process::Process;
use watchbell_tests::stand_ins::Act;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

/// The SMS provider, as a process without workers shows it.
async fn sms(api: &Process) -> Value {
    let channels = api.api().get("/watchbell/v1/channels").await.expect(200);
    let sms = channels["items"].as_array().unwrap().iter().find(|item| item["channel"] == "sms").unwrap();
    sms["providers"][0].clone()
}

#[test]
fn a_process_that_sends_nothing_shows_which_providers_the_workers_do_not_call() {
    run(Kind::Postgres, async |bed| {
        let mut rest = Process::serve(&bed.settings, &["--roles", "api,ingest,scheduler"]);
        rest.ready().await;
        let anna = Person::without_telegram(&rest.api(), 1).await;
        anna.high(&rest.api(), "SMS", 0).await;
        assert_eq!(sms(&rest).await["states"], json!([]), "nobody sends anything");
        let worker = Process::serve(&bed.settings, &["--roles", "worker"]);
        worker.logged("worker.started").await;
        let found = sms(&rest).await;
        assert_eq!((&found["up"], &found["states"]), (&json!(true), &json!([{ "state": "up", "workers": 1 }])));
        let refusal = json!({ "code": 20003, "message": "Authenticate", "status": 401 });
        bed.stand_ins.http.program_always("Messages.json", Act::answer(401, "", refusal.to_string()));
        bed.nats.publish("alert", "1", wait::now(), &alert("A-1", &[&anna])).await;
        wait::until("the open breaker to be shown", async || sms(&rest).await["states"][0]["state"] == "open").await;
        let found = sms(&rest).await;
        assert_eq!((&found["up"], &found["states"][0]["workers"]), (&json!(false), &json!(1)), "{found}");
        assert!(found["states"][0]["until"].is_string(), "{found}");
        // A process that has died says nothing any more.
        let other = Process::serve(&bed.settings, &["--roles", "worker"]);
        other.logged("worker.started").await;
        bed.stand_ins.http.behave();
        bed.outbox().expect(1, "SMS that is taken", |sent| sent.accepted).await;
        worker.terminate().await;
        let only_the_other = json!([{ "state": "up", "workers": 1 }]);
        wait::until("the other worker to be the only one", async || sms(&rest).await["states"] == only_the_other).await;
    });
}
