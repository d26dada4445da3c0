//! A role's conditional grants compared with its condition, over all users in the order of their keys: within a write as far
//! as that goes, and beyond it by a job that survives a crash.
//!
//! While the job is at a role, what its condition says counts, and not its conditional edges ([`Context::decide`]).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::candidates::Candidates;
use super::conditions::Kept;
use super::grants::{BATCH, CONDITION, ROLE, SUBJECT, held};
use super::jobs::{GRANTS, Next};
use super::{Context, Result, ServiceError, load};
use crate::domain::expression::EvalError;
use crate::domain::key::Key;
use crate::domain::relation::CONDITIONAL;
use crate::domain::schema::ObjectType;
use crate::runtime::random;
use crate::store::changes::ChangeRow;
use crate::store::edges::EdgeRow;
use crate::store::jobs::{JobRow, status};
use crate::store::objects::ObjectRow;
use crate::store::plan::Plan;
use crate::store::query;
use crate::store::{Conn, conditions, holders, jobs, objects, recomputations};

/// For each grant that a write may change, so many rows that it may look at.
const LOOKED_AT: usize = 10;

/// Where a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    role: Key,
    after: Option<Key>,
}

/// A condition against the conditional edges of a role, page by page.
pub(super) struct Comparison {
    subject: Arc<ObjectType>,
    role: Option<Key>,
    condition: Option<(Arc<Kept>, Plan)>,
    routes: BTreeSet<String>,
    // Most rows of a page.
    batch: usize,
    candidates: Option<Arc<Candidates>>,
    // Whether they were read in another transaction, and are verified like everybody who holds the role.
    verify: bool,
}

/// What stands between two keys.
#[derive(Default)]
pub(super) struct Page {
    /// Who matches and holds no edge.
    pub(super) gains: Vec<Key>,
    /// The edges of those who do not match.
    pub(super) loses: Vec<EdgeRow>,
    /// How many match.
    pub(super) matching: usize,
    /// On whom the condition fails, and how.
    pub(super) failures: Vec<(Key, EvalError)>,
    /// How many rows were looked at.
    pub(super) looked_at: usize,
    /// Where the next page begins.
    pub(super) next: Option<Key>,
}

impl Comparison {
    /// Of a condition and what a role holds by its own; without a role, nobody holds anything.
    pub(super) fn new(
        ctx: &Context,
        conn: &mut Conn,
        role: Option<Key>,
        condition: Option<Arc<Kept>>,
        batch: usize,
    ) -> Result<Self> {
        let subject = ctx.kind(SUBJECT)?;
        let condition = match condition {
            Some(kept) => {
                let plan = ctx.plan_of(conn, &kept.condition, &subject)?;
                Some((kept, plan))
            }
            None => None,
        };
        let routes = condition.as_ref().map(|(kept, _)| kept.condition.routes()).unwrap_or_default();
        Ok(Self { subject, role, condition, routes, batch, candidates: None, verify: false })
    }

    /// Who may match after a key: with what was read before, if that reaches as far.
    fn candidates(&mut self, ctx: &Context, conn: &mut Conn, after: Option<Key>) -> Result<Vec<Key>> {
        let Some((_, plan)) = &self.condition else { return Ok(Vec::new()) };
        if let Some(next) = self.candidates.as_ref().and_then(|candidates| candidates.next(after, self.batch)) {
            return Ok(next.to_vec());
        }
        let read = Candidates::read(conn, ctx.actor.tenant, SUBJECT, &plan.predicate, after)?;
        let next = read.next(after, self.batch).unwrap_or_default().to_vec();
        self.candidates = Some(Arc::new(read));
        Ok(next)
    }

