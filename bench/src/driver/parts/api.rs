//! Reads and writes of users' rules over HTTP, with a million users: 32 clients that each wait for their answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::try_join_all;
use reqwest::{Client, Method};

use crate::clock::{now_us, seconds};
use crate::driver::flow::Latencies;
use crate::driver::parts::saturation::IN_FLIGHT;
use crate::driver::seed::Seed;
use crate::driver::watchbell::ADMIN_KEY;
use crate::driver::world::{Base, World};
use crate::error::{Doing, Error};

const CLIENTS: u32 = 32;

pub async fn run(world: &mut World) -> Result<(), Error> {
    let users = world.size(1_000_000, 5_000);
    let seed = Seed::new(users, &["sms", "push"]);
    let subject = world.watchbell(Base::Postgres, &seed, IN_FLIGHT).await?;
    let lasting = Duration::from_secs(u64::from(world.size(5, 1)));
    for (name, method) in [("reads", Method::GET), ("writes", Method::POST)] {
        let clients = (0..CLIENTS).map(|_| Client::builder().no_proxy().build().doing("making an HTTP client"));
        let clients = clients.collect::<Result<Vec<_>, _>>()?;
        let turn = Arc::new(AtomicU32::new(0));
        let began_us = now_us();
        let until_us = began_us + u64::try_from(lasting.as_micros()).unwrap_or_default();
        let one = |client| ask(client, subject.url.clone(), method.clone(), users, Arc::clone(&turn), until_us);
        let tasks = clients.into_iter().map(|client| tokio::spawn(one(client)));
        let mut times = Vec::new();
        for answered in try_join_all(tasks).await.doing("asking the API")? {
            times.extend(answered?);
        }
        let count = f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX));
        let rate = count / seconds(began_us, now_us());
        let latencies = Latencies::new(times);
        world.table.note(PART, format!("{name} of rules"), "/s", rate);
        world.table.note(PART, format!("{name} of rules: p99"), "ms", latencies.percentile(99));
    }
    subject.stop().await?;
    world.drop_database().await
}

const PART: &str = "API, a million users, 32 clients";

/// One client: how long each answer took, in milliseconds.
async fn ask(client: Client, url: String, method: Method, users: u32, turn: Arc<AtomicU32>, until_us: u64) -> Result<Vec<f64>, Error> {
    let mut times = Vec::new();
    while now_us() < until_us {
        // A prime's multiples: all over the users, and none twice in a row.
        let user = u64::from(turn.fetch_add(1, Ordering::Relaxed)) * 7_919 % u64::from(users) + 1;
        let rules = format!("{url}/api/users/{user}/notification-preferences/alerts");
        let mut request = client.request(method.clone(), rules).bearer_auth(ADMIN_KEY);
        if method == Method::POST {
            let rule = serde_json::json!({ "method": "SMS", "type": "LOW_PRIORITY", "delayMin": 5, "contact": { "id": user * 4 } });
            request = request.json(&rule);
        }
        let began_us = now_us();
        let answer = request.send().await.doing("asking the API")?;
        let status = answer.status();
        answer.bytes().await.doing("asking the API")?;
        if !status.is_success() {
            return Err(Error::says(format!("the API answered {status}")));
        }
        times.push(seconds(began_us, now_us()) * 1e3);
    }
    Ok(times)
}
