//! What the demo leaves its reader with: where things are, and commands to paste.

use watchbell_core::Secret;

use super::team::Team;

/// URLs, the admin key and three commands that work as they stand.
pub fn text(url: &str, key: &Secret, team: &Team) -> String {
    let key = key.expose();
    let Team { anna, ben, ben_phone, .. } = team;
    format!(
        r#"
── The server stays up until Ctrl-C.
  Page       {url}/ (sign in with the admin key)
  API        {url}/api (rules and contacts), {url}/watchbell/v1 (everything else)
  Health     {url}/-/healthy and {url}/-/ready
  Admin key  {key}

Give Ben a text message two minutes into every LOW alert:

curl -sS '{url}/api/users/{ben}/notification-preferences/alerts' -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{{"method":"SMS","contact":{{"id":{ben_phone}}},"delayMin":2,"type":"LOW_PRIORITY"}}'

Raise an alert for Anna and Ben (each paste is a new one):

curl -sS '{url}/watchbell/v1/events' -H 'Authorization: Bearer {key}' -H 'Content-Type: application/cloudevents+json' -d '{{"specversion":"1.0","id":"paste-'"$(date +%s)"'","source":"/paste","type":"watchbell.events.alert","data":{{"alertId":"PASTE-'"$(date +%s)"'","priority":"HIGH","summary":"a disk is full","responders":["{anna}","{ben}"]}}}}'

See what was sent to whom, and why:

curl -sS '{url}/watchbell/v1/deliveries?limit=10' -H 'Authorization: Bearer {key}'
"#
    )
}
