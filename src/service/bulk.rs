//! Many commands of one request. Each stands or falls alone, in a savepoint; a few dozen share a commit, so that others pass
//! between. What refers to another command of the same bulk runs after it; what refers to one another in a circle stands or
//! falls together.
//!
//! With an idempotency key the answers of each transaction are kept in that transaction. The same request again finds them,
//! however far it came the first time, and goes on from there: nothing is done twice.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::command::Command;
use super::inbound::Held;
use super::load::Needs;
use super::{Context, Result, Service, ServiceError};
use crate::domain::actor::Actor;
use crate::domain::bulk::{Ids, order};
use crate::domain::error::{Fault, Kind};
use crate::domain::normal;
use crate::domain::resource::Resource;
use crate::domain::time::Timestamp;
use crate::domain::written::Written;
use crate::store::idempotency::{self, PartRow};
use crate::store::{StoreError, Tx};

/// How much one transaction takes in.
#[derive(Clone, Copy)]
struct Room {
    operations: usize,
    weight: usize,
}

impl Room {
    /// About 500 rows, so that others pass between.
    const SHARED: Self = Self { operations: 50, weight: 2_000 };
    /// One operation.
    const SINGLE: Self = Self { operations: 1, weight: 0 };
    /// Everything: a dry run sees what its own operations did.
    const WHOLE: Self = Self { operations: usize::MAX, weight: usize::MAX };
}

/// How long the answer to an idempotency key is kept, in seconds.
const KEPT: i64 = 24 * 60 * 60;

/// One operation, as its dialect knows it.
pub trait Plan: Send + Sync {
    /// The name by which others may refer to what it makes.
    fn bulk_id(&self) -> Option<&str>;

    /// The names that it refers to.
    fn refers(&self) -> &[String];

    /// How many values it holds.
    fn weight(&self) -> usize;

    /// What it asks for; references to what is still to come are left out.
    ///
    /// # Errors
    /// What is wrong with it.
    fn command(&self, ids: &Ids) -> std::result::Result<Cow<'_, Command>, Fault>;

    /// What completes the object that [`Plan::command`] made without such references.
    ///
    /// # Errors
    /// What is wrong with it.
    fn completion(&self, made: &Resource, ids: &Ids) -> std::result::Result<Command, Fault>;

    /// Its answer. Of what was written, the document is left out.
    fn answer(&self, outcome: std::result::Result<&Resource, &Fault>) -> Value;
}

/// A bulk.
pub struct Bulk<P> {
    /// The operations, in the order of the request.
    pub plans: Vec<P>,
    /// How many may fail before the rest is left alone.
    pub fail_on_errors: Option<usize>,
    /// The client's idempotency key, and the text of its request.
    pub once: Option<(String, String)>,
}

struct Job<P> {
    plans: Vec<P>,
    units: Vec<Vec<usize>>,
    fail_on_errors: usize,
    once: Option<Once>,
}

struct Once {
    key: [u8; 32],
    request: [u8; 32],
}

/// What one transaction did.
#[derive(Serialize, Deserialize)]
struct Part {
    answers: Vec<(usize, Value)>,
    /// The names that became known, each with its id, or none where the operation failed.
    made: Vec<(String, Option<String>)>,
    then: Progress,
    /// Removals that the guard refused and that are still to be written down.
    #[serde(skip)]
    held: Vec<Held>,
}

/// How far a bulk has come.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Progress {
    /// Units that are done.
    next: usize,
    /// Operations that failed.
    errors: usize,
    /// When the request first began, in microseconds: its parts are forgotten together.
    began: i64,
}

/// One operation of a circle failed, and the circle with it.
struct Broken {
    at: usize,
    error: ServiceError,
}

