//! `watchbell export`: all that users have said, as one file.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use watchbell_wire::transfer::{self, VERSION};

use super::client::Server;
use super::{Error, output};

/// Users that are asked for at once.
const AT_ONCE: u32 = 100;

#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    server: Server,
    /// Where to write; standard output unless told
    #[arg(long)]
    file: Option<PathBuf>,
}

impl Export {
    pub async fn run(self) -> Result<(), Error> {
        let client = self.server.client()?;
        let (mut version, mut categories, mut users, mut cursor) = (VERSION, Vec::new(), Vec::new(), None);
        loop {
            let mut query = vec![("limit", AT_ONCE.to_string())];
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            // What a newer server says beside is kept.
            let page: transfer::Export<Value, Value> = client.get("/watchbell/v1/export", &query).await?;
            version = version.max(page.version);
            categories.extend(page.categories.into_iter().flatten());
            users.extend(page.users);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let (count, text) = (users.len(), format!("{:#}", json!({ "version": version, "categories": categories, "users": users })));
        match self.file {
            None => Ok(output::line(&text)?),
            Some(file) => {
                write_private(&file, &text).map_err(|error| Error::File {
                    what: "write",
                    file: file.display().to_string(),
                    why: error.to_string(),
                })?;
                Ok(output::line(&format!("{count} users written to {}", file.display()))?)
            }
        }
    }
}

/// Addresses and device tokens are for nobody else on this machine, also where the file was there before.
pub fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    #[cfg(unix)]
    if file.metadata()?.is_file() {
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    // What is no file, such as a pipe, cannot be synced.
    file.sync_all().or_else(|error| if error.kind() == std::io::ErrorKind::InvalidInput { Ok(()) } else { Err(error) })
}
