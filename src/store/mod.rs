//! The only place that knows SQL. Both engines, embedded SQLite and PostgreSQL, run the same queries.
//!
//! A write is one closure over a [`Tx`]; it may be run more than once, so it holds no effect but its SQL. A read sees one
//! snapshot. Queries are free functions, one file a family of tables, and every one of them carries the tenant.

pub mod attempts;
pub mod audit;
pub mod backup;
pub mod changes;
pub mod clients;
pub mod condition_watches;
pub mod conditions;
pub mod conn;
pub mod credentials;
pub mod edge_pages;
pub mod edges;
pub mod epochs;
pub mod error;
pub mod findings;
pub mod holders;
pub mod idempotency;
pub mod inbound;
pub mod index;
pub mod issuers;
pub mod jobs;
pub mod leases;
pub mod link_members;
pub mod link_waits;
pub mod links;
pub mod object_types;
pub mod objects;
pub mod options;
pub mod ordered;
pub mod permission_uses;
pub mod plan;
pub mod policies;
pub mod query;
pub mod recomputations;
pub mod settings;
pub mod signing_keys;
pub mod tables;
pub mod targets;
pub mod temporal;
pub mod tenants;
pub mod tokens;
pub mod types;
pub mod unfinished;
pub mod unresolved;

mod insert;
mod job;
mod key_in;
mod migrate;
mod pool;
mod postgres;
mod queue;
mod rehearse;
mod sql;
mod sqlite;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use diesel::r2d2::PooledConnection;
use pool::Manager;

pub use conn::{Conn, Tx};
pub use error::{Result, StoreError};
pub use options::Options;

use crate::domain::key::TenantId;

// A read sees one snapshot, taken by its first statement.
const SQLITE_READ: &str = "BEGIN";

/// The store; clones share it.
#[derive(Clone)]
pub struct Store(Arc<Engine>);

enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Store {
    /// Opens or creates the embedded database in `folder` and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process works on the folder, [`StoreError::NewerDatabase`] when a newer binary
    /// wrote it, [`StoreError::Unavailable`] when the files cannot be used.
    pub fn open_sqlite(folder: &Path, options: &Options) -> Result<Self> {
        sqlite::Sqlite::open(folder, options).map(|engine| Self(Arc::new(Engine::Sqlite(engine))))
    }

    /// Whether a folder holds an embedded database.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(sqlite::FILE).exists()
    }

    /// Connects to PostgreSQL and brings the schema up to date. `url` is a libpq connection string in either form.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when `sslmode` asks for TLS, [`StoreError::NewerDatabase`], [`StoreError::Unavailable`].
    pub fn open_postgres(url: &str, options: &Options) -> Result<Self> {
        postgres::Postgres::open(url, options).map(|engine| Self(Arc::new(Engine::Postgres(engine))))
    }

    /// Runs a write and answers after COMMIT. The closure may run several times; nothing of a failed run stays. It must not
    /// call the store again: the SQLite writer would wait for itself.
    ///
    /// # Errors
    /// The job's own; or, through `E::from`, [`StoreError::Busy`] when too many wait, [`StoreError::Unavailable`] when the
    /// outcome is unknown, [`StoreError::Retryable`], [`StoreError::Panicked`].
    pub async fn write<T, E>(
        &self,
        tenant: TenantId,
        job: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.run(tenant, job, false).await
    }

    /// A `tentative` job takes back what it writes.
    async fn run<T, E>(
        &self,
        tenant: TenantId,
        job: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + Sync + 'static,
        tentative: bool,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &*self.0 {
            Engine::Sqlite(engine) => {
                let (reply, answer) = tokio::sync::oneshot::channel();
                // A caller that went away does not hear the answer.
                let reply = move |result| drop(reply.send(result));
                engine.submit(tenant, Box::new(job::Typed::new(job, reply, tentative)))?;
                answer.await.unwrap_or_else(|_| Err(gone().into()))
            }
            Engine::Postgres(engine) => {
                let _slot = engine.slots.try_acquire().map_err(|_| StoreError::Busy)?;
                let store = self.clone();
                let run = move || store.write_blocking(tenant, job);
                tokio::task::spawn_blocking(run).await.unwrap_or_else(|_| Err(gone().into()))
            }
        }
    }

    /// [`Store::write`] for threads that may block.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn write_blocking<T, E>(
        &self,
        tenant: TenantId,
        job: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &*self.0 {
            Engine::Sqlite(engine) => {
                let (reply, answer) = sync_channel(1);
                let reply = move |result| drop(reply.send(result));
                engine.submit(tenant, Box::new(job::Typed::new(job, reply, false)))?;
                answer.recv().unwrap_or_else(|_| Err(gone().into()))
            }
            Engine::Postgres(engine) => engine.write(job),
        }
    }

    /// Runs a read of any length on a thread that may block; it sees one snapshot.
    ///
    /// # Errors
    /// The job's own; or [`StoreError::Busy`], [`StoreError::Unavailable`], [`StoreError::Panicked`] through `E::from`.
    pub async fn read<T, E>(&self, job: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.read_blocking(job)).await.unwrap_or_else(|_| Err(gone().into()))
    }

    /// Runs a read of a few look-ups by key. On SQLite it runs right here, which costs less than the hop to another thread, on
    /// a connection that no long read can take; on PostgreSQL it is [`Store::read`].
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_short<T, E>(&self, job: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &*self.0 {
            Engine::Sqlite(engine) => read_in(engine.short_readers.begin(SQLITE_READ)?, job),
            Engine::Postgres(_) => self.read(job).await,
        }
    }

    /// [`Store::read`] for threads that may block.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn read_blocking<T, E>(&self, job: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StoreError>,
    {
        let session = match &*self.0 {
            Engine::Sqlite(engine) => engine.readers.begin(SQLITE_READ),
            Engine::Postgres(engine) => engine.pool.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        }?;
        read_in(session, job)
    }

    /// Whether this is the embedded engine.
    pub fn is_sqlite(&self) -> bool {
        matches!(&*self.0, Engine::Sqlite(_))
    }

    /// Takes no more writes and returns when those that were taken are answered; reads go on. Not to be called by a job.
    /// Dropping the last handle does the same.
    pub async fn close(&self) {
        let store = self.clone();
        let closed = tokio::task::spawn_blocking(move || store.close_blocking()).await;
        if closed.is_err() {
            log::error!("closing the store panicked");
        }
    }

    /// [`Store::close`] for threads that may block.
    pub fn close_blocking(&self) {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.close(),
            Engine::Postgres(engine) => engine.close(),
        }
    }
}

fn read_in<T, E>(mut session: PooledConnection<Manager>, job: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E>
where
    E: From<StoreError>,
{
    let result = job::guarded(|| job(&mut session.conn)).unwrap_or_else(|panic| Err(panic.into()));
    // Nothing was written; a connection that cannot roll back is broken, and the pool drops it.
    let _ = session.conn.rollback_to(0);
    result
}

fn gone() -> StoreError {
    StoreError::Unavailable("the store was closed before it answered".to_owned())
}
