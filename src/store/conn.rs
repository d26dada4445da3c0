//! A connection to either engine, and how to write a query once for both.
//!
//! diesel's own `MultiConnection` was tried: upserts and batch inserts do not compile with it.

use std::ops::{Deref, DerefMut};

use diesel::connection::{AnsiTransactionManager, Connection, SimpleConnection, TransactionManager};
use diesel::r2d2::R2D2Connection;
use diesel::{PgConnection, QueryResult, RunQueryDsl, SqliteConnection};

use super::error::Result;

/// A connection, inside a transaction whenever a job sees it.
pub enum Conn {
    /// SQLite.
    Sqlite(SqliteConnection),
    /// PostgreSQL.
    Postgres(PgConnection),
}

/// Expands one body for both engines: `on!(conn, |c| users.load(c))`.
macro_rules! on {
    ($conn:expr, |$c:ident| $body:expr) => {
        match $conn {
            $crate::store::conn::Conn::Sqlite($c) => $body,
            $crate::store::conn::Conn::Postgres($c) => $body,
        }
    };
}
pub(super) use on;

impl Conn {
    /// Whether this is SQLite, where one writer numbers the changes as it appends them.
    pub const fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Starts the outermost transaction with `sql`.
    pub(super) fn begin(&mut self, sql: &'static str) -> QueryResult<()> {
        on!(self, |c| AnsiTransactionManager::begin_transaction_sql(c, sql))
    }

    /// Starts a savepoint inside the transaction.
    pub(super) fn savepoint(&mut self) -> QueryResult<()> {
        on!(self, |c| AnsiTransactionManager::begin_transaction(c))
    }

    /// Commits the transaction or releases the innermost savepoint.
    pub(super) fn commit(&mut self) -> QueryResult<()> {
        on!(self, |c| AnsiTransactionManager::commit_transaction(c))
    }

    /// Rolls back until `depth` levels are left: 1 keeps the transaction and drops its savepoints, 0 drops all. A job that
    /// panicked inside a savepoint of its own leaves more than one level.
    pub(super) fn rollback_to(&mut self, depth: u32) -> QueryResult<()> {
        while self.depth()? > depth {
            on!(self, |c| AnsiTransactionManager::rollback_transaction(c))?;
        }
        Ok(())
    }

    pub(super) fn depth(&mut self) -> QueryResult<u32> {
        fn of<C: Connection<TransactionManager = AnsiTransactionManager>>(c: &mut C) -> QueryResult<u32> {
            let status = AnsiTransactionManager::transaction_manager_status_mut(c);
            Ok(status.transaction_depth()?.map_or(0, std::num::NonZeroU32::get))
        }
        on!(self, |c| of(c))
    }

    /// SQLite: rows written since the connection was opened.
    pub(super) fn total_changes(&mut self) -> QueryResult<i64> {
        let count = diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>("total_changes()"));
        on!(self, |c| count.get_result(c))
    }

    /// SQLite: whether the transaction still stands: within one, another BEGIN is refused.
    pub(super) fn in_transaction(&mut self) -> bool {
        self.batch("BEGIN").is_err()
    }

    pub(super) fn batch(&mut self, sql: &str) -> QueryResult<()> {
        on!(self, |c| c.batch_execute(sql))
    }

    pub(super) fn is_broken(&mut self) -> bool {
        on!(self, |c| R2D2Connection::is_broken(c))
    }
}

/// A write transaction. It is a [`Conn`], so every query takes it.
pub struct Tx<'a> {
    conn: &'a mut Conn,
}

impl<'a> Tx<'a> {
    pub(super) fn new(conn: &'a mut Conn) -> Self {
        Self { conn }
    }

    /// Runs a step of which nothing stays when it fails; what came before it stays. An error of the database must not be
    /// passed over: on PostgreSQL the whole write fails then, whatever its job answers.
    ///
    /// # Errors
    /// Those of the savepoint; the step's own stand in the inner result.
    pub fn attempt<T, E>(&mut self, step: impl FnOnce(&mut Tx<'_>) -> Result<T, E>) -> Result<Result<T, E>> {
        let depth = self.conn.depth()?;
        self.conn.savepoint()?;
        let outcome = step(&mut Tx::new(self.conn));
        match outcome {
            Ok(_) => self.conn.commit()?,
            Err(_) => self.conn.rollback_to(depth)?,
        }
        Ok(outcome)
    }
}

impl Deref for Tx<'_> {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        self.conn
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Conn {
        self.conn
    }
}
