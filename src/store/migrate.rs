//! The schema of the database: brought up to date when it is opened, never down.

use std::collections::HashSet;

use diesel::backend::Backend;
use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::conn::Conn;
use super::error::{Result, StoreError};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Several replicas may start at once. The one that comes second waits in the database, fails, and finds the work done.
const ATTEMPTS: usize = 5;

/// Applies what is missing. A database that knows a migration which this binary does not is refused.
pub(super) fn run(conn: &mut Conn) -> Result<()> {
    let mut last = Ok(());
    for _ in 0..ATTEMPTS {
        last = match conn {
            Conn::Sqlite(c) => apply(c, SQLITE),
            Conn::Postgres(c) => apply(c, POSTGRES),
        };
        match last {
            Ok(()) | Err(StoreError::NewerDatabase(_)) => break,
            Err(_) => {}
        }
    }
    last
}

/// Refuses a database that has no schema of ours, or that of a newer binary.
pub(super) fn check(conn: &mut Conn) -> Result<()> {
    let applied = match conn {
        Conn::Sqlite(c) => known(c, &SQLITE),
        Conn::Postgres(c) => known(c, &POSTGRES),
    }?;
    if applied == 0 { Err(StoreError::Corrupt("it is not a database of this program".to_owned())) } else { Ok(()) }
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
