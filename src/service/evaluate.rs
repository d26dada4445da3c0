//! What a condition would do, asked before it is saved: who would gain the role, who would lose it, and on whom it fails.
//! Nothing is written, and memory does not grow with the number of users.

use std::collections::HashMap;

use super::grants::{ROLE, SUBJECT};
use super::load::Label;
use super::recompute::{Comparison, Page};
use super::{Context, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::condition::Condition;
use crate::domain::key::Key;
use crate::store::{Conn, conditions};

/// Users looked at together.
const BATCH: usize = 500;

/// Failures that are told of.
const FAILURES: usize = 20;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// The role, by its wire id, whose grants it is compared with; without, nobody holds anything.
    pub role: Option<String>,
    /// The condition; `Some(None)` is none at all, and `None` is that of the role.
    pub condition: Option<Option<String>>,
    /// After this user.
    pub after: Option<Key>,
    /// Most users that are told of.
    pub limit: usize,
}

/// A user to whom something would happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// The user's wire id.
    pub wire_id: String,
    /// What people call the user.
    pub name: Option<String>,
    /// What would happen.
    pub what: Outcome,
}

/// What would happen to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Gets the role.
    Gains,
    /// Does not keep it.
    Loses,
    /// The condition gives no answer, so the user does not match; with the reason.
    Fails(String),
}

/// How many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Who match.
    pub matching: usize,
    /// Who would get the role.
    pub gains: usize,
    /// Who would not keep it.
    pub loses: usize,
    /// On whom it fails.
    pub failures: usize,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The sums over all users; only at the beginning.
    pub counts: Option<Counts>,
    /// Who gains and who loses, in the order of creation.
    pub affected: Vec<Affected>,
    /// Users on whom it fails, at most 20; only at the beginning.
    pub failures: Vec<Affected>,
    /// After whom the next page begins, if there is one.
    pub next: Option<Key>,
}

impl Service {
    /// Asks what a condition would do.
    ///
    /// # Errors
    /// `NotFound` for an unknown role, `InvalidValue` for what is no condition, `Forbidden` without the scope for roles.
    pub async fn evaluate_condition(&self, actor: &Actor, question: Question) -> Result<Evaluation> {
        let ctx = self.context(actor);
        self.store().read(move |conn| ctx.evaluate(conn, &question)).await
    }
}

impl Context {
    fn evaluate(&self, conn: &mut Conn, question: &Question) -> Result<Evaluation> {
        self.demand_roles()?;
        // By types that have changed an index may seem empty.
        self.hold_types(conn)?;
        let tenant = self.actor.tenant;
        let role = question.role.as_deref().map(|id| self.find(conn, &*self.kind(ROLE)?, id)).transpose()?.map(|row| row.key);
        let own = match role {
            Some(role) if question.condition.is_none() => conditions::get(conn, tenant, role)?.map(|row| row.source),
            _ => None,
        };
        let source = question.condition.clone().unwrap_or(own);
        let subject = self.kind(SUBJECT)?;
        let condition = source.map(|source| Condition::parse(&source, &subject, &self.actor.types)).transpose()?;
        let mut comparison = Comparison::new(self, conn, role, condition.map(Into::into), BATCH)?;
        let first = question.after.is_none();
        let (mut counts, mut after) = (Counts::default(), question.after);
        let mut found: Vec<(Key, Outcome)> = Vec::new();
        let mut failed: Vec<(Key, Outcome)> = Vec::new();
        let mut next = None;
        loop {
            let page = comparison.page(self, conn, after)?;
            counts.matching += page.matching;
            counts.gains += page.gains.len();
            counts.loses += page.loses.len();
            counts.failures += page.failures.len();
            after = page.next;
            let Page { gains, loses, failures, .. } = page;
            let mut affected: Vec<(Key, Outcome)> = gains.into_iter().map(|key| (key, Outcome::Gains)).collect();
            affected.extend(loses.into_iter().map(|edge| (edge.from_key, Outcome::Loses)));
            affected.sort_unstable_by_key(|(key, _)| *key);
            for one in affected {
                if found.len() < question.limit {
                    found.push(one);
                } else if next.is_none() {
                    next = found.last().map(|(key, _)| *key);
                }
            }
            let rest = FAILURES - failed.len();
            failed.extend(failures.into_iter().take(rest).map(|(key, error)| (key, Outcome::Fails(error.to_string()))));
            // What is beyond the page is counted once.
            if after.is_none() || (!first && next.is_some()) {
                break;
            }
        }
        let failed = if first { failed } else { Vec::new() };
        let ends = found.iter().chain(&failed).map(|(key, _)| (SUBJECT.to_owned(), *key));
        let labels = self.labels(conn, ends)?;
        let told = |list: Vec<(Key, Outcome)>| list.into_iter().filter_map(|(key, what)| affected(&labels, key, what)).collect();
        Ok(Evaluation { counts: first.then_some(counts), affected: told(found), failures: told(failed), next })
    }
}

fn affected(labels: &HashMap<Key, Label>, key: Key, what: Outcome) -> Option<Affected> {
    let label = labels.get(&key)?;
    Some(Affected { wire_id: label.wire_id.clone(), name: label.name.clone(), what })
}
