//! `watchbell import file F`.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value};
use watchbell_wire::transfer::VERSION;

use super::Target;
use crate::cli::Error;

#[derive(Debug, Args)]
pub struct FromFile {
    #[command(flatten)]
    target: Target,
    /// What `watchbell export` wrote
    file: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: i64,
    #[serde(default)]
    categories: Vec<Value>,
    users: Vec<Value>,
}

impl FromFile {
    pub async fn run(self) -> Result<(), Error> {
        let wrong = |why: String| Error::File { what: "import", file: self.file.display().to_string(), why };
        let bytes = std::fs::read(&self.file).map_err(|error| wrong(error.to_string()))?;
        let no_export = |error: serde_json::Error| wrong(format!("it is no export: {error}"));
        // By way of an object: serde would take an array for a struct, and complain of its length.
        let members: Map<String, Value> = serde_json::from_slice(&bytes).map_err(no_export)?;
        let content: Content = serde_json::from_value(members.into()).map_err(no_export)?;
        if content.version != VERSION {
            return Err(wrong(format!("it is an export of version {}, and this watchbell reads version {VERSION}", content.version)));
        }
        self.target.send(&content.categories, content.users, false, 0).await
    }
}
