//! Bringing a database's tables up to date, and saying in words that help why that cannot be done.

use sqlx::migrate::{Migrate, MigrateError, Migrator};

use crate::StoreError;

/// The migration with which every database begins.
const FIRST: i64 = 1;

/// # Errors
/// `Unusable`, with a sentence for the operator.
pub(crate) async fn run<C: Migrate>(migrations: &Migrator, connection: &mut C) -> Result<(), StoreError> {
    match migrations.run_direct(None, connection, false).await {
        Ok(()) => Ok(()),
        Err(error) => Err(StoreError::Unusable(sentence(&error, begins_otherwise(migrations, connection).await))),
    }
}

/// Whether the first migration of the database is not ours. Where that cannot be found out, it is taken for ours.
async fn begins_otherwise<C: Migrate>(migrations: &Migrator, connection: &mut C) -> bool {
    let applied = connection.list_applied_migrations(&migrations.table_name).await.unwrap_or_default();
    let ours = migrations.iter().find(|migration| migration.version == FIRST);
    let theirs = applied.iter().find(|migration| migration.version == FIRST);
    ours.zip(theirs).is_some_and(|(ours, theirs)| ours.checksum != theirs.checksum)
}

fn sentence(error: &MigrateError, begins_otherwise: bool) -> String {
    use MigrateError::{VersionMismatch, VersionMissing, VersionTooNew};
    match error {
        VersionMissing(_) | VersionMismatch(_) if begins_otherwise => {
            "the database was made before the first release of Watchbell, whose tables are others, and cannot be brought up to date; \
             set database.url to a new, empty database (what `watchbell export` of the old version writes, `watchbell import` takes)"
                .to_owned()
        }
        VersionMissing(version) => {
            format!(
                "the database is too new: it has migration {version}, which this version of Watchbell does not know; run the newer version"
            )
        }
        VersionTooNew(version, newest) => {
            format!(
                "the database is too new: it is at migration {version}, this version of Watchbell knows up to {newest}; run the newer version"
            )
        }
        VersionMismatch(version) => {
            format!("migration {version} in the database differs from this version's; it was made by another build")
        }
        other => format!("the database's tables could not be brought up to date: {other}"),
    }
}
