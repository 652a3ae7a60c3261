//! Providers that are asked for what people say, or told where to call.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::http::Response;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell_api::callbacks::listen;
use watchbell_core::Secret;
use watchbell_providers::inbound::{Batch, Change, Heard, Inbound, InboundError, Link, Notice, Refusal, Reply, Request, Source};

use crate::harness::{USER, World, world_with};

/// Answers as told, and ends the listening when there is nothing left to answer.
#[derive(Debug)]
struct Pager {
    is_asked: bool,
    batches: Mutex<Vec<Result<Batch, InboundError>>>,
    calls: Mutex<Vec<String>>,
    stop: CancellationToken,
}

impl Pager {
    fn new(is_asked: bool, batches: Vec<Result<Batch, InboundError>>) -> Arc<Self> {
        Arc::new(Self { is_asked, batches: Mutex::new(batches), calls: Mutex::default(), stop: CancellationToken::new() })
    }

    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

#[async_trait]
impl Inbound for Pager {
    fn proof(&self, _path: &str) -> Result<Option<&'static str>, Refusal> {
        Ok(None)
    }

    async fn read(&self, request: &Request<'_>) -> Result<Heard, Refusal> {
        self.note(format!("{} {:?} {} {}", request.method, request.path, request.url, request.body.len()));
        Ok(Heard::taken(Vec::new()))
    }

    async fn announce(&self, url: &url::Url) -> Result<(), InboundError> {
        self.note(format!("announce {url}"));
        self.stop.cancel();
        Ok(())
    }

    fn source(&self, is_reachable: bool) -> Option<&dyn Source> {
        (self.is_asked || !is_reachable).then_some(self)
    }
}

#[async_trait]
impl Source for Pager {
    async fn open(&self) -> Result<(), InboundError> {
        self.note("open".to_owned());
        Ok(())
    }

    async fn next(&self, position: Option<&str>) -> Result<Batch, InboundError> {
        self.note(format!("next {position:?}"));
        let next = self.batches.lock().unwrap().pop();
        if let Some(batch) = next {
            return batch;
        }
        self.stop.cancel();
        std::future::pending().await
    }

    async fn reply(&self, reply: Response<String>) -> Result<(), InboundError> {
        self.note(format!("reply {}", reply.body()));
        Err(InboundError("nobody replies to this".to_owned()))
    }
}

async fn run(world: &World, pager: &Arc<Pager>) {
    let parts = TaskTracker::new();
    listen(&world.api, &parts, &pager.stop);
    parts.close();
    parts.wait().await;
}

#[tokio::test]
async fn what_is_heard_is_applied_and_where_it_ended_is_kept() {
    let pager = Pager::new(true, Vec::new());
    let own = pager.clone();
    let world = world_with(|settings| settings.inbound = [("pager".to_owned(), own as Arc<dyn Inbound>)].into()).await;
    let link = world.raw(USER, "POST", "/watchbell/v1/users/current/telegram-link", "").await.expect(201);
    let (_, token) = link["url"].as_str().unwrap().split_once("start=").unwrap();
    let link = Link { token: Secret::new(token), address: Secret::new("4242"), locale: "de".to_owned() };
    let reply = Reply::worded(|effects, _| Response::new(format!("{:?}", effects[0].change)));
    let heard = Heard { notices: vec![Notice::Link(link)], reply };
    let first = Batch { heard: vec![heard], position: Some("42".to_owned()) };
    *pager.batches.lock().unwrap() = vec![Ok(Batch::default()), Ok(first)];
    run(&world, &pager).await;
    let done = format!("reply {:?}", Change::Done);
    assert_eq!(pager.calls(), ["open", "next None", &done, "next Some(\"42\")", "next Some(\"42\")"]);
    let contacts = world.store.contacts(watchbell_core::UserId(world.anna), None).await.unwrap();
    assert!(contacts.iter().any(|contact| contact.target == "4242"));
}

#[tokio::test]
async fn a_failure_is_tried_again_after_a_pause() {
    let pager = Pager::new(true, vec![Ok(Batch::default()), Err(InboundError("502".to_owned()))]);
    let own = pager.clone();
    let world = world_with(|settings| settings.inbound = [("pager".to_owned(), own as Arc<dyn Inbound>)].into()).await;
    let parts = TaskTracker::new();
    listen(&world.api, &parts, &pager.stop);
    parts.close();
    while !parts.is_empty() {
        world.clock.advance(std::time::Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(pager.calls(), ["open", "next None", "open", "next None", "next None"]);
}

#[tokio::test]
async fn who_can_call_is_told_where_and_a_proof_in_the_body_needs_no_header() {
    let pager = Pager::new(false, Vec::new());
    let own = pager.clone();
    let world = world_with(|settings| settings.inbound = [("my pager".to_owned(), own as Arc<dyn Inbound>)].into()).await;
    run(&world, &pager).await;
    world.raw("", "POST", "/callbacks/my%20pager", "x").await.expect(204);
    world.raw("", "POST", "/callbacks/my%20pager/a/b%20c?d=e", "").await.expect(204);
    let url = "https://bell.example.org/callbacks/my%20pager";
    let expected = [format!("announce {url}"), format!("POST \"\" {url} 1"), format!("POST \"a/b c\" {url}/a/b%20c?d=e 0")];
    assert_eq!(pager.calls(), expected);
}
