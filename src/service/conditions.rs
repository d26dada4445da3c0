//! Conditions of roles, compiled once and kept by their text; and how far the store can answer them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::views::leads_on;
use super::{Context, Result, ServiceError};
use crate::domain::condition::{Body, Clause, Condition, View};
use crate::domain::error::Fault;
use crate::domain::expression::EvalError;
use crate::domain::key::{Key, TenantId};
use crate::domain::schema::{ObjectType, Registry};
use crate::store::Conn;
use crate::store::plan::{self, Plan};
use crate::store::query::Predicate;

/// How many conditions are kept of a tenant; beyond it its table is emptied, which costs a parse each.
const KEPT: usize = 20_000;

/// Conditions by tenant and text, compiled against one version of the types that they speak of.
#[derive(Default)]
pub(crate) struct Compiled(RwLock<HashMap<TenantId, Table>>);

#[derive(Default)]
struct Table {
    version: i64,
    conditions: HashMap<String, Arc<Kept>>,
}

/// A condition that was accepted when it was saved.
pub(crate) struct Kept {
    pub(crate) condition: Condition,
    // A condition that fails on many users says so once, and then only in detail.
    warned: AtomicBool,
}

impl From<Condition> for Arc<Kept> {
    fn from(condition: Condition) -> Self {
        Self::new(Kept { condition, warned: AtomicBool::new(false) })
    }
}

impl Kept {
    /// Whether a user meets it; that it failed on one is logged, without telling on whom.
    pub(crate) fn matches(&self, role: Key, user: &View) -> bool {
        self.condition.check(user).unwrap_or_else(|error| {
            self.report(role, 1, &error);
            false
        })
    }

    /// Logs that it failed on some users.
    pub(crate) fn report(&self, role: Key, users: usize, first: &EvalError) {
        let level = if self.warned.swap(true, Ordering::Relaxed) { log::Level::Debug } else { log::Level::Warn };
        log::log!(level, "the condition of role {role} fails on users, who do not match then ({users} here): {first}");
    }
}

impl Compiled {
    /// The condition with this text, which was accepted when it was saved.
    pub(crate) fn get(&self, tenant: TenantId, source: &str, subject: &Arc<ObjectType>, types: &Registry) -> Result<Arc<Kept>> {
        if let Some(table) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&tenant)
            && table.version == subject.version
            && let Some(found) = table.conditions.get(source)
        {
            return Ok(found.clone());
        }
        let parsed = Condition::parse(source, subject, types);
        let condition = parsed.map_err(|e: Fault| ServiceError::Damaged(format!("a stored condition does not parse: {e}")))?;
        let kept: Arc<Kept> = condition.into();
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let table = all.entry(tenant).or_default();
        if table.version != subject.version || table.conditions.len() >= KEPT {
            *table = Table { version: subject.version, conditions: HashMap::new() };
        }
        table.conditions.insert(source.to_owned(), kept.clone());
        Ok(kept)
    }
}

const ANY: Plan = Plan { predicate: Predicate::All, exact: false };

impl Context {
    /// What selects those who might meet a condition.
    pub(super) fn plan_of(&self, conn: &mut Conn, condition: &Condition, kind: &ObjectType) -> Result<Plan> {
        match &condition.body {
            Body::Script(_) => Ok(ANY),
            Body::Filter(clause) => self.plan_clause(conn, clause, kind),
        }
    }

    fn plan_clause(&self, conn: &mut Conn, clause: &Clause, kind: &ObjectType) -> Result<Plan> {
        Ok(match clause {
            Clause::Own(filter) => {
                let paths = self.service.paths(conn, self.actor.tenant, kind)?;
                plan::plan(filter, kind, &paths, &self.actor.source)
            }
            Clause::Not(inner) => match self.plan_clause(conn, inner, kind)? {
                Plan { predicate, exact: true } => Plan { predicate: Predicate::Not(Box::new(predicate)), exact: true },
                _ => ANY,
            },
            Clause::All(parts) => {
                let (mut predicates, mut exact) = (Vec::new(), true);
                for part in parts {
                    let plan = self.plan_clause(conn, part, kind)?;
                    exact &= plan.exact;
                    predicates.extend((plan.predicate != Predicate::All).then_some(plan.predicate));
                }
                Plan { predicate: only(predicates, Predicate::All, Predicate::And), exact }
            }
            Clause::Any(parts) => {
                let plans = parts.iter().map(|part| self.plan_clause(conn, part, kind)).collect::<Result<Vec<_>>>()?;
                any(plans)
            }
            Clause::Led { relationship, each } => {
                let Some(relationship) = kind.relationship(relationship) else { return Ok(ANY) };
                let mut plans = Vec::new();
                for (name, clause) in each {
                    let plan = self.plan_clause(conn, clause, &*self.kind(name)?)?;
                    let predicate = Predicate::EdgeTo {
                        relation: relationship.relation.clone(),
                        side: relationship.side,
                        kind: name.clone(),
                        predicate: Box::new(plan.predicate),
                        through: leads_on(relationship),
                    };
                    plans.push(Plan { predicate, exact: plan.exact });
                }
                any(plans)
            }
        })
    }
}

fn any(plans: Vec<Plan>) -> Plan {
    let exact = plans.iter().all(|plan| plan.exact);
    if plans.iter().any(|plan| plan.predicate == Predicate::All) {
        return Plan { predicate: Predicate::All, exact };
    }
    Plan { predicate: only(plans.into_iter().map(|plan| plan.predicate).collect(), Predicate::None, Predicate::Or), exact }
}

fn only(mut parts: Vec<Predicate>, none: Predicate, join: fn(Vec<Predicate>) -> Predicate) -> Predicate {
    match parts.len() {
        0 => none,
        1 => parts.swap_remove(0),
        _ => join(parts),
    }
}
