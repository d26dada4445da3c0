//! The schema of the database: brought up to date when it is opened, never down.

use std::collections::HashSet;

use diesel::backend::Backend;
use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::conn::Conn;
use super::error::{Result, StoreError};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Several replicas may start at once. The one that comes second waits in the database, fails, and finds the work done. So it
/// tries again this often for each migration that one of them applied.
const ATTEMPTS: usize = 5;

/// Applies what is missing. A database that knows a migration which this binary does not is refused.
pub(super) fn run(conn: &mut Conn) -> Result<()> {
    let (mut applied, mut left) = (0, ATTEMPTS);
    loop {
        let outcome = match conn {
            Conn::Sqlite(c) => apply(c, SQLITE),
            Conn::Postgres(c) => apply(c, POSTGRES),
        };
        left -= 1;
        if left == 0 || matches!(outcome, Ok(()) | Err(StoreError::NewerDatabase(_))) {
            return outcome;
        }
        // What cannot be read now shows at the next attempt.
        let now = count(conn).unwrap_or(applied);
        if now > applied {
            (applied, left) = (now, ATTEMPTS);
        }
    }
}

/// Refuses a database that has no schema of ours, or that of a newer binary.
pub(super) fn check(conn: &mut Conn) -> Result<()> {
    if count(conn)? == 0 { Err(StoreError::Corrupt("it is not a database of this program".to_owned())) } else { Ok(()) }
}

fn count(conn: &mut Conn) -> Result<usize> {
    match conn {
        Conn::Sqlite(c) => known(c, &SQLITE),
        Conn::Postgres(c) => known(c, &POSTGRES),
    }
}

fn apply<DB: Backend>(harness: &mut impl MigrationHarness<DB>, source: EmbeddedMigrations) -> Result<()> {
    known(harness, &source)?;
    harness.run_pending_migrations(source).map(drop).map_err(fail)
}

// How many migrations were applied, all of which must be known.
fn known<DB: Backend>(harness: &mut impl MigrationHarness<DB>, source: &EmbeddedMigrations) -> Result<usize> {
    let migrations: Vec<Box<dyn Migration<DB>>> = source.migrations().map_err(fail)?;
    let known: HashSet<String> = migrations.iter().map(|m| m.name().version().to_string()).collect();
    let applied = harness.applied_migrations().map_err(fail)?;
    match applied.iter().map(ToString::to_string).find(|version| !known.contains(version)) {
        Some(newer) => Err(StoreError::NewerDatabase(newer)),
        None => Ok(applied.len()),
    }
}

fn fail(error: impl std::fmt::Display) -> StoreError {
    StoreError::Database(format!("migration: {error}"))
}
