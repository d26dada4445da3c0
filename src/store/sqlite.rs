//! The embedded engine: a locked folder, a pool of readers, and one writer thread with group commit.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use diesel::r2d2::ManageConnection;
use diesel::result::Error;

use super::conn::{Conn, Tx};
use super::error::{Result, StoreError};
use super::job::Job;
use super::migrate;
use super::options::Options;
use super::pool::{Manager, Pool};
use super::queue::Queue;
use crate::domain::key::TenantId;
use crate::telemetry::metrics::Metrics;

/// Name of the database in its folder.
pub(super) const FILE: &str = "provost.db";
const LOCK: &str = "lock";
const BEGIN: &str = "BEGIN IMMEDIATE";

/// The embedded engine.
pub(super) struct Sqlite {
    pub(super) readers: Pool,
    /// Of their own, so that long reads never keep a thread that serves requests waiting.
    pub(super) short_readers: Pool,
    pub(super) file: PathBuf,
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
    // The lock goes with the file handle.
    _lock: File,
}

impl Sqlite {
    pub(super) fn open(folder: &Path, options: &Options) -> Result<Self> {
        let lock = lock(folder)?;
        let file = folder.join(FILE);
        let manager = Manager::Sqlite { file: file.clone(), pragmas: writer_pragmas(options) };
        let mut conn = connect(&manager)?;
        migrate::run(&mut conn)?;

        let pool = |size| {
            let manager = Manager::Sqlite { file: file.clone(), pragmas: reader_pragmas(options) };
            Pool::new(manager, size, size, options.acquire_timeout)
        };
        let (readers, short_readers) = (pool(options.readers)?, pool(options.short_readers)?);

        let queue = Arc::new(Queue::new(options.queue, options.metrics.clone()));
        let writer = Writer {
            queue: Arc::clone(&queue),
            manager,
            conn: Some(conn),
            batch_jobs: options.batch_jobs.max(1),
            batch_time: options.batch_time,
            metrics: options.metrics.clone(),
        };
        let writer = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|e| StoreError::Unavailable(format!("no thread for the writer: {e}")))?;
        Ok(Self { readers, short_readers, file, queue, writer: Mutex::new(Some(writer)), _lock: lock })
    }

    pub(super) fn submit(&self, tenant: TenantId, job: Box<dyn Job>) -> Result<()> {
        self.queue.push(tenant, job)
    }

    /// Takes no more writes and waits until those that wait are done.
    pub(super) fn close(&self) {
        self.queue.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A job may hold the last handle of the store; the writer cannot wait for itself.
        if let Some(writer) = writer.filter(|w| w.thread().id() != thread::current().id())
            && writer.join().is_err()
        {
            log::error!("the store's writer ended by a panic");
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock(folder: &Path) -> Result<File> {
    let fail = |e: std::io::Error| StoreError::Unavailable(format!("the folder '{}': {e}", folder.display()));
    create_folder(folder).map_err(fail)?;
    let file = File::options().read(true).write(true).create(true).truncate(false).open(folder.join(LOCK)).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(folder.to_owned())),
        Err(TryLockError::Error(e)) => Err(fail(e)),
    }
}

// The folder holds personal data: nobody else may look in.
pub(super) fn create_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

pub(super) fn connect(manager: &Manager) -> Result<Conn> {
    manager.connect().map(|session| session.conn).map_err(|e| StoreError::Unavailable(e.to_string()))
}

fn writer_pragmas(options: &Options) -> String {
    format!(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 67108864; \
         PRAGMA cache_size = -{}",
        u64::from(options.cache_kib) * 4
    )
}

// No mmap: mapped pages count as resident memory, and a page cache of a few MiB keeps the inner nodes of every index.
fn reader_pragmas(options: &Options) -> String {
    format!(
        "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{}",
        options.cache_kib
    )
}

/// The one thread that writes.
struct Writer {
    queue: Arc<Queue>,
    manager: Manager,
    // Absent after a failure that leaves the state of the connection unknown.
    conn: Option<Conn>,
    batch_jobs: usize,
    batch_time: Duration,
    metrics: Arc<Metrics>,
}

