//! Works off the links of one target that are due, under its lease.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures_util::{StreamExt, stream};

use super::decide::{self, Decision, Job};
use super::failure::{BREAKER, Health, Round, park};
use super::session::Session;
use super::settle::{Settled, Settlement};
use super::{Engine, Result, locked};
use crate::connector::{Failure, FailureClass};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;
use crate::runtime::random;
use crate::service::ServiceError;
use crate::store::attempts::AttemptRow;
use crate::store::links::LinkRow;
use crate::store::targets::TargetRow;
use crate::store::{Conn, changes, links, targets};
use crate::telemetry::metrics::CallOutcome;

/// Links taken at a time, for each call that may be under way: enough to keep them busy, few enough for a leaver to overtake.
const AHEAD: usize = 4;

/// Pages of changes between two looks at the links that are due.
const PAGES: usize = 8;

/// Most links taken at a time while none of them needs a call.
const LARGEST_BATCH: usize = 512;

// What came of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    // There was none, or no further call may be made.
    Nothing,
    WithoutCalls,
    Calls,
}

/// What came of looking at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// There was work, and it was done as far as possible.
    Worked,
    /// There is nothing to do before this instant.
    Idle(Option<Timestamp>),
    /// Another process works on it.
    Busy,
}

/// Why work on an object ended.
#[derive(Debug)]
pub enum Stop {
    /// The link says how it stands.
    Settled,
    /// The engine itself failed.
    Broken(ServiceError),
    /// Another holds the lease, or the link is no more.
    Fenced,
}

impl From<ServiceError> for Stop {
    fn from(error: ServiceError) -> Self {
        Self::Broken(error)
    }
}

/// Work on an object that may end early.
pub type Flow<T = ()> = std::result::Result<T, Stop>;

/// Work on one object.
pub struct Trial<'a> {
    pub(super) engine: &'a Engine,
    pub(super) session: &'a Session,
    pub(super) round: &'a Round,
    pub(super) out: Settled,
}

impl Engine {
    /// Looks at a target: turns changes into wishes and works off what is due, until nothing is.
    pub(super) async fn look(&self, tenant: TenantId, target: Key) -> Result<Looked> {
        // One look at a time in this process; the lease sees to the others.
        let turn = locked(&self.0.turns).entry(target).or_default().clone();
        let _turn = turn.lock().await;
        let row = self.store().read_short(move |conn| targets::get(conn, tenant, target)).await?;
        let Some(row) = row else { return Ok(Looked::Idle(None)) };
        if let Some(idle) = self.idle(tenant, &row).await? {
            return Ok(idle);
        }
        let Some(held) = self.0.leases.take(self.store(), tenant, format!("target:{target}")).await? else {
            return Ok(Looked::Busy);
        };
        let health = Health {
            failures: row.failures,
            not_before: row.not_before,
            quarantine: (row.state == "quarantined").then(|| row.state_reason.clone().unwrap_or_default()),
            reason: None,
        };
        let round = Round { held, health: Mutex::new(health) };
        let worked = tokio::select! {
            worked = self.work(tenant, target, &round) => worked,
            // The lease is lost: what is under way is dropped, and its intents tell the next holder.
            kept = round.held.keep(self.store()) => kept.map_err(ServiceError::from),
        };
        round.held.release(self.store()).await?;
        worked.map(|()| Looked::Worked)
    }

    // What there is to wait for, when nothing is to be done.
    async fn idle(&self, tenant: TenantId, row: &TargetRow) -> Result<Option<Looked>> {
        let (target, now, seen) = (row.id, self.now(), row.dispatched_seq);
        let (last, next) = self
            .store()
            .read_short(move |conn| {
                Ok::<_, ServiceError>((changes::last_seq(conn, tenant)?, links::next_due(conn, tenant, target)?))
            })
            .await?;
        if last > seen || row.backlog.is_some() {
            return Ok(None);
        }
        if row.state == "paused" {
            return Ok(Some(Looked::Idle(None)));
        }
        let next = match row.state.as_str() {
            // Probes go on whether anything is due or not.
            "quarantined" => row.not_before,
            _ => next.map(|next| row.not_before.map_or(next, |at| at.max(next))),
        };
        Ok(match next {
            Some(at) if at <= now => None,
            next => Some(Looked::Idle(next)),
        })
    }

