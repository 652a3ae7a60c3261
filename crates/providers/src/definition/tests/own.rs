//! An operator's own definition: a file beside the configuration.

use std::path::Path;

use super::*;

fn read(dir: &Path, file: &str, table: &Value) -> Result<ProviderSettings, String> {
    let path = dir.join("mygw.toml");
    std::fs::write(&path, file).unwrap();
    let mut table = table.clone();
    table["kind"] = json!("http");
    table["definition"] = json!(path);
    let settings = ProviderSettings::read(table.as_object().unwrap().clone()).map_err(|error| error.to_string())?;
    settings.validate().map_err(|error| error.to_string())?;
    Ok(settings)
}

#[tokio::test]
async fn the_example_of_the_documentation_sends_and_hears() {
    let page = include_str!("../../../../../docs/providers.md");
    let example = page.split("```toml\n").nth(2).unwrap().split("```").next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let service = StandIn::start([Act::Answer(200, "", r#"{"id":"M1"}"#.to_owned())]).await;
    let table = json!({"base_url": service.url, "api_token": "s3cret", "sender": "Watchbell", "callback_token": "s3cret-2"});
    let settings = read(dir.path(), example, &table).unwrap();
    assert_eq!((settings.channels(), settings.service()), (&[Channel::Sms][..], Some("My gateway")));
    let provider = settings.build("mygw", Arc::new(ManualClock::new(at(NOW)))).unwrap();
    assert_eq!(provider.send(&sms()).await, accepted("M1"));
    let expected = json!({
        "to": PHONE, "from": "Watchbell", "text": "HIGH: Disk full on db-1",
        "report_url": format!("https://bell.example.org/wb/callbacks/mygw?delivery={DELIVERY}&token=s3cret-2"),
    });
    assert_eq!(service.only().json(), expected);
}

#[test]
fn what_is_wrong_with_a_table_or_its_file_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let good = "name = \"G\"\n[settings.pin]\ndoc = \"A PIN\"\npattern = \"[0-9]{4}\"\n[send.sms]\nurl = \"https://g.example.org/?pin={{ settings.pin }}\"\n\
                method = \"GET\"\nlimit = { per_second = 1 }\n[[answer]]\noutcome = \"accepted\"\nmessage_id = \"none\"\n";
    let told = |file: &str, table: Value| read(dir.path(), file, &table).map(|_| ()).unwrap_err();
    assert!(read(dir.path(), good, &json!({"pin": "1234"})).is_ok());
    assert_eq!(told(good, json!({})), "`pin`: is missing");
    assert_eq!(told(good, json!({"pin": 7})), "`pin`: must be a string");
    assert_eq!(told(good, json!({"pin": "12"})), "`pin` = `12`: must match ^(?:[0-9]{4})$: a pin");
    assert_eq!(told(good, json!({"pin": "1234", "pim": "1"})), "`pim`: no such key; `pin` or `definition`");
    let wrong = told(&good.replace("[send.sms]", "[send.sms]\nretries = 3"), json!({"pin": "1234"}));
    assert!(wrong.contains("mygw.toml:6: send.sms.retries = 3: no such key; one of `url`"), "{wrong}");
    let missing = ProviderSettings::read(json!({"kind": "http", "definition": "/nowhere/x.toml"}).as_object().unwrap().clone());
    assert!(missing.unwrap_err().to_string().contains("cannot be read"));
    let none = ProviderSettings::read(json!({"kind": "http"}).as_object().unwrap().clone());
    assert_eq!(none.unwrap_err().to_string(), "`definition`: is missing");
}

#[test]
fn it_serves_what_it_says_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let file = "name = \"G\"\n[settings.from]\ndoc = \"F\"\nchannels = [\"whatsapp\"]\n[send.sms]\nurl = \"https://g.example.org/\"\nform = { to = \"{{ to }}\" }\n\
                limit = { per_second = 2.5, in_flight = 3 }\n[send.whatsapp]\nurl = \"https://g.example.org/\"\nform = { to = \"{{ to }}\" }\n\
                limit = { per_second = 0.5 }\n[[answer]]\noutcome = \"accepted\"\nmessage_id = \"none\"\n";
    let settings = read(dir.path(), file, &json!({})).unwrap();
    assert_eq!(settings.validate_channel(Channel::Sms), Ok(()));
    let error = |channel| settings.validate_channel(channel).unwrap_err().to_string();
    assert_eq!(error(Channel::Whatsapp), "`from`: is missing, and the channel whatsapp needs it");
    assert!(error(Channel::Email).contains("cannot serve the channel email"));
    let limit = settings.account_limit(Channel::Sms);
    assert!((limit.per_second - 2.5).abs() < f64::EPSILON);
    assert_eq!((limit.burst, limit.in_flight, settings.account_limit(Channel::Whatsapp).burst), (2, 3, 1));
}