impl Writer {
    fn run(mut self) {
        while let Some(first) = self.queue.next() {
            let mut batch = Vec::with_capacity(self.batch_jobs);
            let committed = self.transact(first, &mut batch);
            if let Err(error) = &committed {
                log::error!("a batch of {} writes failed: {error}", batch.len());
                self.conn = None;
            }
            self.metrics.writer_batch.observe(batch.len() as u64);
            for job in batch {
                job.answer(committed.clone());
            }
        }
        if let Some(conn) = &mut self.conn
            && let Err(error) = conn.batch("PRAGMA wal_checkpoint(TRUNCATE)")
        {
            log::warn!("the last checkpoint failed: {error}");
        }
    }

    // Jobs that arrive while the transaction is open join it; nobody waits for jobs that are not there.
    fn transact(&mut self, first: Box<dyn Job>, batch: &mut Vec<Box<dyn Job>>) -> Result<()> {
        let mut next = Some(first);
        let opened = begin(&mut self.conn, &self.manager);
        let began = Instant::now();
        let outcome = opened.and_then(|conn| {
            let mut shared = Shared::begun(conn)?;
            while let Some(job) = next.take() {
                batch.push(job);
                shared.run(batch)?;
                if batch.len() < self.batch_jobs && began.elapsed() < self.batch_time {
                    next = self.queue.try_next();
                }
            }
            shared.conn.commit()
        });
        batch.extend(next);
        outcome.map_err(|e| StoreError::Unavailable(e.to_string()))
    }
}

/// The transaction that a batch shares.
///
/// A savepoint copies every page that its job touches, which small writes feel. So jobs run without one, and only when a job
/// fails after it wrote something is the whole batch run again, each job in a savepoint of its own.
struct Shared<'a> {
    conn: &'a mut Conn,
    // Rows written since the connection was opened, by jobs that are to be kept.
    written: i64,
    savepoints: bool,
}

impl<'a> Shared<'a> {
    fn begun(conn: &'a mut Conn) -> diesel::QueryResult<Self> {
        let written = conn.total_changes()?;
        Ok(Self { conn, written, savepoints: false })
    }

    // Runs the last job of the batch. An error here is the batch's, not the job's.
    fn run(&mut self, batch: &mut [Box<dyn Job>]) -> diesel::QueryResult<()> {
        let Some(job) = batch.last_mut() else { return Ok(()) };
        if self.savepoints || job.is_tentative() {
            apart(self.conn, job.as_mut())?;
            self.written = self.conn.total_changes()?;
            return Ok(());
        }
        if job.run(&mut Tx::new(self.conn)) {
            self.written = self.conn.total_changes()?;
            return Ok(());
        }
        // Some errors, a full disk among them, end the whole transaction behind our back.
        if !self.conn.in_transaction() {
            return Err(Error::RollbackTransaction);
        }
        // A step that panicked leaves its savepoint open.
        self.conn.rollback_to(1)?;
        if self.conn.total_changes()? == self.written {
            return Ok(());
        }
        self.conn.rollback_to(0)?;
        self.conn.begin(BEGIN)?;
        self.savepoints = true;
        batch.iter_mut().try_for_each(|job| apart(self.conn, job.as_mut()))
    }
}

fn begin<'a>(conn: &'a mut Option<Conn>, manager: &Manager) -> diesel::QueryResult<&'a mut Conn> {
    let open = match conn.take() {
        Some(open) => open,
        None => manager.connect().map(|session| session.conn).map_err(|e| Error::QueryBuilderError(Box::new(e)))?,
    };
    let conn = conn.insert(open);
    conn.begin(BEGIN)?;
    Ok(conn)
}

// Runs a job in a savepoint of its own. An error here is the batch's, not the job's.
fn apart(conn: &mut Conn, job: &mut dyn Job) -> diesel::QueryResult<()> {
    conn.savepoint()?;
    if job.run(&mut Tx::new(conn)) {
        return conn.commit();
    }
    conn.rollback_to(1)
}