    async fn work(&self, tenant: TenantId, target: Key, round: &Round) -> Result<()> {
        let least = self.0.settings.concurrency.max(1) * AHEAD;
        let mut limit = least;
        loop {
            let read = move |conn: &mut Conn| Ok((targets::get(conn, tenant, target)?, changes::last_seq(conn, tenant)?));
            let (row, last) = self.store().read_short::<_, ServiceError>(read).await?;
            let Some(row) = row else { return Ok(()) };
            let session = self.session(tenant, &row).await?;
            let mut more = last > row.dispatched_seq || row.backlog.is_some();
            for _ in 0..PAGES {
                if !more {
                    break;
                }
                more = self.dispatch(&session, round.fence()).await?;
            }
            let before = locked(&round.health).clone();
            let mut done = Done::Nothing;
            if row.state != "paused" && self.is_answering(&session, round).await {
                done = self.batch(&session, round, limit).await?;
            }
            self.note_health(&session, round, &before).await?;
            if (!more && done == Done::Nothing) || self.0.stopping.load(Relaxed) {
                return Ok(());
            }
            // What needs no call keeps nobody waiting.
            limit = if done == Done::WithoutCalls { (limit * 2).min(LARGEST_BATCH) } else { least };
        }
    }

    // Asks a target first that was not asked yet or has been failing.
    async fn is_answering(&self, session: &Session, round: &Round) -> bool {
        let now = self.now();
        let (resting, ill) = {
            let health = locked(&round.health);
            let resting = health.not_before.is_some_and(|at| at > now);
            (resting, health.quarantine.is_some() || health.failures >= BREAKER)
        };
        if resting {
            return false;
        }
        if !ill && session.is_probed() {
            let mut health = locked(&round.health);
            health.not_before = None;
            health.reason = None;
            return true;
        }
        match session.probe().await {
            Ok(_) => {
                *locked(&round.health) = Health::default();
                true
            }
            Err(failure) => {
                round.probe_failed(&failure, now);
                false
            }
        }
    }

    // One batch of what is due.
    async fn batch(&self, session: &Arc<Session>, round: &Round, limit: usize) -> Result<Done> {
        let (service, known, now) = (self.0.service.clone(), session.clone(), self.now());
        let jobs = self.store().read(move |conn| decide::jobs(&service, conn, &known, now, limit)).await?;
        self.0.metrics.sync_due.set(i64::try_from(jobs.len()).unwrap_or(i64::MAX));
        if jobs.is_empty() {
            return Ok(Done::Nothing);
        }
        let (mut settled, mut calls) = (Vec::new(), Vec::new());
        for job in jobs {
            match self.without_call(&job) {
                Some(done) => settled.push(done),
                None => calls.push(job),
            }
        }
        let fenced = !settled.is_empty() && self.settle(session, &round.fence(), settled).await? == Settlement::Fenced;
        if fenced {
            return Ok(Done::Nothing);
        }
        if calls.is_empty() {
            return Ok(Done::WithoutCalls);
        }
        let done: Vec<Flow> = stream::iter(calls.into_iter().map(|job| self.trial(session, round, job)))
            .buffer_unordered(self.0.settings.concurrency.max(1))
            .collect()
            .await;
        for flow in done {
            if let Err(Stop::Broken(error)) = flow {
                return Err(error);
            }
        }
        Ok(if round.open(self.now()) { Done::Calls } else { Done::Nothing })
    }

    // Most links need no call.
    fn without_call(&self, job: &Job) -> Option<Settled> {
        let mut settled = Settled::of(job.link.clone());
        match &job.decision {
            Decision::Forget => settled.forget = true,
            Decision::Park { class, text } => {
                park(&mut settled.link, class, text.clone(), self.now());
                settled.link.done = settled.link.wanted;
            }
            Decision::Keep(wanted) => {
                settled.link.status = if wanted.blocked { "blocked" } else { "linked" }.to_owned();
                settled.waits = wanted.waits.clone();
                finish(&mut settled.link);
            }
            Decision::Put(_) | Decision::Remove(_) => return None,
        }
        Some(settled)
    }

