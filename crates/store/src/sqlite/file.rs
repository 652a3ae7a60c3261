//! The file: by which name it is opened, and that no other process has it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::{StoreError, private};

/// Finds the file, made if absent, and takes the lock on it, which ends with the process however that ends.
///
/// The lock belongs to the file itself and not to one of its names, so that a second process does not get by it through a symbolic
/// link, a hard link, or another mount. It is `flock`'s, of which SQLite's own locks know nothing. SQLite puts its write-ahead log
/// beside the name by which it opens the file: that is always the one at the end of all symbolic links.
pub(super) fn take(name: &Path) -> Result<(PathBuf, File), StoreError> {
    if let Some(folder) = name.parent() {
        private::folder(folder)
            .map_err(|error| StoreError::Unusable(format!("cannot make the folder {} for the database: {error}", folder.display())))?;
    }
    let cannot_open = |error| StoreError::Unusable(format!("cannot open the database {}: {error}", name.display()));
    // SQLite gives the files that it puts beside it the same mode.
    let file = private::file(name).map_err(cannot_open)?;
    let path = name.canonicalize().map_err(cannot_open)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Unusable(format!(
                "another Watchbell process uses the database {}; SQLite serves one process, use PostgreSQL for more",
                name.display()
            )));
        }
        Err(TryLockError::Error(error)) => return Err(StoreError::Unusable(format!("cannot lock {}: {error}", name.display()))),
    }
    warn_of_hard_links(&path, &file);
    Ok((path, file))
}

/// Who made the database before may have left it open to others on the machine.
pub(super) fn warn_of_open_files(database: &Path) {
    let files = ["", "-wal", "-shm"].map(|ending| {
        let mut path = database.as_os_str().to_owned();
        path.push(ending);
        PathBuf::from(path)
    });
    if let Some(commands) = private::what_would_close(database.parent().into_iter().chain(files.iter().map(PathBuf::as_path))) {
        tracing::warn!("others on this machine may look into the database, where addresses and tokens are; to end that: {commands}");
    }
}

/// After a crash, what was written last is only found by the name by which it was written.
#[cfg(unix)]
fn warn_of_hard_links(path: &Path, file: &File) {
    use std::os::unix::fs::MetadataExt;
    if let Ok(names) = file.metadata().map(|metadata| metadata.nlink()).map(|names| names.max(1))
        && names > 1
    {
        tracing::warn!(
            database = %path.display(),
            names,
            "the database file has several names (hard links); always open it by this one, as its write-ahead log lies beside it"
        );
    }
}

#[cfg(not(unix))]
fn warn_of_hard_links(_: &Path, _: &File) {}
