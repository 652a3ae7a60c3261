//! What is wrong with a definition is told with its line, and what would be right.

use super::super::Definition;

const GOOD: &str = r#"
name = "My gateway"
[settings.base_url]
doc = "Where it is"
type = "url"
default = "https://sms.example.org"
[settings.api_token]
doc = "From its dashboard"
type = "secret"
[auth.bearer]
token = "{{ settings.api_token }}"
[send.sms]
url = "{{ settings.base_url }}/send"
limit = { per_second = 5 }
json = { to = "{{ to }}", text = "{{ short }}" }
[codes.error]
bad_address = [7]
[[answer]]
where = { status = "2xx" }
outcome = "accepted"
message_id = "/id"
[[answer]]
codes = "error"
code = "/code"
[inbound]
signature = { scheme = "token", source = "query.token" }
keys = ["api_token"]
[receipt]
code = "/code"
[[receipt.rule]]
where = { "/state" = "delivered" }
outcome = "delivered"
"#;

fn mistakes(text: &str) -> Vec<String> {
    Definition::read(text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn each_mistake_has_its_line_and_says_what_would_be_right() {
    assert_eq!(mistakes(GOOD), [""; 0]);
    // What is written instead of what, and what is said of it.
    let table: &[(&str, &str, &str)] = &[
        ("name = \"My gateway\"", "name = My gateway", "2: this is not TOML: "),
        ("name = \"My gateway\"", "nam = \"x\"", "2: nam = \"x\": no such key; one of `name`"),
        ("name = \"My gateway\"", "name = 7", "2: name = 7: must be a string"),
        ("name = \"My gateway\"", "", "1: name: is missing"),
        ("doc = \"Where it is\"", "", "3: settings.base_url.doc: is missing"),
        (
            "type = \"url\"",
            "type = \"link\"",
            "5: settings.base_url.type = \"link\": must be one of `text`, `secret`, `url`, `integer`, `boolean`",
        ),
        (
            "\"https://sms.example.org\"",
            "\"sms.example.org\"",
            "6: settings.base_url.default = \"sms.example.org\": must be an http or https URL",
        ),
        ("[settings.api_token]", "[settings.timeout_s]", "7: settings.timeout_s: has a name that Watchbell itself uses; choose another"),
        ("[settings.api_token]", "[settings.pin]", "7: settings.pin: is a secret, and its name must end as one for its value to be hidden"),
        ("[auth.bearer]", "[auth.oauth]", "10: auth: must be one of `none`, `basic`, `bearer`, `header`, `query`"),
        (
            "{{ settings.api_token }}",
            "{{ settings.token }}",
            "11: auth.bearer.token = \"{{ settings.token }}\": names the setting `token`, which [settings] does not have",
        ),
        ("[send.sms]", "[send.pigeon]", "12: send.pigeon: names no channel; there are email, sms"),
        (
            "{{ settings.base_url }}/send",
            "/send",
            "13: send.sms.url = \"/send\": gives no http or https URL with a sample message; it must begin with a base URL",
        ),
        ("{ per_second = 5 }", "{ per_second = 0 }", "14: send.sms.limit.per_second = 0: must be more than 0"),
        ("{ per_second = 5 }", "{ burst = 5 }", "14: send.sms.limit.per_second: is missing"),
        ("json = {", "body = {", "15: send.sms.body: no such key; one of `url`"),
        ("json = { to = \"{{ to }}\", text = \"{{ short }}\" }", "", "12: send.sms: has no body; give one of json, form and text"),
        (
            "{{ to }}",
            "{{ phone }}",
            "15: send.sms.json.to = \"{{ phone }}\": names `phone`, which nothing is called; there are settings.KEY, to, channel",
        ),
        ("{{ to }}", "{{ to | digit }}", "15: send.sms.json.to = \"{{ to | digit }}\": fails with a sample message"),
        ("{{ to }}", "{{ to", "15: send.sms.json.to = \"{{ to\": has {{ without }}"),
        ("{{ to }}", "{{ answer.number }}", "15: send.sms.json.to = \"{{ answer.number }}\": names `answer.number`; answer has token"),
        (
            "bad_address = [7]",
            "bad_address = [7]\nretry = [7]",
            "17: codes.error.bad_address: has the code 7, which another list has as well",
        ),
        ("bad_address = [7]", "dead = [7]", "17: codes.error.dead: no such key; one of `retry`"),
        ("where = { status = \"2xx\" }", "where = { statu = 200 }", "19: answer[0].where.statu = 200: is no place; one is /a/b/0"),
        (
            "where = { status = \"2xx\" }",
            "where = { \"/a//b\" = 200 }",
            "19: answer[0].where./a//b = 200: is no JSON pointer that finds anything",
        ),
        (
            "where = { status = \"2xx\" }",
            "where = { \"/a\" = { matches = \"(\" } }",
            "19: answer[0].where./a: is no regular expression: unclosed group",
        ),
        ("where = { status = \"2xx\" }", "", "22: answer[1]: is never reached, as answer[0] applies before it; put it before that"),
        ("outcome = \"accepted\"", "outcome = \"taken\"", "20: answer[0].outcome = \"taken\": must be one of `accepted`"),
        ("message_id = \"/id\"", "", "18: answer[0]: accepts a message without saying where its id is; give message_id, or \"none\""),
        ("message_id = \"/id\"", "message_id = \"id\"", "21: answer[0].message_id = \"id\": is no place"),
        ("codes = \"error\"", "codes = \"errors\"", "23: answer[1].codes = \"errors\": names no table of codes; there are error"),
        ("code = \"/code\"\n[inbound]", "[inbound]", "22: answer[1]: must say where the code is that its table is asked for"),
        (
            "scheme = \"token\", source = \"query.token\"",
            "scheme = \"handshake\"",
            "26: inbound.signature.scheme = \"handshake\": must be one of `twilio`, `plivo`, ",
        ),
        ("keys = [\"api_token\"]", "keys = [\"token\"]", "27: inbound.keys[0] = \"token\": names `token`, which [settings] does not have"),
        ("outcome = \"delivered\"", "outcome = \"arrived\"", "32: receipt.rule[0].outcome = \"arrived\": must be one of `delivered`"),
        (
            "outcome = \"delivered\"",
            "codes = \"error\"\noutcome = \"delivered\"",
            "30: receipt.rule[0]: must have one of outcome and codes",
        ),
    ];
    let mut unexpected = String::new();
    for (right, wrong, expected) in table {
        let text = GOOD.replacen(right, wrong, 1);
        assert_ne!(text, GOOD, "{right}");
        let told = mistakes(&text);
        if !told.first().is_some_and(|told| told.starts_with(expected)) {
            let line = format!("{wrong}\n  told: {told:?}\n  not:  {expected}\n");
            unexpected.push_str(&line);
        }
    }
    assert_eq!(unexpected, "");
}

#[test]
fn several_mistakes_are_told_at_once() {
    let text = GOOD.replace("{{ short }}", "{{ shrt }}").replace("message_id = \"/id\"", "message_id = \"id\"");
    assert_eq!(mistakes(&text).len(), 2);
}
