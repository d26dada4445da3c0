//! Policies of resources: stored as they were written, compiled once for each revision.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use super::{Context, Result, Service, ServiceError, load};
use crate::domain::access::Node;
use crate::domain::access::Policy;
use crate::domain::access::policy::ANY;
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::{Key, TenantId};
use crate::domain::relation::Precondition;
use crate::domain::time::Timestamp;
use crate::runtime::random;
use crate::store::policies::PolicyRow;
use crate::store::{Conn, policies};

/// How many compiled policies are kept; beyond it the table is emptied, which costs a compilation each.
const KEPT: usize = 20_000;

// By tenant and id, each with the revision that it is of. An id is never used again.
type Kept = HashMap<(TenantId, Key), (i64, Arc<Policy>)>;

/// Compiled policies.
#[derive(Default)]
pub(crate) struct Compiled(RwLock<Kept>);

impl Compiled {
    fn get(&self, tenant: TenantId, id: Key, rev: i64) -> Option<Arc<Policy>> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(&(tenant, id)).filter(|(known, _)| *known == rev).map(|(_, policy)| policy.clone())
    }

    fn keep(&self, tenant: TenantId, id: Key, rev: i64, policy: Arc<Policy>) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert((tenant, id), (rev, policy));
    }
}

/// A policy with what is known about it.
#[derive(Debug, Clone)]
pub struct PolicyView {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Its id, which is also the place after it in a list.
    pub id: Key,
    /// Its revision.
    pub rev: i64,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
}

impl Service {
    /// A page of policies, in the order in which they were made.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn policies(&self, actor: &Actor, after: Option<Key>, limit: usize) -> Result<Vec<PolicyView>> {
        let tenant = actor.tenant;
        let rows = self.store().read(move |conn| policies::list(conn, tenant, after, load::limit(limit))).await?;
        rows.iter().map(view).collect()
    }

    /// One policy.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn policy(&self, actor: &Actor, id: Key) -> Result<PolicyView> {
        let tenant = actor.tenant;
        let row = self.store().read_short(move |conn| policies::get(conn, tenant, id)).await?;
        view(&row.ok_or_else(missing)?)
    }

    /// Makes a policy.
    ///
    /// # Errors
    /// Those of [`Policy::parse`]; [`Kind::Forbidden`].
    pub async fn create_policy(&self, actor: &Actor, body: &Value) -> Result<PolicyView> {
        let id = Key::new(random::key());
        let policy = Arc::new(Policy::parse(&id.to_string(), body)?);
        self.write(actor, move |ctx, tx| {
            ctx.demand_roles()?;
            let row = row(&policy, id, 1, ctx.now, ctx.now);
            policies::insert(tx, ctx.actor.tenant, &row)?;
            ctx.record_policy(tx, (id, 1), None, Some(&policy.to_json()))?;
            Ok(shown(policy.clone(), &row))
        })
        .await
    }

    /// Puts a policy in the place of another. What changes nothing moves no revision.
    ///
    /// # Errors
    /// As [`Service::create_policy`]; [`Kind::NotFound`], [`Kind::PreconditionFailed`].
    pub async fn replace_policy(&self, actor: &Actor, id: Key, body: &Value, precondition: Precondition) -> Result<PolicyView> {
        let policy = Arc::new(Policy::parse(&id.to_string(), body)?);
        self.write(actor, move |ctx, tx| {
            ctx.demand_roles()?;
            let known = ctx.policy_row(tx, id, &precondition)?;
            let (before, after) = (view(&known)?.policy.to_json(), policy.to_json());
            if before == after {
                return Ok(shown(policy.clone(), &known));
            }
            let row = row(&policy, id, known.rev + 1, known.created, ctx.now);
            policies::update(tx, ctx.actor.tenant, &row)?;
            ctx.record_policy(tx, (id, row.rev), Some(&before), Some(&after))?;
            Ok(shown(policy.clone(), &row))
        })
        .await
    }

    /// Removes a policy.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::PreconditionFailed`], [`Kind::Forbidden`].
    pub async fn delete_policy(&self, actor: &Actor, id: Key, precondition: Precondition) -> Result<()> {
        self.write(actor, move |ctx, tx| {
            ctx.demand_roles()?;
            let known = ctx.policy_row(tx, id, &precondition)?;
            policies::delete(tx, ctx.actor.tenant, id)?;
            ctx.record_policy(tx, (id, known.rev), Some(&view(&known)?.policy.to_json()), None)
        })
        .await
    }
}

impl Context {
    fn policy_row(&self, conn: &mut Conn, id: Key, precondition: &Precondition) -> Result<PolicyRow> {
        let row = policies::get(conn, self.actor.tenant, id)?.ok_or_else(missing)?;
        if precondition.admits(row.rev) { Ok(row) } else { Err(Fault::of(Kind::PreconditionFailed).into()) }
    }

    /// The policies that may concern a resource, by id. Not for a transaction that writes them: what it makes may never be.
    pub(crate) fn policies_of(&self, conn: &mut Conn, resource: &[Node]) -> Result<Vec<Arc<Policy>>> {
        let (tenant, kept) = (self.actor.tenant, &self.service.inner.policies);
        let nearest = resource.first().map(|node| (node.kind.as_str(), ANY));
        let nodes = resource.iter().map(|node| (node.kind.as_str(), node.id.as_str()));
        let places: BTreeSet<(&str, &str)> = std::iter::once((ANY, ANY)).chain(nearest).chain(nodes).collect();
        let heads = policies::at(conn, tenant, &places.into_iter().collect::<Vec<_>>())?;
        let mut out: Vec<Option<Arc<Policy>>> = heads.iter().map(|head| kept.get(tenant, head.id, head.rev)).collect();
        let missing: Vec<Key> = heads.iter().zip(&out).filter(|(_, found)| found.is_none()).map(|(head, _)| head.id).collect();
        for row in policies::many(conn, tenant, &missing)? {
            let policy = view(&row)?.policy;
            kept.keep(tenant, row.id, row.rev, policy.clone());
            if let Ok(at) = heads.binary_search_by_key(&row.id, |head| head.id) {
                out[at] = Some(policy);
            }
        }
        Ok(out.into_iter().flatten().collect())
    }
}

fn missing() -> Fault {
    Fault::new(Kind::NotFound, "no such policy")
}

fn row(policy: &Policy, id: Key, rev: i64, created: Timestamp, modified: Timestamp) -> PolicyRow {
    PolicyRow {
        id,
        resource_type: policy.resource_type.clone(),
        resource_id: policy.resource_id.clone(),
        rev,
        created,
        modified,
        body: policy.to_json().to_string(),
    }
}

const fn shown(policy: Arc<Policy>, row: &PolicyRow) -> PolicyView {
    PolicyView { policy, id: row.id, rev: row.rev, created: row.created, modified: row.modified }
}

fn view(row: &PolicyRow) -> Result<PolicyView> {
    let damaged = |text: String| ServiceError::Damaged(format!("policy {}: {text}", row.id));
    let body: Value = serde_json::from_str(&row.body).map_err(|e| damaged(e.to_string()))?;
    let policy = Policy::parse(&row.id.to_string(), &body).map_err(|fault| damaged(fault.to_string()))?;
    Ok(shown(Arc::new(policy), row))
}
