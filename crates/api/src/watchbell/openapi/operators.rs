//! Keys, the audit log, and what is wrong.

use serde_json::json;
use watchbell_core::Channel;
use watchbell_core::access::Role;
use watchbell_wire::caller::Caller;
use watchbell_wire::keys::{Key, MadeKey, NewKey};
use watchbell_wire::lint::{DeadRule, UnheardAlert};
use watchbell_wire::operators::{AuditEntry, CanaryResult, ChannelStatus, UnreachableUsers};
use watchbell_wire::overview::Overview;
use watchbell_wire::providers::{Provider, ProviderTest, ProviderTestResult};
use watchbell_wire::{Items, Page};

use super::{derived_id, limited, paged, with_id};
use crate::openapi::schema::string;
use crate::openapi::{Operation, Part};

const KEYS: &str = "Keys";
const OPERATOR: &str = "Operator";

pub(super) fn describe(part: &mut Part) {
    part.tag(KEYS, "Who may call");
    part.tag(OPERATOR, "What an operator looks at");
    part.add(Operation::get("/caller", "See whose key or session this is").of(KEYS).returns::<Caller>(200, "Who calls"));
    part.add(Operation::get("/keys", "List API keys").of(KEYS).with(paged).returns::<Page<Key>>(200, "A page, in order of id"));
    part.add(
        Operation::post("/keys", "Make an API key")
            .of(KEYS)
            .accepts(&NewKey {
                name: "monitoring".to_owned(),
                role: Role::Publisher,
                user: None,
                pair: None,
                intake: None,
                expires_at: None,
            })
            .returns::<MadeKey>(201, "The key"),
    );
    part.add(
        Operation::delete("/keys/{id}", "Delete an API key")
            .of(KEYS)
            .says("The last admin key stays.")
            .with(|operation| with_id(operation, "key"))
            .answers_nothing("It opens nothing any more")
            .fails(&[409]),
    );
    part.add(
        Operation::post("/canary", "Send an event of Watchbell's own through the whole path, and say how long it took")
            .of(OPERATOR)
            .says("It goes in as events do (over NATS where there is one), is planned and sent like news, and ends in an inbox that only measures: nobody is told, and nothing is kept but its history. 503: it could not be sent, or has not arrived within 10 s.")
            .returns::<CanaryResult>(200, "It has arrived"),
    );
    part.add(
        Operation::get("/audit", "List what was changed, and by which key")
            .of(OPERATOR)
            .query("key", "A key's number", json!({ "type": "integer", "format": "int64" }))
            .query("action", "What was done, or how that begins, such as contact", string())
            .query("object", "To what, such as users/4, and to what is under it", string())
            .with(paged)
            .returns::<Page<AuditEntry>>(200, "A page, newest first"),
    );
    part.add(
        Operation::get("/lint/alerts", "List alerts of the last 30 days that today's rules would tell nobody of")
            .of(OPERATOR)
            .says("A page is what was found among a hundred events, and may be empty although there is a next one.")
            .query("cursor", "The nextCursor of the page before", derived_id())
            .returns::<Page<UnheardAlert>>(200, "A page, newest first"),
    );
    part.add(
        Operation::get("/lint/rules", "List rules that can never tell anybody, as things are")
            .of(OPERATOR)
            .says("A page is of so many users, and may be empty although there is a next one.")
            .with(paged)
            .returns::<Page<DeadRule>>(200, "A page, in order of user"),
    );
    part.add(
        Operation::get("/overview", "See how things stand")
            .of(OPERATOR)
            .says("What waits and is sent, what went wrong, and who is there; no older than two seconds.")
            .returns::<Overview>(200, "Now"),
    );
    part.add(
        Operation::get("/unreachable", "List users whom nothing reached")
            .of(OPERATOR)
            .with(limited)
            .returns::<UnreachableUsers>(200, "The last ones"),
    );
    part.add(
        Operation::get("/channels", "List channels and who serves them").of(OPERATOR).returns::<Items<ChannelStatus>>(200, "All of them"),
    );
    part.add(
        Operation::get("/providers", "List providers and how they do")
            .of(OPERATOR)
            .says("Those of the configuration of the process that answers, as all processes find them.")
            .returns::<Items<Provider>>(200, "All of them"),
    );
    part.add(
        Operation::post("/providers/{name}/test", "Try a provider")
            .of(OPERATOR)
            .says(
                "Sends one marked message straight through it, and shows what it answered. It is no delivery, and no receipt is asked for; it \
                 counts for the day's budget and the countries that are written to. The process that answers must have the provider in its \
                 configuration.",
            )
            .path("name", "The name of the provider's table in the configuration", json!({ "type": "string", "example": "sms-primary" }))
            .accepts(&ProviderTest { channel: Some(Channel::Sms.into()), to: "+4915112345678".to_owned(), locale: None })
            .returns::<ProviderTestResult>(200, "What it answered, whether or not it took the message")
            .fails(&[409, 429]),
    );
}