    async fn trial(&self, session: &Session, round: &Round, job: Job) -> Flow {
        // What is left over stays due.
        if !round.open(self.now()) || self.0.stopping.load(Relaxed) {
            return Ok(());
        }
        let mut trial = Trial { engine: self, session, round, out: Settled::of(job.link) };
        let flow = match job.decision {
            Decision::Put(wanted) => trial.put(&wanted).await,
            Decision::Remove(reason) => trial.remove(reason).await,
            Decision::Forget | Decision::Park { .. } | Decision::Keep(_) => Ok(()),
        };
        match flow {
            Ok(()) | Err(Stop::Settled) => {
                self.settle_one(session, &round.fence(), trial.out).await?;
                Ok(())
            }
            other => other,
        }
    }
}

/// The link is as it should be.
pub fn finish(link: &mut LinkRow) {
    link.done = link.wanted;
    link.due = None;
    link.intent = None;
    link.intent_at = None;
    link.attempts = 0;
    link.error_class = None;
    link.error = None;
    link.failed_since = None;
}

impl Trial<'_> {
    /// Makes a call and writes down how it went.
    pub(super) async fn call<T>(
        &mut self,
        op: &str,
        paths: &[String],
        call: impl Future<Output = std::result::Result<T, Failure>>,
    ) -> std::result::Result<T, Failure> {
        let (at, began) = (self.engine.now(), Instant::now());
        let answer = call.await;
        let failure = answer.as_ref().err();
        self.log(op, failure.map_or("done", |f| f.class.name()), failure, paths, at, began);
        if failure.is_none() {
            self.round.well();
        }
        self.engine.0.metrics.sync_call(match failure.map(|f| f.class) {
            None => CallOutcome::Done,
            Some(FailureClass::Uncertain) => CallOutcome::Uncertain,
            Some(FailureClass::Permanent | FailureClass::Conflict | FailureClass::Capability) => CallOutcome::Parked,
            Some(_) => CallOutcome::Retry,
        });
        answer
    }

    pub(super) fn log(
        &mut self,
        op: &str,
        outcome: &str,
        failure: Option<&Failure>,
        paths: &[String],
        at: Timestamp,
        began: Instant,
    ) {
        let link = &self.out.link;
        self.out.attempts.push(AttemptRow {
            id: Key::new(random::key()),
            target: link.target,
            key: link.key,
            kind: link.kind.clone(),
            op: op.to_owned(),
            outcome: outcome.to_owned(),
            status: failure.and_then(|f| f.status).map(i32::from),
            paths: serde_json::json!(paths).to_string(),
            error: failure.map(|f| f.text.clone()),
            at,
            millis: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
        });
    }

    /// Ends the work with what a failure means. A refusal of the credentials may mean the object or the target: a probe tells.
    pub(super) async fn fail<T>(&mut self, failure: Failure) -> Flow<T> {
        if failure.class == FailureClass::Credentials {
            let now = self.engine.now();
            match self.session.probe().await {
                Err(probe) if probe.class == FailureClass::Credentials => {
                    self.round.quarantine(super::failure::reason(&failure), now);
                    // The object is as due as it was.
                    return Err(Stop::Settled);
                }
                Err(probe) => {
                    self.engine.fail(self.round, &mut self.out.link, &probe);
                    return Err(Stop::Settled);
                }
                Ok(_) => {}
            }
        }
        self.engine.fail(self.round, &mut self.out.link, &failure);
        Err(Stop::Settled)
    }

    /// Ends the work for someone to look at.
    pub(super) fn park<T>(&mut self, class: &str, text: String) -> Flow<T> {
        park(&mut self.out.link, class, text, self.engine.now());
        Err(Stop::Settled)
    }

    /// Writes the link before a call, or in between two. No call follows what could not be written.
    pub(super) async fn note(&mut self) -> Flow {
        let settled = Settled {
            attempts: std::mem::take(&mut self.out.attempts),
            told: std::mem::take(&mut self.out.told),
            ..Settled::of(self.out.link.clone())
        };
        match self.engine.settle_one(self.session, &self.round.fence(), settled).await? {
            Settlement::Done if self.round.held.may_call() => Ok(()),
            _ => Err(Stop::Fenced),
        }
    }
}
