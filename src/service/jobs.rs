//! Jobs: work over much data in batches. Each batch is one write with the cursor it leaves, so others pass between and a crash
//! loses nothing. A kind of job is a function that does one batch.

use super::{Context, Result, Service, ServiceError, load, recompute, reindex};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::{Key, TenantId};
use crate::store::jobs::{self, JobRow, status};
use crate::store::{Conn, StoreError, Tx};

/// The kind that makes index rows.
pub const REINDEX: &str = "reindex";

/// The kind that brings the conditional grants of a role in line with its condition.
pub const GRANTS: &str = "grants";

/// A job.
pub type Job = JobRow;

/// What a batch came to.
pub(super) enum Next {
    /// There is more: the cursor, and how many rows were worked off.
    Again { state: String, done: i64 },
    /// That was all.
    Done,
    /// It cannot be done.
    Failed(String),
}

/// How a job stands after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    More,
    /// It came to its end just now.
    Done,
    /// It failed just now.
    Failed,
    /// It is not open, or another process is at it.
    Elsewhere,
}

impl Service {
    /// The jobs of the caller's tenant, the newest first, before one of them.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn jobs(&self, actor: &Actor, before: Option<Key>, limit: usize) -> Result<Vec<Job>> {
        let tenant = actor.tenant;
        self.store().read(move |conn| Ok(jobs::list(conn, tenant, before, load::limit(limit))?)).await
    }

    /// One job.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn job(&self, actor: &Actor, id: Key) -> Result<Job> {
        let tenant = actor.tenant;
        let found = self.store().read_short(move |conn| jobs::get(conn, tenant, id)).await?;
        found.ok_or_else(|| Fault::new(Kind::NotFound, "no such job").into())
    }

    /// Does one batch of a job, if `fence` still holds in the transaction.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn step_job(
        &self,
        tenant: TenantId,
        id: Key,
        fence: impl Fn(&mut Conn) -> std::result::Result<bool, StoreError> + Send + Sync + 'static,
    ) -> Result<Progress> {
        let types = self.registry(tenant).await?;
        let ctx = self.context(&Actor::internal(tenant, types, &format!("job {id}")));
        let step = move |tx: &mut Tx<'_>| {
            if !fence(tx)? {
                return Ok(Progress::Elsewhere);
            }
            // By types that have changed an index may seem empty.
            ctx.hold_types(tx)?;
            ctx.step_job(tx, id)
        };
        let stepped = self.store().write(tenant, step).await;
        self.inner.candidates.settle(id, stepped.is_ok());
        let progress = match stepped {
            Err(ServiceError::TypesMoved) => return Ok(Progress::More),
            stepped => stepped?,
        };
        if progress != Progress::More {
            self.inner.candidates.forget(id);
        }
        if matches!(progress, Progress::Done | Progress::Failed) {
            // What was unfinished is so no more.
            self.reload(tenant).await?;
        }
        Ok(progress)
    }
}

impl Context {
    fn step_job(&self, conn: &mut Conn, id: Key) -> Result<Progress> {
        let tenant = self.actor.tenant;
        let Some(mut row) = jobs::get(conn, tenant, id)?.filter(|row| row.status == status::OPEN) else {
            return Ok(Progress::Elsewhere);
        };
        let next = match row.kind.as_str() {
            REINDEX => reindex::step(self, conn, &row)?,
            GRANTS => recompute::step(self, conn, &row)?,
            other => return Err(ServiceError::Damaged(format!("job {id} is of an unknown kind '{other}'"))),
        };
        row.modified = self.now;
        let progress = match next {
            Next::Again { state, done } => {
                row.state = state;
                row.done += done;
                Progress::More
            }
            Next::Done => {
                status::DONE.clone_into(&mut row.status);
                row.done = row.done.max(row.total);
                Progress::Done
            }
            Next::Failed(error) => {
                status::FAILED.clone_into(&mut row.status);
                row.error = Some(error);
                Progress::Failed
            }
        };
        jobs::update(conn, tenant, &row)?;
        Ok(progress)
    }
}
