//! The engine at work: until nothing is due, or until it is told to stop.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::worker::Looked;
use super::{Engine, Result};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;
use crate::runtime::wait::{Waited, pause, wait};
use crate::service::ServiceError;
use crate::store::{changes, leases, targets, tenants};

/// The engine's name among the workers.
const WORKER: &str = "sync";

/// How often, and how long apart, a drain looks whether somebody else has numbered the last changes.
const LOOKS: usize = 200;
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Targets that are looked at just now, each with whether there was a reason to look since.
type UnderWay = HashMap<Key, bool>;

/// The engine at work in the background.
pub struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// A task that ends when `stop` turns true.
    pub(super) const fn new(stop: watch::Sender<bool>, task: JoinHandle<()>) -> Self {
        Self { stop, task }
    }

    /// Ends it: no further call is started, and those under way are waited for, for `longest`.
    pub async fn stop(self, longest: Duration) {
        // Nobody listens when it has ended already.
        let _ = self.stop.send(true);
        let abort = self.task.abort_handle();
        match tokio::time::timeout(longest, self.task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::error!("the engine ended badly: {error}"),
            // What is under way is taken up again from its intents.
            Err(_) => abort.abort(),
        }
    }
}

impl Engine {
    /// Says that something was written: there may be work.
    pub fn wake(&self) {
        if self.0.listening.load(Relaxed) {
            self.0.signal.notify_one();
        }
    }

    /// Says that a target was made or changed.
    pub(super) fn listen(&self) {
        self.0.listening.store(true, Relaxed);
        self.0.signal.notify_one();
    }

    /// Works until nothing is due at the present instant of the clock, and gives the next instant at which something will be.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn drain(&self) -> Result<Option<Timestamp>> {
        loop {
            let (mut worked, mut next) = (false, self.pass_time().await?);
            for (tenant, target) in self.all().await? {
                self.number_all(tenant).await?;
                if let Some(target) = target {
                    match self.look(tenant, target).await? {
                        Looked::Worked => worked = true,
                        Looked::Idle(at) => next = earlier(next, at),
                        Looked::Busy => {}
                    }
                }
            }
            if !worked {
                return Ok(next);
            }
        }
    }

    // Until all that is committed has its number, by this process or by one that is at it, unless that one lingers.
    async fn number_all(&self, tenant: TenantId) -> Result<()> {
        for _ in 0..LOOKS {
            while self.number(tenant).await? {}
            if self.store().is_sqlite() || !self.store().read_short(move |conn| changes::has_open(conn, tenant)).await? {
                break;
            }
            pause(BETWEEN_LOOKS).await;
        }
        Ok(())
    }

    /// Works in the background until it is stopped.
    pub fn spawn(&self) -> Running {
        let (stop, stopped) = watch::channel(false);
        Running { stop, task: tokio::spawn(self.clone().run(stopped)) }
    }

    // The data folder is locked by this process, so whoever held a lease before is dead.
    async fn inherit(&self) -> Result<()> {
        if !self.store().is_sqlite() {
            return Ok(());
        }
        let tenants: std::collections::BTreeSet<TenantId> = self.all().await?.into_iter().map(|(tenant, _)| tenant).collect();
        for tenant in tenants {
            self.store().write(tenant, move |tx| leases::release_all(tx, tenant)).await?;
        }
        Ok(())
    }

    // Every tenant once, and each of its targets.
    async fn all(&self) -> Result<Vec<(TenantId, Option<Key>)>> {
        let all = self
            .store()
            .read_short(|conn| {
                let mut out = Vec::new();
                for tenant in tenants::list(conn)? {
                    out.push((tenant.id, None));
                    out.extend(targets::list(conn, tenant.id)?.into_iter().map(|row| (tenant.id, Some(row.id))));
                }
                Ok::<_, ServiceError>(out)
            })
            .await?;
        Ok(all)
    }

    async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut looks: JoinSet<(Key, Result<Looked>)> = JoinSet::new();
        let mut under_way = UnderWay::new();
        let mut due = true;
        if let Err(error) = self.inherit().await {
            self.failed(&error);
        }
        loop {
            if due && let Err(error) = self.start(&mut looks, &mut under_way).await {
                self.failed(&error);
            }
            due = tokio::select! {
                waited = wait(&self.0.signal, self.0.settings.poll, &mut stop) => match waited {
                    Waited::Stopped => break,
                    Waited::Due => true,
                },
                Some(ended) = looks.join_next(), if !looks.is_empty() => self.ended(ended, &mut under_way),
            };
        }
        // No further call is started, since every batch asks.
        self.0.stopping.store(true, Relaxed);
        while let Some(ended) = looks.join_next().await {
            self.ended(ended, &mut under_way);
        }
    }

    async fn start(&self, looks: &mut JoinSet<(Key, Result<Looked>)>, under_way: &mut UnderWay) -> Result<()> {
        let all = self.all().await?;
        let some = !self.store().is_sqlite() || all.iter().any(|(_, target)| target.is_some());
        self.0.listening.store(some, Relaxed);
        if let Err(error) = self.pass_time().await {
            self.failed(&error);
        }
        for (tenant, target) in all {
            while self.number(tenant).await? {}
            let Some(target) = target else { continue };
            // What came during a look is looked at after it.
            if let Some(again) = under_way.get_mut(&target) {
                *again = true;
            } else {
                under_way.insert(target, false);
                let engine = self.clone();
                looks.spawn(async move { (target, engine.look(tenant, target).await) });
            }
        }
        Ok(())
    }

    // Whether there is a reason to look again at once.
    fn ended(&self, ended: std::result::Result<(Key, Result<Looked>), tokio::task::JoinError>, under_way: &mut UnderWay) -> bool {
        match ended {
            Ok((target, looked)) => {
                let again = under_way.remove(&target) == Some(true);
                match looked {
                    Ok(looked) => {
                        self.0.workers.well(WORKER);
                        again || looked == Looked::Worked
                    }
                    Err(error) => {
                        self.failed(&error);
                        false
                    }
                }
            }
            Err(error) => {
                // Which target it was is not known, so all may be looked at again; each takes its turn.
                under_way.clear();
                self.0.workers.failed(WORKER);
                self.0.metrics.task_failures.count();
                log::error!("work on a target panicked: {error}");
                false
            }
        }
    }

    fn failed(&self, error: &ServiceError) {
        self.0.workers.failed(WORKER);
        self.0.metrics.task_failures.count();
        log::error!("keeping targets converged fails: {error}");
    }
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.into_iter().chain(b).min()
}
