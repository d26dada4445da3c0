//! What an operator may turn about the store.

use std::sync::Arc;
use std::time::Duration;

use crate::telemetry::metrics::Metrics;

/// Sizes and times of the store; [`Options::default`] suits a small machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// SQLite: connections that read.
    pub readers: u32,
    /// SQLite: connections for [`super::Store::read_short`] alone: one for each thread that calls it, so that none ever waits.
    pub short_readers: u32,
    /// SQLite: page cache of each reader, in KiB; the writer has four times as much.
    pub cache_kib: u32,
    /// SQLite: most jobs in one transaction.
    pub batch_jobs: usize,
    /// SQLite: longest time for which a transaction takes in further jobs.
    pub batch_time: Duration,
    /// Writes that may wait; one more is [`super::StoreError::Busy`].
    pub queue: usize,
    /// PostgreSQL: connections.
    pub connections: u32,
    /// Longest wait for a connection.
    pub acquire_timeout: Duration,
    /// PostgreSQL: longest wait for a new connection, in whole seconds.
    pub connect_timeout: Duration,
    /// PostgreSQL: longest run of one statement.
    pub statement_timeout: Duration,
    /// PostgreSQL: how often a transaction that lost to a concurrent one is run again.
    pub retries: u32,
    /// SQLite: where the writer counts.
    pub metrics: Arc<Metrics>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 4,
            short_readers: 4,
            cache_kib: 2048,
            batch_jobs: 100,
            batch_time: Duration::from_millis(5),
            queue: 4096,
            connections: 16,
            acquire_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            retries: 12,
            metrics: Arc::default(),
        }
    }
}
