//! What targets would be told of a write: the engine's own steps, from change to plan, inside the transaction of a dry run.
//! Its rows are undone with that; nobody is called.

use std::sync::Weak;

use serde_json::Value;

use super::assigned;
use super::backlog::{Pager, Task};
use super::decide::{Decision, Job, Wanted, for_links};
use super::dispatcher::{Effect, Wants};
use super::put::{applied, changes, kind_of};
use super::removal::{Removal, is_inactive, removal};
use super::session::Session;
use super::{Engine, Inner, Result};
use crate::domain::effects::{Call, Listed, Named, TargetEffect};
use crate::domain::key::Key;
use crate::domain::mapping::Desired;
use crate::domain::plan::{Change, Op, without};
use crate::domain::schema::Side;
use crate::domain::schema::relationship::MEMBERSHIP;
use crate::domain::secret::HIDDEN;
use crate::service::Context;
use crate::service::effects::Forecast;
use crate::store::changes::ChangeRow;
use crate::store::links::LinkRow;
use crate::store::targets::TargetRow;
use crate::store::{Conn, edges, link_members, links, targets};

/// Most changes that are followed.
const CHANGES: usize = 1_000;

/// Most objects that are planned, and most pages of work over many objects that are read to find them.
const OBJECTS: usize = 200;
const PAGES: usize = 4;

/// Most members of a group that are counted.
const MEMBERS: i64 = 10_000;

/// Foresees for the use-cases. It does not keep the engine, which keeps them.
pub struct Preview(pub Weak<Inner>);

impl Forecast for Preview {
    fn targets(&self, ctx: &Context, conn: &mut Conn, rows: &[ChangeRow]) -> Result<Vec<TargetEffect>> {
        let Some(engine) = self.0.upgrade().map(Engine) else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        for row in targets::list(conn, ctx.actor.tenant)? {
            // One that cannot be worked with would not be called either; the engine reports it.
            let Ok(session) = engine.session_to_foresee(ctx.actor.tenant, &row, ctx.actor.types.clone()) else { continue };
            let effect = foresee(ctx, conn, &session, row, rows)?;
            if effect.calls.count() > 0 || effect.incomplete {
                out.push(effect);
            }
        }
        Ok(out)
    }
}

fn foresee(ctx: &Context, conn: &mut Conn, session: &Session, row: TargetRow, rows: &[ChangeRow]) -> Result<TargetEffect> {
    let (tenant, target, now) = (session.tenant, session.target, ctx.now);
    let (mut wants, mut tasks) = (Wants::default(), Vec::<Task>::new());
    let assigns = assigned::matter(ctx, conn, session)?;
    for change in rows.iter().take(CHANGES) {
        Effect { conn, session, now, assigns, wants: &mut wants, tasks: &mut tasks }.of(change)?;
    }
    let mut pages = 0;
    while !tasks.is_empty() && pages < PAGES && wants.count() < OBJECTS {
        let left = Pager { ctx, conn, session, now, wants: &mut wants }.page(tasks.remove(0))?;
        left.into_iter().for_each(|task| task.join(&mut tasks));
        pages += 1;
    }
    let mut wants = wants.into_list();
    let incomplete = rows.len() > CHANGES || !tasks.is_empty() || wants.len() > OBJECTS;
    wants.sort_by_key(|want| want.priority);
    wants.truncate(OBJECTS);
    links::want(conn, tenant, target, &wants)?;
    let keys: Vec<Key> = wants.iter().map(|want| want.key).collect();
    let mut due = links::many(conn, tenant, target, &keys)?;
    due.sort_by_key(|link| (link.priority, link.key));
    let mut calls = Listed::default();
    for job in for_links(&ctx.service, conn, session, due)? {
        if let Some(call) = call(conn, session, &job)? {
            calls.push(call);
        }
    }
    Ok(TargetEffect { id: target.to_string(), name: row.name, state: row.state, calls, incomplete })
}

fn call(conn: &mut Conn, session: &Session, job: &Job) -> Result<Option<Call>> {
    let link = &job.link;
    let about = |action: &'static str| Call {
        object: Named { kind: link.kind.clone(), id: link.key.to_string(), name: None },
        key: link.key,
        action,
        changes: Vec::new(),
        members_added: 0,
        members_removed: 0,
        reason: None,
    };
    Ok(match &job.decision {
        Decision::Forget | Decision::Keep(_) => None,
        Decision::Park { text, .. } => Some(Call { reason: Some(text.clone()), ..about("park") }),
        Decision::Remove(reason) => {
            let action = match removal(session.deprovision, &link.kind) {
                Removal::Disable if link.status == "deprovisioned" || is_inactive(link) => return Ok(None),
                Removal::Disable => "disable",
                Removal::Delete => "delete",
                Removal::Unlink => "unlink",
            };
            Some(Call { reason: Some(reason.text().to_owned()), ..about(action) })
        }
        Decision::Put(wanted) => {
            let (action, changes) = put(link, wanted);
            let (members_added, members_removed) = members(conn, session, link)?;
            let silent = changes.is_empty() && link.remote_id.is_some();
            if silent && members_added + members_removed == 0 {
                return Ok(None);
            }
            let action = if silent { "members" } else { action };
            Some(Call { changes, members_added, members_removed, ..about(action) })
        }
    })
}

fn put(link: &LinkRow, wanted: &Wanted) -> (&'static str, Vec<Change>) {
    let base = applied(link);
    let desired = &if link.remote_id.is_none() { wanted.fresh() } else { wanted.over(link, &base) };
    let open = Desired { document: without(&desired.document, &desired.sensitive), ..desired.clone() };
    if link.remote_id.is_none() {
        let add = |(name, value): (&String, &Value)| {
            let value = open.document.get(name).unwrap_or(value).clone();
            Change { op: Op::Add, path: name.clone(), value: Some(value) }
        };
        // What is nothing but sensitive is named alone.
        let hide = |change: Change| if open.document.contains_key(&change.path) { change } else { hidden(change) };
        return ("create", desired.document.iter().map(add).map(hide).collect());
    }
    let whole = changes(link, desired, &base);
    let action = kind_of(&whole, &base);
    let shown = changes(link, &open, &base);
    let show = |change: Change| {
        let same = shown.iter().find(|known| (known.op, &known.path) == (change.op, &change.path));
        same.cloned().unwrap_or_else(|| hidden(change))
    };
    (action, whole.into_iter().map(show).collect())
}

fn hidden(change: Change) -> Change {
    Change { value: change.value.map(|_| HIDDEN.into()), ..change }
}

/// Members that the group at the target gains and loses.
fn members(conn: &mut Conn, session: &Session, link: &LinkRow) -> Result<(usize, usize)> {
    if link.kind != "group" {
        return Ok((0, 0));
    }
    if link.remote_id.is_none() {
        let count = edges::count_of(conn, session.tenant, MEMBERSHIP, Side::From, link.key)?;
        return Ok((usize::try_from(count).unwrap_or(usize::MAX), 0));
    }
    let open = link_members::open(conn, session.tenant, session.target, link.key, None, MEMBERS)?;
    let added = open.iter().filter(|member| member.wanted).count();
    Ok((added, open.len() - added))
}
