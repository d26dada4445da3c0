//! Keeping targets converged (spec/sync.md §2).
//!
//! Changes become wishes on links ([`dispatcher`]), and the holder of a target's [`lease`] works off the links that are due
//! ([`worker`]): it loads the current object, decides what the target should hold ([`decide`]), and makes it so
//! ([`put`], [`create`], [`members`], [`removal`]). What a failure means is settled in one place ([`failure`]). Nothing is
//! handed over in memory alone: a crash at any point is taken up again from the rows.

mod assigned;
mod backlog;
mod check;
mod create;
mod decide;
mod dispatcher;
mod due;
pub mod explain;
mod failure;
pub mod guard;
pub mod jobs;
mod lease;
pub mod links;
mod members;
mod notify;
mod preview;
mod put;
mod removal;
mod run;
mod session;
mod settle;
pub mod spec;
pub mod targets;
mod worker;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub use run::Running;

use crate::config::keys;
use crate::domain::key::Key;
use crate::domain::secret::MasterKey;
use crate::domain::time::Timestamp;
use crate::runtime::random;
use crate::service::{Service, ServiceError};
use crate::store::Store;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::workers::Workers;

/// Settings of the engine.
pub type Settings = keys::Sync;

/// Results of the engine.
pub type Result<T, E = ServiceError> = std::result::Result<T, E>;

/// The engine; clones share it.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    service: Service,
    settings: Settings,
    master_key: MasterKey,
    metrics: Arc<Metrics>,
    workers: Workers,
    leases: lease::Leases,
    sessions: Mutex<HashMap<Key, Arc<session::Session>>>,
    turns: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>,
    signal: Notify,
    jobs: Notify,
    // Whether any target is known, so that writes without targets wake nobody.
    listening: AtomicBool,
    stopping: AtomicBool,
}

impl Engine {
    /// Makes the engine; [`Engine::spawn`] or [`Engine::drain`] set it to work.
    pub fn new(service: Service, settings: Settings, master_key: MasterKey, metrics: Arc<Metrics>, workers: Workers) -> Self {
        service.set_witness(Box::new(targets::still_served));
        let leases = lease::Leases::new(random::key().to_string(), settings.lease_term, settings.call_timeout);
        let engine = Self(Arc::new(Inner {
            service,
            settings,
            master_key,
            metrics,
            workers,
            leases,
            sessions: Mutex::default(),
            turns: Mutex::default(),
            signal: Notify::new(),
            jobs: Notify::new(),
            listening: AtomicBool::new(true),
            stopping: AtomicBool::new(false),
        }));
        engine.0.service.foresee(preview::Preview(Arc::downgrade(&engine.0)));
        engine
    }

    fn store(&self) -> &Store {
        self.0.service.store()
    }

    fn now(&self) -> Timestamp {
        self.0.service.clock().now()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
