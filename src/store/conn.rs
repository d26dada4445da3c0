//! A connection to either engine, and how to write a query once for both.
//!
//! diesel's own `MultiConnection` was tried: upserts and batch inserts do not compile with it.

use std::ops::{Deref, DerefMut};

use diesel::connection::{AnsiTransactionManager, Connection, SimpleConnection, TransactionManager};
use diesel::r2d2::R2D2Connection;
use diesel::{PgConnection, QueryResult, SqliteConnection};

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

    fn depth(&mut self) -> QueryResult<u32> {
        fn of<C: Connection<TransactionManager = AnsiTransactionManager>>(c: &mut C) -> QueryResult<u32> {
            let status = AnsiTransactionManager::transaction_manager_status_mut(c);
            Ok(status.transaction_depth()?.map_or(0, std::num::NonZeroU32::get))
        }
        on!(self, |c| of(c))
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