    /// The page after a key.
    pub(super) fn page(&mut self, ctx: &Context, conn: &mut Conn, after: Option<Key>) -> Result<Page> {
        let (tenant, most) = (ctx.actor.tenant, load::limit(self.batch));
        let mut edges = match self.role {
            Some(role) => holders::page(conn, tenant, held(role), after, most)?,
            None => Vec::new(),
        };
        let mut keys = self.candidates(ctx, conn, after)?;
        // As far as both are known.
        let ends = [edges.last().map(|edge| edge.from_key), keys.last().copied()];
        let full = [edges.len() == self.batch, keys.len() == self.batch];
        let next = ends.into_iter().zip(full).filter_map(|(end, full)| end.filter(|_| full)).min();
        if let Some(next) = next {
            edges.retain(|edge| edge.from_key <= next);
            keys.retain(|key| *key <= next);
        }
        let mut out = Page { next, looked_at: edges.len().max(keys.len()), ..Page::default() };
        let holding: BTreeSet<Key> = edges.iter().map(|edge| edge.from_key).collect();
        if self.verify {
            keys.extend(&holding);
            keys.sort_unstable();
            keys.dedup();
        }
        let matching = self.matching(ctx, conn, keys, &mut out.failures)?;
        out.matching = matching.len();
        out.loses = edges.into_iter().filter(|edge| !matching.contains(&edge.from_key)).collect();
        out.gains = matching.into_iter().filter(|key| !holding.contains(key)).collect();
        Ok(out)
    }

    fn matching(
        &self,
        ctx: &Context,
        conn: &mut Conn,
        keys: Vec<Key>,
        failures: &mut Vec<(Key, EvalError)>,
    ) -> Result<BTreeSet<Key>> {
        let Some((kept, plan)) = self.condition.as_ref().filter(|_| !keys.is_empty()) else { return Ok(BTreeSet::new()) };
        if plan.exact && !self.verify {
            return Ok(keys.into_iter().collect());
        }
        let rows = objects::many(conn, ctx.actor.tenant, SUBJECT, &keys)?;
        let mut out = BTreeSet::new();
        for (key, view) in ctx.views_of(conn, &self.subject, &rows, &self.routes)? {
            match kept.condition.check(&view) {
                Ok(true) => _ = out.insert(key),
                Ok(false) => {}
                Err(error) => failures.push((key, error)),
            }
        }
        Ok(out)
    }

    /// About how many rows there are to look at.
    fn total(&self, ctx: &Context, conn: &mut Conn) -> Result<i64> {
        let tenant = ctx.actor.tenant;
        let matching = match &self.condition {
            Some((_, plan)) => query::count(conn, tenant, SUBJECT, &plan.predicate)?,
            None => 0,
        };
        let holding = self.role.map_or(Ok(0), |role| holders::count(conn, tenant, held(role)))?;
        Ok(matching.max(holding))
    }
}

impl Context {
    fn compiled(&self, source: &str) -> Result<Arc<Kept>> {
        self.service.inner.conditions.get(self.actor.tenant, source, &self.kind(SUBJECT)?, &self.actor.types)
    }

    /// Brings the edges of a role in line with its condition, in this transaction as far as one write goes.
    pub(super) fn recompute(&self, conn: &mut Conn, role: &ObjectRow, source: Option<&str>) -> Result<()> {
        self.end_recomputation(conn, role)?;
        let condition = source.map(|source| self.compiled(source)).transpose()?;
        let most = self.service.most_grants();
        let mut comparison = Comparison::new(self, conn, Some(role.key), condition, BATCH.min(most.max(1)))?;
        let (mut after, mut changed, mut looked_at) = (None, 0, 0);
        loop {
            let page = comparison.page(self, conn, after)?;
            changed += page.gains.len() + page.loses.len();
            looked_at += page.looked_at;
            self.turn(conn, role.key, &comparison, &page)?;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
            if changed > most || looked_at > most.saturating_mul(LOOKED_AT) {
                return self.begin_recomputation(conn, role, after);
            }
        }
    }

    fn turn(&self, conn: &mut Conn, role: Key, of: &Comparison, page: &Page) -> Result<()> {
        if let ([(_, first), ..], Some((kept, _))) = (page.failures.as_slice(), &of.condition) {
            kept.report(role, page.failures.len(), first);
        }
        let added: Vec<EdgeRow> = page.gains.iter().map(|user| self.conditional_edge(*user, role)).collect();
        self.settle(conn, &added, &page.loses)
    }

    /// Puts a job up that goes on after a key, in the place of one that is at the role.
    pub(super) fn begin_recomputation(&self, conn: &mut Conn, role: &ObjectRow, after: Option<Key>) -> Result<()> {
        let tenant = self.actor.tenant;
        self.end_recomputation(conn, role)?;
        let source = conditions::get(conn, tenant, role.key)?.map(|row| row.source);
        let condition = source.map(|source| self.compiled(&source)).transpose()?;
        let total = Comparison::new(self, conn, Some(role.key), condition, BATCH)?.total(self, conn)?;
        let id = Key::new(random::key());
        let row = JobRow {
            id,
            kind: GRANTS.to_owned(),
            subject: format!("{ROLE} {}: {CONDITION}", role.wire_id),
            state: written(&State { role: role.key, after })?,
            status: status::OPEN.to_owned(),
            done: 0,
            total,
            error: None,
            created: self.now,
            modified: self.now,
        };
        jobs::insert(conn, tenant, &row)?;
        recomputations::put(conn, tenant, role.key, id)?;
        self.started.note(id);
        Ok(())
    }

