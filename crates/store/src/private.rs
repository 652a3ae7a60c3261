//! Files for nobody but this process's own user, whatever the umask.
//!
//! There are addresses and tokens in what Watchbell keeps. What it makes is closed to others from its first moment; what was there
//! before is left as its owner has it, and named.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, set_permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;
/// What a mode lets others than the owner do.
const OTHERS: u32 = 0o077;
/// Folders that everybody writes to, such as /tmp, keep their users apart by this.
const STICKY: u32 = 0o1000;

/// Makes a folder, and those above it, if it is not there.
///
/// # Errors
/// It cannot be made, or there is something else.
pub fn folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        folder(above)?;
    }
    match DirBuilder::new().mode(FOLDER).create(path) {
        // The umask may have taken something from the owner too.
        Ok(()) => set_permissions(path, Permissions::from_mode(FOLDER)),
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a file for reading and writing, made if it is not there; what is in it stays.
///
/// # Errors
/// It can be neither opened nor made.
pub fn file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(FILE);
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            file.set_permissions(Permissions::from_mode(FILE))?;
            Ok(file)
        }
        // Also for a link that leads to what is not there yet.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => options.create(true).truncate(false).open(path),
        Err(error) => Err(error),
    }
}

/// The command that closes to others what of these is open to them; None when nothing is.
pub fn what_would_close<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Option<String> {
    let open = paths.into_iter().filter_map(|path| {
        let found = path.metadata().ok()?;
        let is_open = found.mode() & OTHERS != 0 && !(found.is_dir() && found.mode() & STICKY != 0);
        let mode = if found.is_dir() { FOLDER } else { FILE };
        is_open.then(|| format!("chmod {mode:o} '{}'", path.display()))
    });
    Some(open.collect::<Vec<_>>().join("; ")).filter(|commands| !commands.is_empty())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use std::io::{Read, Write};

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o7777
    }

    #[test]
    fn what_is_made_is_closed_and_what_is_there_is_named() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        folder(&deep).unwrap();
        assert_eq!((mode(&deep), mode(&root.path().join("a"))), (0o700, 0o700));
        let kept = deep.join("kept.db");
        file(&kept).unwrap().write_all(b"what is in it").unwrap();
        assert_eq!(mode(&kept), 0o600);
        assert_eq!(what_would_close([deep.as_path(), &kept, &deep.join("nothing")]), None);

        set_permissions(&kept, Permissions::from_mode(0o640)).unwrap();
        set_permissions(&deep, Permissions::from_mode(0o755)).unwrap();
        folder(&deep).unwrap();
        let mut text = String::new();
        file(&kept).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), mode(&kept), mode(&deep)), ("what is in it", 0o640, 0o755));
        let expected = format!("chmod 700 '{}'; chmod 600 '{}'", deep.display(), kept.display());
        assert_eq!(what_would_close([deep.as_path(), &kept]), Some(expected));
        set_permissions(&deep, Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(what_would_close([deep.as_path()]), None);

        // A link that leads to nothing yet.
        std::os::unix::fs::symlink(root.path().join("target.db"), root.path().join("link.db")).unwrap();
        file(&root.path().join("link.db")).unwrap();
        assert_eq!(mode(&root.path().join("target.db")) & 0o077, 0);
        assert!(folder(&kept).is_err() && folder(&kept.join("under")).is_err(), "there is a file");
    }
}
