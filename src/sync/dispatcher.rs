//! From changes to wishes: reads the change log after what a target has seen, and marks the links that may care.

use std::collections::BTreeMap;

use serde_json::Value;

use super::assigned;
use super::backlog::{PAGE, Pager, Task};
use super::lease::Fence;
use super::notify;
use super::session::Session;
use super::spec::TypePlan;
use super::{Engine, Result};
use crate::domain::assignment::{ASSIGNMENT as ASSIGNED, SUBJECT};
use crate::domain::key::{Key, TenantId};
use crate::domain::schema::Side;
use crate::domain::schema::relationship::{ASSIGNMENT, BUNDLE, GRANT, MEMBERSHIP};
use crate::domain::time::Timestamp;
use crate::service::Context;
use crate::service::changes::op;
use crate::service::grants::ROLE;
use crate::store::changes::{ChangeFilter, ChangeRow};
use crate::store::links::Want;
use crate::store::{Conn, changes, edges, link_members, links, targets};

/// The lease for numbering changes.
const NUMBERING: &str = "changes";

/// Wishes of one page, the most urgent one for each object.
#[derive(Debug, Default)]
pub struct Wants(BTreeMap<Key, Want>);

impl Wants {
    /// Adds one.
    pub fn add(&mut self, key: Key, kind: &str, priority: i32, due: Timestamp) {
        let want = self.0.entry(key).or_insert_with(|| Want { key, kind: kind.to_owned(), priority, due });
        want.priority = want.priority.min(priority);
    }

    /// How many objects.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// All of them.
    pub fn into_list(self) -> Vec<Want> {
        self.0.into_values().collect()
    }
}

/// How urgent work on an object of a type is (spec/sync.md §2.4, 9).
pub fn priority(kind: &str, leaves: bool) -> i32 {
    match (leaves, kind) {
        (true, _) => 0,
        (false, "user") => 1,
        _ => 2,
    }
}

/// How urgent changes of membership are.
const MEMBERS: i32 = 3;

impl Engine {
    /// Numbers what was committed, where the store does not do so at once.
    pub(super) async fn number(&self, tenant: TenantId) -> Result<bool> {
        if self.store().is_sqlite() || !self.store().read_short(move |conn| changes::has_open(conn, tenant)).await? {
            return Ok(false);
        }
        let Some(held) = self.0.leases.take(self.store(), tenant, NUMBERING.to_owned()).await? else { return Ok(false) };
        let fence = held.fence();
        let numbered = self.store().write(tenant, move |tx| {
            if !fence.holds(tx)? {
                return Ok::<_, crate::service::ServiceError>(0);
            }
            Ok(changes::number(tx, tenant, PAGE)?)
        });
        let numbered = numbered.await;
        held.release(self.store()).await?;
        Ok(numbered? > 0)
    }

    /// One page of changes and one of the backlog. Tells whether there may be more.
    pub(super) async fn dispatch(&self, session: &std::sync::Arc<Session>, fence: Fence) -> Result<bool> {
        let (ctx, session, now) = (self.0.service.context(&session.actor()), session.clone(), self.now());
        self.store().write(session.tenant, move |tx| step(&ctx, tx, &session, &fence, now)).await
    }
}

fn step(ctx: &Context, conn: &mut Conn, session: &Session, fence: &Fence, now: Timestamp) -> Result<bool> {
    let (tenant, target) = (session.tenant, session.target);
    let Some(row) = targets::get(conn, tenant, target)?.filter(|row| row.rev == session.rev) else { return Ok(false) };
    if !fence.holds(conn)? {
        return Ok(false);
    }
    // Pages are planned by the session's types.
    ctx.hold_types(conn)?;
    let mut tasks = Task::read(row.backlog.as_deref())?;
    let mut wants = Wants::default();
    if !tasks.is_empty() {
        let left = Pager { ctx, conn, session, now, wants: &mut wants }.page(tasks.remove(0))?;
        left.into_iter().for_each(|task| task.join(&mut tasks));
    }
    let page = changes::after(conn, tenant, row.dispatched_seq, PAGE, ChangeFilter::default())?;
    let assigns = !page.is_empty() && assigned::matter(ctx, conn, session)?;
    for change in &page {
        Effect { conn, session, now, assigns, wants: &mut wants, tasks: &mut tasks }.of(change)?;
    }
    let wants = wants.into_list();
    links::want(conn, tenant, target, &wants)?;
    if let Some(seq) = page.last().and_then(|change| change.seq) {
        targets::dispatched(conn, tenant, target, seq)?;
    }
    let backlog = (!tasks.is_empty()).then(|| Task::list(&tasks));
    if backlog != row.backlog {
        targets::set_backlog(conn, tenant, target, backlog.as_deref())?;
    }
    Ok(!tasks.is_empty() || i64::try_from(page.len()) == Ok(PAGE))
}

/// What one change means at one target.
pub struct Effect<'a> {
    /// The transaction.
    pub conn: &'a mut Conn,
    /// The target.
    pub session: &'a Session,
    /// The present instant.
    pub now: Timestamp,
    /// Whether roles bring anything to accounts there.
    pub assigns: bool,
    /// Objects that become due.
    pub wants: &'a mut Wants,
    /// What concerns many objects.
    pub tasks: &'a mut Vec<Task>,
}

