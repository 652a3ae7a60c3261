//! `[nats]`: where events come from. The type is the event consumer's own; what may stand in it is checked here.

use watchbell_core::Secret;
use watchbell_ingest::NatsSettings;

use super::problem::Section;

/// The servers to connect to; none when NATS is off.
pub fn servers(nats: &NatsSettings) -> Vec<&str> {
    nats.url.split(',').map(str::trim).filter(|url| !url.is_empty()).collect()
}

pub fn validate(nats: &NatsSettings, at: &mut Section<'_>) {
    let is_server = |text: &&str| {
        let text = if text.contains("://") { (*text).to_owned() } else { format!("nats://{text}") };
        url::Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "nats" | "tls") && url.has_host())
    };
    let servers = servers(nats).iter().all(is_server);
    at.check(servers, "url", "must be servers such as nats://127.0.0.1:4222, several separated by commas, or empty for none");
    validate_login(nats, at);
    if let Some(path) = nats.tls_ca_file.as_ref().filter(|path| !path.as_os_str().is_empty())
        && let Err(error) = std::fs::File::open(path)
    {
        at.wrong("tls_ca_file", format!("cannot be read ({error}); it must be the name of a readable PEM file, or empty"));
    }
    let name = !nats.stream.is_empty() && nats.stream.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    at.check(name, "stream", "must be letters, digits, - and _ only");
    at.check(matches!(nats.replicas, 1..=5), "replicas", "must be 1 to 5");
    at.check((1..=3_650).contains(&nats.max_age_days), "max_age_days", "must be 1 to 3650");
    at.check((1..=10_000).contains(&nats.batch), "batch", "must be 1 to 10000");
    at.check((1..=3_600).contains(&nats.ack_wait_s), "ack_wait_s", "must be 1 to 3600");
}

fn validate_login(nats: &NatsSettings, at: &mut Section<'_>) {
    let given = |secret: &Secret| !secret.is_empty();
    let ways = [("user", !nats.user.is_empty()), ("token", given(&nats.token)), ("creds", given(&nats.creds)), ("nkey", given(&nats.nkey))];
    let given: Vec<_> = ways.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
    if let [first, others @ ..] = given.as_slice() {
        for other in others {
            at.wrong(other, format!("nats.{first} is given as well; keep one way to log in"));
        }
    }
    if nats.user.is_empty() != nats.password.is_empty() {
        let (lone, missing) = if nats.user.is_empty() { ("password", "user") } else { ("user", "password") };
        at.wrong(lone, format!("needs nats.{missing} as well"));
    }
    let seed = nats.nkey.expose().trim();
    at.check(
        seed.is_empty() || (seed.starts_with("SU") && seed.len() == 58),
        "nkey",
        "must be a user's nkey seed: 58 characters that begin with SU",
    );
    let creds = nats.creds.is_empty() || nats.creds.expose().contains("BEGIN NATS USER JWT");
    at.check(creds, "creds", "must be the content of a .creds file, with BEGIN NATS USER JWT in it (its name is nats.creds_file)");
}