impl Service {
    /// Carries out a bulk. The answers stand in the order of the request; those of operations that were left alone are missing.
    ///
    /// # Errors
    /// [`Kind::Conflict`] when the idempotency key was used for another request. What becomes of an operation stands in its
    /// answer; when the store itself fails, the operations not done yet are answered so.
    pub async fn bulk<P: Plan + 'static>(&self, actor: &Actor, bulk: Bulk<P>) -> Result<Vec<Value>> {
        let job = Arc::new(Job::new(actor, bulk));
        let mut answers: Vec<Option<Value>> = vec![None; job.plans.len()];
        let mut now = Progress { next: 0, errors: 0, began: self.clock().now().micros() };
        let (mut ids, mut room) = (Ids::default(), if actor.rehearsal.is_some() { Room::WHOLE } else { Room::SHARED });
        while now.next < job.units.len() && now.errors < job.fail_on_errors {
            let (run, known) = (job.clone(), ids.clone());
            match self.write(actor, move |ctx, tx| ctx.part(tx, &run, known.clone(), now, room)).await {
                Ok(part) => {
                    for held in part.held.into_iter().filter(|_| actor.rehearsal.is_none()) {
                        if let error @ (ServiceError::Store(_) | ServiceError::Damaged(_)) = self.context(actor).hold(held).await
                        {
                            log::warn!("what the guard refused could not be written down: {error}");
                        }
                    }
                    part.made.iter().for_each(|(name, id)| ids.settle(name, id.as_deref()));
                    part.answers.into_iter().for_each(|(at, answer)| answers[at] = Some(answer));
                    now = part.then;
                }
                Err(ServiceError::Fault(fault)) => return Err(fault.into()),
                // One operation may have brought the others down. Of a commit whose outcome is unknown nothing is done again.
                Err(error) if room.operations == Room::SHARED.operations && (job.once.is_some() || !error.is_unknown()) => {
                    room = Room::SINGLE;
                }
                Err(error) => {
                    let passing = error.is_passing();
                    let fault = error.into_fault();
                    let fail =
                        |at: &usize, answers: &mut Vec<Option<Value>>| answers[*at] = Some(job.plans[*at].answer(Err(&fault)));
                    if passing || actor.rehearsal.is_some() {
                        job.units[now.next..].iter().flatten().for_each(|at| fail(at, &mut answers));
                        break;
                    }
                    // What is wrong with this one is not wrong with the next.
                    for at in &job.units[now.next] {
                        fail(at, &mut answers);
                        job.plans[*at].bulk_id().into_iter().for_each(|name| ids.settle(name, None));
                        now.errors += 1;
                    }
                    now.next += 1;
                    room = Room::SHARED;
                }
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }
}

impl<P: Plan> Job<P> {
    fn new(actor: &Actor, Bulk { plans, fail_on_errors, once }: Bulk<P>) -> Self {
        let makers: HashMap<&str, usize> =
            plans.iter().enumerate().rev().filter_map(|(at, plan)| Some((plan.bulk_id()?, at))).collect();
        let needs = |plan: &P| plan.refers().iter().filter_map(|name| makers.get(name.as_str()).copied()).collect();
        let needs: Vec<Vec<usize>> = plans.iter().map(needs).collect();
        // A dry run neither finds answers nor leaves any.
        let once = once.filter(|_| actor.rehearsal.is_none()).map(|(key, request)| Once {
            key: normal::hash(&format!("{}\u{0}{key}", actor.token.map(|id| id.to_string()).unwrap_or_default())),
            request: normal::hash(&request),
        });
        Self { units: order::units(&needs), plans, fail_on_errors: fail_on_errors.unwrap_or(usize::MAX), once }
    }

    fn refers_to_itself(&self, at: usize) -> bool {
        self.plans[at].bulk_id().is_some_and(|name| self.plans[at].refers().iter().any(|refers| refers == name))
    }
}

impl Context {
    // One transaction: as many units as fit. Or what it did when it was run before.
    fn part<P: Plan>(&self, tx: &mut Tx<'_>, job: &Job<P>, mut ids: Ids, from: Progress, room: Room) -> Result<Part> {
        if let Some(done) = self.done_before(tx, job, from.next)? {
            return Ok(done);
        }
        let mut part = Part { answers: Vec::new(), made: Vec::new(), then: from, held: Vec::new() };
        let mut weight = 0;
        for unit in &job.units[from.next..] {
            weight += unit.iter().map(|at| job.plans[*at].weight()).sum::<usize>();
            let full = part.answers.len().saturating_add(unit.len()) > room.operations || weight > room.weight;
            if !part.answers.is_empty() && (full || part.then.errors >= job.fail_on_errors) {
                break;
            }
            self.unit(tx, job, unit, &mut ids, &mut part)?;
            part.then.next += 1;
        }
        if let Some(once) = &job.once {
            let answer = serde_json::to_string(&part).map_err(|e| ServiceError::Damaged(format!("a bulk's answer: {e}")))?;
            let began = Timestamp::from_micros(from.began);
            let row = PartRow { key: once.key, part: number(from.next)?, request: once.request.to_vec(), began, answer };
            idempotency::insert(tx, self.actor.tenant, &row)?;
        }
        Ok(part)
    }

