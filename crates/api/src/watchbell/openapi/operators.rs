//! Keys, the audit log, and what is wrong.

use watchbell_core::access::Role;
use watchbell_wire::keys::{Key, MadeKey, NewKey};
use watchbell_wire::operators::{AuditEntry, ChannelStatus, UnreachableUsers};
use watchbell_wire::{Items, Page};

use super::{limited, paged, with_id};
use crate::openapi::{Operation, Part};

const KEYS: &str = "Keys";
const OPERATOR: &str = "Operator";

pub(super) fn describe(part: &mut Part) {
    part.tag(KEYS, "Who may call");
    part.tag(OPERATOR, "What an operator looks at");
    part.add(Operation::get("/keys", "List API keys").of(KEYS).with(paged).returns::<Page<Key>>(200, "A page, in order of id"));
    part.add(
        Operation::post("/keys", "Make an API key")
            .of(KEYS)
            .accepts(&NewKey { name: "monitoring".to_owned(), role: Role::Publisher, user: None, pair: None })
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
        Operation::get("/audit", "List what was changed, and by which key")
            .of(OPERATOR)
            .with(paged)
            .returns::<Page<AuditEntry>>(200, "A page, newest first"),
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
}
