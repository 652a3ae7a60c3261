//! Keys, the audit log, and what is wrong.

use serde_json::json;
use watchbell_core::Channel;
use watchbell_core::access::Role;

use super::{derived_id, limited, named_user, paged, with_id};
use crate::openapi::schema::{array, boolean, closed, described, int64, names, object, of, page, string, text, time};
use crate::openapi::{Operation, Part};

const KEYS: &str = "Keys";
const OPERATOR: &str = "Operator";

pub(super) fn describe(part: &mut Part) {
    part.tag(KEYS, "Who may call");
    part.tag(OPERATOR, "What an operator looks at");
    let roles = || names(Role::ALL.iter().map(|role| role.as_str()));
    part.schema(
        "Key",
        object([
            ("id!", int64()),
            ("name!", string()),
            ("role!", roles()),
            ("userId", int64()),
            ("publicKey", described(string(), "Of a pair")),
            ("createdAt!", time()),
        ]),
    );
    part.add(Operation::get("/keys", "List API keys").of(KEYS).with(paged).answers(200, "A page, in order of id", page(&of("Key"))));
    let secret =
        object([("key", described(string(), "Shown here, and never again")), ("secretKey", described(string(), "Likewise, of a pair"))]);
    let shown = json!({ "allOf": [of("Key"), secret] });
    let new_key = closed([
        ("name!", text(1, 255)),
        ("role!", roles()),
        ("user", described(named_user(), "Whose it is; needed for the role user")),
        ("pair", described(boolean(), "Make a key pair, as the Notiflows surface takes it")),
    ]);
    part.add(
        Operation::post("/keys", "Make an API key")
            .of(KEYS)
            .takes(new_key, json!({ "name": "monitoring", "role": "publisher" }))
            .answers(201, "The key", shown),
    );
    part.add(
        Operation::delete("/keys/{id}", "Delete an API key")
            .of(KEYS)
            .says("The last admin key stays.")
            .with(|operation| with_id(operation, "key"))
            .answers_nothing("It opens nothing any more")
            .fails(&[409]),
    );
    let entry = object([
        ("id!", int64()),
        ("at!", time()),
        ("action!", string()),
        ("object!", string()),
        ("keyId", described(int64(), "The key that was used; none is Watchbell itself, or somebody without a known key")),
        ("address", described(string(), "Where the request came from; of IPv6 the network of 64 bits")),
        (
            "detail",
            described(
                json!({ "type": "object", "additionalProperties": true }),
                "Of a change, each field with what it was `before` and is `after`; masked where it says who somebody is",
            ),
        ),
    ]);
    part.add(Operation::get("/audit", "List what was changed, and by which key").of(OPERATOR).with(paged).answers(
        200,
        "A page, newest first",
        page(&entry),
    ));
    let unreachable =
        object([("userId!", int64()), ("eventId!", derived_id()), ("at!", time()), ("alertId", string()), ("dutyId", string())]);
    part.add(Operation::get("/unreachable", "List users whom nothing reached").of(OPERATOR).with(limited).answers(
        200,
        "The last ones",
        object([("items!", array(&unreachable)), ("total!", described(int64(), "Of all that are kept, once a user and event"))]),
    ));
    let state = object([
        (
            "state!",
            described(
                names(["up", "open", "half_open"]),
                "`open`: not called; `half_open`: the next call finds out whether it works again",
            ),
        ),
        ("workers!", described(int64(), "How many processes that send by the channel find it so")),
        ("until", described(time(), "Of `open`: the latest end")),
    ]);
    let provider = object([
        ("name!", string()),
        ("kind!", string()),
        ("up!", described(boolean(), "No worker finds otherwise")),
        ("states!", array(&state)),
    ]);
    let channel = object([
        ("channel!", names(Channel::ALL.iter().map(|channel| channel.as_str()))),
        ("available!", boolean()),
        ("providers!", array(&provider)),
    ]);
    part.add(Operation::get("/channels", "List channels and who serves them").of(OPERATOR).answers(
        200,
        "All of them",
        object([("items!", array(&channel))]),
    ));
}