    fn done_before<P>(&self, tx: &mut Tx<'_>, job: &Job<P>, next: usize) -> Result<Option<Part>> {
        let Some(once) = &job.once else { return Ok(None) };
        let tenant = self.actor.tenant;
        if next == 0 {
            idempotency::prune(tx, tenant, self.now.plus_seconds(-KEPT))?;
        }
        let Some(row) = idempotency::get(tx, tenant, &once.key, number(next)?)? else { return Ok(None) };
        if row.request != once.request {
            let text = "the Idempotency-Key was used for another request less than a day ago";
            return Err(Fault::new(Kind::Conflict, text).into());
        }
        let part = serde_json::from_str(&row.answer).map_err(|e| ServiceError::Damaged(format!("a bulk's answer: {e}")))?;
        Ok(Some(part))
    }

    fn unit<P: Plan>(&self, tx: &mut Tx<'_>, job: &Job<P>, unit: &[usize], ids: &mut Ids, part: &mut Part) -> Result<()> {
        let outcome = match unit {
            [one] if !job.refers_to_itself(*one) => self.attempt(tx, |tx| self.alone(tx, &job.plans[*one], *one, ids))?,
            circle => self.attempt(tx, |tx| self.circle(tx, &job.plans, circle, ids))?,
        };
        let (made, broken) = match outcome {
            Ok(made) => (made, None),
            Err(Broken { at, error: ServiceError::Fault(fault) }) => (Vec::new(), Some((at, fault))),
            Err(Broken { at, error: ServiceError::Held(held) }) => {
                let fault = held.fault.clone();
                part.held.push(*held);
                (Vec::new(), Some((at, fault)))
            }
            Err(Broken { error, .. }) => return Err(error),
        };
        for (place, at) in unit.iter().enumerate() {
            let plan = &job.plans[*at];
            let fault = broken.as_ref().map(|(broken, fault)| match broken {
                broken if broken == at => fault.clone(),
                _ => Fault::new(Kind::Conflict, "it stands in a circle of bulkIds, of which another operation failed"),
            });
            let outcome = match (&fault, made.get(place)) {
                (None, Some(written)) => Ok(&written.head),
                (Some(fault), _) => Err(fault),
                (None, None) => return Err(ServiceError::Damaged("an operation without an outcome".to_owned())),
            };
            part.then.errors += usize::from(outcome.is_err());
            if let Some(name) = plan.bulk_id() {
                let id = outcome.ok().map(|resource| resource.wire_id.clone());
                ids.settle(name, id.as_deref());
                part.made.push((name.to_owned(), id));
            }
            part.answers.push((*at, plan.answer(outcome)));
        }
        Ok(())
    }

    fn alone<P: Plan>(&self, tx: &mut Tx<'_>, plan: &P, at: usize, ids: &Ids) -> std::result::Result<Vec<Written>, Broken> {
        let command = plan.command(ids).map_err(|fault| Broken { at, error: fault.into() })?;
        let made = self.execute(tx, &command, &Needs::nothing()).map_err(|error| Broken { at, error })?;
        Ok(vec![made])
    }

    // Makes each without what is still to come, and then completes those that lack something.
    fn circle<P: Plan>(
        &self,
        tx: &mut Tx<'_>,
        plans: &[P],
        circle: &[usize],
        ids: &mut Ids,
    ) -> std::result::Result<Vec<Written>, Broken> {
        circle.iter().filter_map(|at| plans[*at].bulk_id()).for_each(|name| ids.announce(name));
        let (mut made, mut open) = (Vec::with_capacity(circle.len()), Vec::new());
        for (place, at) in circle.iter().enumerate() {
            let plan = &plans[*at];
            if plan.refers().iter().any(|name| ids.is_to_come(name)) {
                open.push((place, *at));
            }
            let written = self.alone(tx, plan, *at, ids)?.remove(0);
            if let Some(name) = plan.bulk_id() {
                ids.settle(name, Some(&written.head.wire_id));
            }
            made.push(written);
        }
        for (place, at) in open {
            let command = plans[at].completion(&made[place].head, ids).map_err(|fault| Broken { at, error: fault.into() })?;
            made[place] = self.execute(tx, &command, &Needs::nothing()).map_err(|error| Broken { at, error: unclosed(error) })?;
        }
        Ok(made)
    }
}

// RFC 7644 §3.7.1: a circle that was tried and cannot be had is 409.
fn unclosed(error: ServiceError) -> ServiceError {
    match error {
        ServiceError::Fault(fault) => {
            Fault::new(Kind::Conflict, format!("the circle of bulkIds cannot be closed: {}", fault.detail)).into()
        }
        other => other,
    }
}

fn number(unit: usize) -> Result<i32> {
    i32::try_from(unit).map_err(|_| StoreError::Refused("a bulk of too many operations".to_owned()).into())
}