impl Effect<'_> {
    /// Adds what follows from a change.
    pub fn of(&mut self, change: &ChangeRow) -> Result<()> {
        match (change.op.as_str(), change.other_key) {
            (_, Some(other)) => self.edge(change, other),
            // By what the condition said, anybody may have been shown there.
            (op::RECOMPUTED, _) => {
                if self.anybody_reads_roles() || self.assigns {
                    Task::sweep_of(SUBJECT).join(self.tasks);
                }
                Ok(())
            }
            (op::DELETE, _) => {
                // What was never there need not go.
                if links::get(self.conn, self.session.tenant, self.session.target, change.key)?.is_some() {
                    self.wants.add(change.key, &change.kind, priority(&change.kind, true), self.now);
                }
                self.shown_elsewhere(&change.kind, change.key);
                Ok(())
            }
            _ => {
                if self.session.plans.get(&change.kind).is_some() {
                    self.wants.add(change.key, &change.kind, priority(&change.kind, leaves(change)), self.now);
                }
                if change.kind == ASSIGNED && self.assigns {
                    Task::around(ASSIGNMENT, change.key, Side::To).join(self.tasks);
                }
                if [op::UPDATE, op::START, op::END].contains(&change.op.as_str()) {
                    self.shown_elsewhere(&change.kind, change.key);
                    let walks = notify::of_object(&self.session.types, &change.kind, change.key);
                    walks.into_iter().for_each(|task| task.join(self.tasks));
                }
                Ok(())
            }
        }
    }

    /// Others may show the name of a role, a group or a manager.
    fn shown_elsewhere(&mut self, kind: &str, key: Key) {
        let mut found: Vec<Task> = Vec::new();
        for near in self.session.plans.kinds().filter_map(|name| self.session.plans.get(name)) {
            for relationship in near.reads.iter().filter_map(|property| near.kind.relationship(property)) {
                if relationship.types.iter().any(|name| name == kind) {
                    found.push(Task::around(&relationship.relation, key, relationship.side.other()));
                }
            }
        }
        if kind == ROLE && self.anybody_reads_roles() {
            found.push(Task::around(BUNDLE, key, Side::To));
        }
        // What a role brings hangs on the role itself.
        if kind == ROLE && self.assigns {
            found.extend(Task::role(key));
        }
        found.into_iter().for_each(|task| task.join(self.tasks));
    }

    fn anybody_reads_roles(&self) -> bool {
        let plans = &self.session.plans;
        plans.kinds().filter_map(|name| plans.get(name)).any(|plan| plan.reads.contains("roles"))
    }

    fn edge(&mut self, change: &ChangeRow, other: Key) -> Result<()> {
        let detail: Value = serde_json::from_str(&change.detail).unwrap_or_default();
        let text = |name: &str| detail.get(name).and_then(Value::as_str).unwrap_or_default();
        let (relation, to_kind) = (text("relation"), text("toType"));
        let removed = [op::EDGE_REMOVE, op::END].contains(&change.op.as_str());
        if relation == MEMBERSHIP && self.session.plans.get(&change.kind).is_some() {
            self.member(change.key, other)?;
        }
        // From the role to who holds it.
        if relation == ASSIGNMENT && self.assigns || relation == BUNDLE && (self.assigns || self.anybody_reads_roles()) {
            Task::role(change.key).into_iter().for_each(|task| task.join(self.tasks));
        }
        for (kind, key, side) in [(change.kind.as_str(), change.key, Side::From), (to_kind, other, Side::To)] {
            let far = if side == Side::From { to_kind } else { change.kind.as_str() };
            let walks = notify::onward(&self.session.types, kind, relation, side, key);
            walks.into_iter().for_each(|task| task.join(self.tasks));
            let told = notify::is_told(&self.session.types, kind, far, relation, side);
            let Some(plan) = self.session.plans.get(kind) else { continue };
            let seen = plan.kind.relationships.iter().filter(|r| r.relation == relation && r.side == side);
            let single = seen.clone().any(|r| !r.many);
            let assigned = self.assigns && kind == SUBJECT && relation == GRANT;
            if told || single || assigned || seen.clone().any(|r| plan.reads.contains(&r.name)) {
                self.wants.add(key, kind, priority(kind, removed && relation == GRANT), self.now);
            }
        }
        // What a group is given or gets into, its members have too, if anybody asks.
        let group = match relation {
            GRANT if change.kind == "group" => Some(change.key),
            MEMBERSHIP if to_kind == "group" => Some(other),
            _ => None,
        };
        let plans = &self.session.plans;
        let inherits = |name: &str| {
            let reads = |plan: &TypePlan| plan.reads.contains("roles") || plan.reads.contains("groups");
            plans.get(name).is_some_and(|plan| reads(plan) || self.assigns && name == SUBJECT)
        };
        if let Some(group) = group.filter(|_| plans.kinds().any(inherits)) {
            Task::around(MEMBERSHIP, group, Side::From).join(self.tasks);
        }
        // Membership brings the roles of the group.
        if relation == MEMBERSHIP && inherits(to_kind) {
            self.wants.add(other, to_kind, priority(to_kind, removed), self.now);
        }
        Ok(())
    }

    fn member(&mut self, group: Key, member: Key) -> Result<()> {
        let (tenant, target) = (self.session.tenant, self.session.target);
        // A group that is not there gets its members when it comes.
        if links::get(self.conn, tenant, target, group)?.is_none() {
            return Ok(());
        }
        let wanted = !edges::find(self.conn, tenant, MEMBERSHIP, group, member)?.is_empty();
        link_members::want(self.conn, tenant, target, group, &[(member, wanted)])?;
        self.wants.add(group, "group", MEMBERS, self.now);
        Ok(())
    }
}

// A leaver overtakes everything.
fn leaves(change: &ChangeRow) -> bool {
    let detail: Value = serde_json::from_str(&change.detail).unwrap_or_default();
    detail.pointer("/after/active") == Some(&Value::Bool(false))
}
