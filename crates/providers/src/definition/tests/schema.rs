//! `docs/provider-definition.schema.json` is made from the format's types.

use schemars::generate::SchemaSettings;

use super::super::format::File;

/// After a wanted change: `UPDATE_SNAPSHOTS=1 cargo test -p watchbell-providers schema`, and read the difference.
#[test]
fn the_schema_is_what_the_format_is() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/provider-definition.schema.json");
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<File>();
    let mut schema = schema.to_value();
    schema["title"] = "A Watchbell provider definition".into();
    unwrap_lines(&mut schema);
    let made = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(made == kept, "docs/provider-definition.schema.json is not what it would be made to; see this test");
}

/// A comment's lines end where the source's do; a description is one text.
fn unwrap_lines(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                match member {
                    serde_json::Value::String(text) if name == "description" => {
                        *text = text.replace("\n\n", "\u{0}").replace('\n', " ").replace('\u{0}', "\n\n");
                    }
                    member => unwrap_lines(member),
                }
            }
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(unwrap_lines),
        _ => {}
    }
}
