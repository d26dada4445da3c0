//! What can go wrong in the store. It is the operator's to mend; the service turns what a caller caused into a `Fault`.

use std::path::PathBuf;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};

/// A failure of the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database is away, or a COMMIT failed; whether a write took place may be unknown.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The queue is full or every connection is taken; trying again later helps.
    #[error("the store is busy")]
    Busy,
    /// A value that a constraint keeps unique is taken.
    #[error("a unique value is taken in table '{table}' ({constraint})")]
    Unique {
        /// The table; the same on both engines.
        table: String,
        /// Name of the constraint (PostgreSQL) or its columns (SQLite).
        constraint: String,
    },
    /// The transaction lost to concurrent ones more often than it is retried.
    #[error("the transaction lost to concurrent ones")]
    Retryable,
    /// The database was written by a newer binary.
    #[error("the database was written by a newer version: migration {0} is not known here")]
    NewerDatabase(String),
    /// Another process works on the data folder.
    #[error("another process works on the folder '{}'; stop it, or go through it with --server where a command has that", .0.display())]
    Locked(PathBuf),
    /// An option that cannot be met.
    #[error("{0}")]
    Refused(String),
    /// Stored data cannot be read.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// A job panicked; nothing of it was kept.
    #[error("a job of the store panicked: {0}")]
    Panicked(String),
    /// Any other answer of the database.
    #[error("the database answered: {0}")]
    Database(String),
}

/// Results of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error {
            Error::DatabaseError(kind, info) => of_database(kind, info.as_ref()),
            Error::DeserializationError(e) => Self::Corrupt(e.to_string()),
            Error::BrokenTransactionManager | Error::RollbackErrorOnCommit { .. } => Self::Unavailable(error.to_string()),
            other => Self::Database(other.to_string()),
        }
    }
}

fn of_database(kind: DatabaseErrorKind, info: &(dyn DatabaseErrorInformation + Send + Sync)) -> StoreError {
    let message = info.message();
    match kind {
        DatabaseErrorKind::UniqueViolation => unique(info),
        _ if is_lost_race(kind, info) => StoreError::Retryable,
        DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
            StoreError::Unavailable(message.to_owned())
        }
        // SQLite has no kinds for these; the texts are sqlite3_errstr's.
        _ if message.starts_with("database disk image is malformed") || message.starts_with("file is not a database") => {
            StoreError::Corrupt(message.to_owned())
        }
        _ if message.starts_with("database is locked") => StoreError::Busy,
        _ if ["database or disk is full", "disk I/O error", "unable to open"].iter().any(|t| message.starts_with(t)) => {
            StoreError::Unavailable(message.to_owned())
        }
        _ => StoreError::Database(message.to_owned()),
    }
}

/// Whether the error is SQLSTATE 40001 or 40P01. diesel has no kind for the latter; sessions ask for English messages.
pub(super) fn is_lost_race(kind: DatabaseErrorKind, info: &(dyn DatabaseErrorInformation + Send + Sync)) -> bool {
    kind == DatabaseErrorKind::SerializationFailure || info.message().starts_with("deadlock detected")
}

// SQLite says "UNIQUE constraint failed: objects.tenant, objects.type, objects.wire_id" and nothing else.
fn unique(info: &dyn DatabaseErrorInformation) -> StoreError {
    let named = info.table_name().zip(info.constraint_name());
    let (table, constraint) = named.unwrap_or_else(|| {
        let columns = info.message().split_once(": ").map_or("", |(_, columns)| columns);
        (columns.split('.').next().unwrap_or_default(), columns)
    });
    StoreError::Unique { table: table.to_owned(), constraint: constraint.to_owned() }
}
