//! The server engine: a pool, every write SERIALIZABLE and run again when it lost to a concurrent one.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel::r2d2::ManageConnection;
use diesel::result::Error;
use tokio::sync::Semaphore;

use super::conn::Tx;
use super::error::{Result, StoreError, is_lost_race};
use super::job::guarded;
use super::migrate;
use super::options::Options;
use super::pool::{Fate, Manager, Pool};

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

/// The server engine.
pub(super) struct Postgres {
    pub(super) pool: Pool,
    /// Writes that may wait or run.
    pub(super) slots: Semaphore,
    retries: u32,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    writing: usize,
}

/// A write that runs; closing waits until it is dropped.
struct Running<'a>(&'a Postgres);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().writing -= 1;
        self.0.changed.notify_all();
    }
}

enum Attempt<T, E> {
    Done(Result<T, E>),
    Lost,
}

impl Postgres {
    pub(super) fn open(url: &str, options: &Options) -> Result<Self> {
        check_transport(url)?;
        let manager = Manager::Postgres { url: with_timeout(url, options.connect_timeout), settings: settings(options) };
        let mut conn = manager.connect().map_err(|e| StoreError::Unavailable(without_password(&e.to_string(), url)))?.conn;
        migrate::run(&mut conn)?;
        drop(conn);
        Ok(Self {
            pool: Pool::new(manager, options.connections, 1, options.acquire_timeout)?,
            slots: Semaphore::new(options.queue),
            retries: options.retries,
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Takes no more writes, ends the pauses of those that are being retried, and waits until none runs.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |state| state.writing > 0).unwrap_or_else(PoisonError::into_inner));
    }