    // A job that is at the role is of no use any more.
    fn end_recomputation(&self, conn: &mut Conn, role: &ObjectRow) -> Result<()> {
        let tenant = self.actor.tenant;
        let Some(job) = recomputations::remove(conn, tenant, role.key)? else { return Ok(()) };
        self.record(conn, &[self.recomputed_change(ROLE, role.key, role.rev)])?;
        if let Some(mut row) = jobs::get(conn, tenant, job)? {
            status::REPLACED.clone_into(&mut row.status);
            row.modified = self.now;
            jobs::update(conn, tenant, &row)?;
        }
        Ok(())
    }

    /// Lets the conditions of roles that a job is at decide who of `keys` holds them, in the place of the edges in `granted`.
    pub(super) fn decide(&self, conn: &mut Conn, keys: &[Key], granted: &mut HashMap<Key, Vec<EdgeRow>>) -> Result<()> {
        let tenant = self.actor.tenant;
        let roles: BTreeSet<Key> = recomputations::roles(conn, tenant)?.into_iter().collect();
        if roles.is_empty() {
            return Ok(());
        }
        for edges in granted.values_mut() {
            edges.retain(|edge| edge.variant != CONDITIONAL || !roles.contains(&edge.to_key));
        }
        granted.retain(|_, edges| !edges.is_empty());
        let mut kept = Vec::new();
        for row in conditions::many(conn, tenant, &roles.into_iter().collect::<Vec<_>>())? {
            kept.push((row.role_key, self.compiled(&row.source)?));
        }
        let routes: BTreeSet<String> = kept.iter().flat_map(|(_, kept)| kept.condition.routes()).collect();
        let rows = objects::many(conn, tenant, SUBJECT, keys)?;
        for (user, view) in self.views_of(conn, &self.kind(SUBJECT)?, &rows, &routes)? {
            for (role, kept) in &kept {
                if kept.matches(*role, &view) {
                    granted.entry(user).or_default().push(self.conditional_edge(user, *role));
                }
            }
        }
        Ok(())
    }
}

fn written(state: &State) -> Result<String> {
    serde_json::to_string(state).map_err(|e| ServiceError::Damaged(format!("a job's state: {e}")))
}

/// One batch.
pub(super) fn step(ctx: &Context, conn: &mut Conn, row: &JobRow) -> Result<Next> {
    let mut state: State =
        serde_json::from_str(&row.state).map_err(|e| ServiceError::Damaged(format!("state of job {}: {e}", row.id)))?;
    let tenant = ctx.actor.tenant;
    let source = conditions::get(conn, tenant, state.role)?.map(|row| row.source);
    let condition = source.map(|source| ctx.compiled(&source)).transpose()?;
    // Of what it gains and what it loses together no more than a batch.
    let mut comparison = Comparison::new(ctx, conn, Some(state.role), condition, BATCH / 2)?;
    // Whoever came to match since they were read was given the role by the write that made it so.
    comparison.verify = true;
    comparison.candidates = ctx.service.inner.candidates.get(row.id);
    let page = comparison.page(ctx, conn, state.after)?;
    if let Some(candidates) = comparison.candidates.take() {
        ctx.service.inner.candidates.note(row.id, candidates);
    }
    ctx.turn(conn, state.role, &comparison, &page)?;
    match page.next {
        Some(_) => {
            state.after = page.next;
            Ok(Next::Again { state: written(&state)?, done: load::limit(page.looked_at) })
        }
        None => {
            recomputations::remove(conn, tenant, state.role)?;
            // What targets were shown of users whose edges the walk left as they were hung on the condition.
            let role = objects::many(conn, tenant, ROLE, &[state.role])?;
            let over: Vec<ChangeRow> = role.iter().map(|role| ctx.recomputed_change(ROLE, role.key, role.rev)).collect();
            ctx.record(conn, &over)?;
            Ok(Next::Done)
        }
    }
}
