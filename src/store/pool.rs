//! Pooled connections of either engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use diesel::connection::{Connection, InstrumentationEvent};
use diesel::r2d2::{self, ManageConnection, PooledConnection};
use diesel::result::{ConnectionError, Error};
use diesel::{PgConnection, SqliteConnection};

use super::conn::Conn;
use super::error::{Result, StoreError, is_lost_race};

/// How connections are made.
pub(super) enum Manager {
    Sqlite { file: PathBuf, pragmas: String },
    Postgres { url: String, settings: String },
}

/// One pooled connection.
pub(super) struct Session {
    pub(super) conn: Conn,
    pub(super) verdict: Arc<Verdict>,
    broken: bool,
}

/// Whether a statement of the running transaction failed, whatever the job made of the error.
#[derive(Default)]
pub(super) struct Verdict(AtomicU8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Sound,
    Failed,
    Lost,
}

impl Verdict {
    pub(super) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    pub(super) fn fate(&self) -> Fate {
        match self.0.load(Ordering::Relaxed) {
            0 => Fate::Sound,
            1 => Fate::Failed,
            _ => Fate::Lost,
        }
    }

    fn note(&self, error: &Error) {
        match error {
            Error::DatabaseError(kind, info) if is_lost_race(*kind, info.as_ref()) => self.0.fetch_max(2, Ordering::Relaxed),
            _ => self.0.fetch_max(1, Ordering::Relaxed),
        };
    }
}

impl ManageConnection for Manager {
    type Connection = Session;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Session, ConnectionError> {
        let verdict = Arc::new(Verdict::default());
        let (mut conn, settings) = match self {
            Self::Sqlite { file, pragmas } => {
                let file = file.to_str().ok_or_else(|| ConnectionError::BadConnection("the path is not UTF-8".to_owned()))?;
                (Conn::Sqlite(SqliteConnection::establish(file)?), pragmas)
            }
            Self::Postgres { url, settings } => {
                let mut conn = PgConnection::establish(url)?;
                let noted = Arc::clone(&verdict);
                conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
                    if let InstrumentationEvent::FinishQuery { error: Some(error), .. } = event {
                        noted.note(error);
                    }
                });
                (Conn::Postgres(conn), settings)
            }
        };
        conn.batch(settings).map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(Session { conn, verdict, broken: false })
    }

    fn is_valid(&self, _: &mut Session) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn has_broken(&self, session: &mut Session) -> bool {
        session.broken || session.conn.is_broken()
    }
}

/// A pool of connections; clones share it.
#[derive(Clone)]
pub(super) struct Pool(r2d2::Pool<Manager>);

impl Pool {
    pub(super) fn new(manager: Manager, size: u32, idle: u32, timeout: Duration) -> Result<Self> {
        // Stale connections are found by the BEGIN of the next transaction, so none is tried when it is taken.
        r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(idle))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_on_check_out(false)
            .connection_timeout(timeout)
            .build(manager)
            .map(Self)
            .map_err(|e| StoreError::Unavailable(e.to_string()))
    }

    /// A connection inside a transaction begun with `sql`.
    pub(super) fn begin(&self, sql: &'static str) -> Result<PooledConnection<Manager>> {
        let mut last = StoreError::Busy;
        for _ in 0..=self.0.max_size() {
            let mut session = self.0.get().map_err(|e| match self.0.state().connections {
                0 => StoreError::Unavailable(e.to_string()),
                _ => StoreError::Busy,
            })?;
            match session.conn.begin(sql) {
                Ok(()) => {
                    session.verdict.clear();
                    return Ok(session);
                }
                Err(error) => {
                    session.broken = true;
                    last = StoreError::Unavailable(error.to_string());
                }
            }
        }
        Err(last)
    }
}
