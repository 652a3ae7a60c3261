//! The demo's admin key: drawn on the first run, kept in the data folder for the next ones.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rand::RngExt;
use watchbell_core::Secret;

use super::Error;

const ALPHABET: &[u8] = b"abcdefghijkmnopqrstuvwxyz23456789";
/// 33 letters to the power of 32 are 161 bits.
const LENGTH: usize = 32;

/// The key in `DIR/admin.key`, made if it is not there, readable by its owner only.
pub fn kept_in(data: &Path) -> Result<Secret, Error> {
    let path = data.join("admin.key");
    let failed = |source| Error::Data { path: path.display().to_string(), source };
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(Secret::new(text.trim())),
        Ok(_) => std::fs::remove_file(&path).map_err(failed)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let mut rng = rand::rng();
    let key: String = (0..LENGTH).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect();
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    file.write_all(format!("{key}\n").as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(Secret::new(key))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let first = kept_in(dir.path()).unwrap();
        assert_eq!(first.expose().len(), LENGTH);
        assert_eq!(kept_in(dir.path()).unwrap(), first);
        let mode = std::fs::metadata(dir.path().join("admin.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
