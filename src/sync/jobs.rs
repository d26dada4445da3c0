//! Jobs at work: batches of `service::jobs`, one process at a time for each job.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::watch;

use super::run::Running;
use super::{Engine, Result, locked};
use crate::domain::key::{Key, TenantId};
use crate::runtime::wait::{Waited, wait};
use crate::service::ServiceError;
use crate::service::jobs::Progress;
use crate::store::jobs;

/// The name among the workers.
const WORKER: &str = "jobs";

impl Engine {
    /// Says that a job was put up.
    pub fn wake_jobs(&self) {
        self.0.jobs.notify_one();
    }

    /// Works on jobs until none is open that this process may work on.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn drain_jobs(&self) -> Result<()> {
        while self.round(&|| false).await? {}
        Ok(())
    }

    /// Does one batch of each open job; for tests that look at what is between.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn step_jobs(&self) -> Result<()> {
        for (tenant, job) in self.open_jobs().await? {
            self.work_on(tenant, job, 1, &|| false).await?;
        }
        Ok(())
    }

    /// Works on jobs in the background until it is stopped. Open ones are looked for every `poll`.
    pub fn spawn_jobs(&self, poll: Duration) -> Running {
        let (stop, mut stopped) = watch::channel(false);
        let engine = self.clone();
        Running::new(
            stop,
            tokio::spawn(async move {
                loop {
                    let ending = stopped.clone();
                    let stopping = move || *ending.borrow() || engine_is_gone(&ending);
                    match engine.round(&stopping).await {
                        Ok(_) => engine.0.workers.well(WORKER),
                        Err(error) => {
                            engine.0.workers.failed(WORKER);
                            engine.0.metrics.task_failures.count();
                            log::error!("work on jobs fails: {error}");
                        }
                    }
                    if wait(&engine.0.jobs, poll, &mut stopped).await == Waited::Stopped {
                        break;
                    }
                }
            }),
        )
    }

    async fn open_jobs(&self) -> Result<Vec<(TenantId, Key)>> {
        self.store().read_short(|conn| Ok::<_, ServiceError>(jobs::open(conn)?)).await
    }

    // Whether anything was done. One job that cannot go on does not keep the others from it.
    async fn round(&self, stopping: &(dyn Fn() -> bool + Sync)) -> Result<bool> {
        let (mut worked, mut failed) = (false, None);
        for (tenant, job) in self.open_jobs().await? {
            if stopping() {
                break;
            }
            match self.work_on(tenant, job, usize::MAX, stopping).await {
                Ok(done) => worked |= done,
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(worked),
        }
    }

    /// Does batches of a job under its lease, at most so many. Tells whether it did any.
    async fn work_on(&self, tenant: TenantId, job: Key, most: usize, stopping: &(dyn Fn() -> bool + Sync)) -> Result<bool> {
        // The lease is between processes, the turn within this one.
        let turn = locked(&self.0.turns).entry(job).or_default().clone();
        let Ok(_turn) = turn.try_lock() else { return Ok(false) };
        let Some(held) = self.0.leases.take(self.store(), tenant, format!("job/{job}")).await? else { return Ok(false) };
        let work = async {
            let mut worked = false;
            for _ in 0..most {
                let fence = held.fence();
                match self.0.service.step_job(tenant, job, move |conn| fence.holds(conn)).await? {
                    Progress::More => worked = true,
                    Progress::Done => {
                        log::info!("job {job} is done");
                        worked = true;
                        break;
                    }
                    Progress::Failed => {
                        self.0.metrics.task_failures.count();
                        log::warn!("job {job} failed; GET /admin/v1/jobs/{job} says why");
                        worked = true;
                        break;
                    }
                    Progress::Elsewhere => break,
                }
                if stopping() || self.0.stopping.load(Relaxed) {
                    break;
                }
            }
            Ok::<_, ServiceError>(worked)
        };
        let worked = tokio::select! {
            worked = work => worked,
            lost = held.keep(self.store()) => lost.map(|()| false).map_err(ServiceError::from),
        };
        locked(&self.0.turns).remove(&job);
        held.release(self.store()).await?;
        worked
    }
}

// Nobody can ask for the end any more.
fn engine_is_gone(stop: &watch::Receiver<bool>) -> bool {
    stop.has_changed().is_err()
}