    fn enter(&self) -> Result<Running<'_>> {
        let mut state = self.lock();
        if state.closed {
            return Err(closed());
        }
        state.writing += 1;
        Ok(Running(self))
    }

    // Nothing panics while the lock is held.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a write until it is committed, fails for a reason of its own, or has lost too often.
    pub(super) fn write<T, E>(&self, job: impl Fn(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StoreError>,
    {
        let _running = self.enter()?;
        let mut pause = FIRST_PAUSE;
        for _ in 0..self.retries {
            match self.attempt(&job)? {
                Attempt::Done(result) => return result,
                Attempt::Lost => self.pause(pause)?,
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        match self.attempt(&job)? {
            Attempt::Done(result) => result,
            Attempt::Lost => Err(StoreError::Retryable.into()),
        }
    }

    fn attempt<T, E>(&self, job: &impl Fn(&mut Tx<'_>) -> Result<T, E>) -> Result<Attempt<T, E>>
    where
        E: From<StoreError>,
    {
        let mut session = self.pool.begin("BEGIN ISOLATION LEVEL SERIALIZABLE")?;
        let result = guarded(|| job(&mut Tx::new(&mut session.conn))).unwrap_or_else(|panic| Err(panic.into()));
        let value = match (result, session.verdict.fate()) {
            (Ok(value), Fate::Sound) => value,
            (result, fate) => {
                // A connection that cannot roll back is broken, and the pool drops it.
                let _ = session.conn.rollback_to(0);
                return Ok(match (result, fate) {
                    (_, Fate::Lost) => Attempt::Lost,
                    (Err(error), _) => Attempt::Done(Err(error)),
                    // COMMIT would answer ROLLBACK and no error.
                    (Ok(_), _) => Attempt::Done(Err(StoreError::Database("a failed statement was passed over".into()).into())),
                });
            }
        };
        match session.conn.commit() {
            Ok(()) => Ok(Attempt::Done(Ok(value))),
            Err(Error::DatabaseError(kind, info)) if is_lost_race(kind, info.as_ref()) => Ok(Attempt::Lost),
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        }
    }

    fn pause(&self, time: Duration) -> Result<()> {
        let waited = self.changed.wait_timeout_while(self.lock(), time, |state| !state.closed);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed { Err(closed()) } else { Ok(()) }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

// Deadlocks are told by their English text; a role that may not choose the language keeps the server's.
fn settings(options: &Options) -> String {
    let timeout = options.statement_timeout.as_millis();
    format!(
        "SET application_name = 'provost'; SET statement_timeout = {timeout}; SET lock_timeout = {timeout}; \
         SET idle_in_transaction_session_timeout = {}; \
         SELECT set_config('lc_messages', 'C', false) FROM pg_roles WHERE rolname = current_user AND rolsuper",
        timeout * 2
    )
}

fn is_url(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

fn with_timeout(url: &str, timeout: Duration) -> String {
    if parameter(url, "connect_timeout").is_some() {
        return url.to_owned();
    }
    let separator = match (is_url(url), url.contains('?')) {
        (true, true) => "&",
        (true, false) => "?",
        (false, _) => " ",
    };
    format!("{url}{separator}connect_timeout={}", timeout.as_secs().max(1))
}

/// The value of a connection parameter, in either form of a connection string.
fn parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let (text, separator) = if is_url(url) { (url.split_once('?')?.1, '&') } else { (url, ' ') };
    text.split(separator).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('\''))
    })
}

fn hosts(url: &str) -> Vec<&str> {
    let named = parameter(url, "host").or_else(|| parameter(url, "hostaddr"));
    let authority = is_url(url).then(|| {
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts)
    });
    let list = named.or(authority).unwrap_or_default();
    list.split(',').map(|host| if host.starts_with('[') { host } else { host.split(':').next().unwrap_or(host) }).collect()
}

fn is_local(host: &str) -> bool {
    host.is_empty()
        || host == "localhost"
        || host.starts_with('/')
        || host.to_ascii_lowercase().starts_with("%2f")
        || host.starts_with("[::1]")
        || host == "::1"
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

// This build has no TLS to PostgreSQL. What asks for it is refused, not run in the clear.
fn check_transport(url: &str) -> Result<()> {
    if let Some(mode @ ("require" | "verify-ca" | "verify-full")) = parameter(url, "sslmode") {
        return Err(StoreError::Refused(format!(
            "sslmode={mode} asks for TLS to PostgreSQL, and this build has none; use a local socket, a tunnel or a build with it"
        )));
    }
    for host in hosts(url) {
        if !is_local(host) {
            log::warn!("the connection to PostgreSQL at '{host}' is not encrypted, and the host is not this machine");
        }
    }
    Ok(())
}

// libpq does not repeat the password, but a connection string that does not parse is quoted whole.
fn without_password(message: &str, url: &str) -> String {
    message.replace(url, "the connection string")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_refused_where_it_is_asked_for() {
        for (url, refused) in [
            ("postgres://u:p@db/x?sslmode=require", true),
            ("postgres://u:p@db/x?a=b&sslmode=verify-full", true),
            ("host=db sslmode=verify-ca", true),
            ("host=db sslmode='require'", true),
            ("postgres://u:p@db/x?sslmode=prefer", false),
            ("postgres://u:p@db/x", false),
        ] {
            assert_eq!(matches!(check_transport(url), Err(StoreError::Refused(_))), refused, "{url}");
        }
    }

    #[test]
    fn hosts_are_found_in_both_forms() {
        for (url, expected, local) in [
            ("postgres://u:p@db.example:5432/x", vec!["db.example"], false),
            ("postgres://127.0.0.1:5/x", vec!["127.0.0.1"], true),
            ("postgres://[::1]:5/x", vec!["[::1]:5"], true),
            ("postgres:///x?host=/run/pg", vec!["/run/pg"], true),
            ("host=a,localhost user=u", vec!["a", "localhost"], false),
            ("user=u", vec![""], true),
        ] {
            assert_eq!(hosts(url), expected, "{url}");
            assert_eq!(hosts(url).into_iter().all(is_local), local, "{url}");
        }
    }

    #[test]
    fn the_connect_timeout_is_added_once() {
        let five = Duration::from_secs(5);
        for (url, expected) in [
            ("postgres://h/x", "postgres://h/x?connect_timeout=5"),
            ("postgres://h/x?a=b", "postgres://h/x?a=b&connect_timeout=5"),
            ("host=h", "host=h connect_timeout=5"),
            ("host=h connect_timeout=1", "host=h connect_timeout=1"),
        ] {
            assert_eq!(with_timeout(url, five), expected);
        }
    }
}
