//! Whether stored data allows a change of a type. What would be orphaned or invalid is refused, with the count.

use super::grants::SUBJECT;
use super::{Context, Result, load};
use crate::domain::condition::Condition;
use crate::domain::error::{Fault, Kind};
use crate::domain::schema::change::{Change, Demand, contradicts};
use crate::domain::schema::{IdmForm, ObjectType, Registry};
use crate::store::query::{self, Predicate};
use crate::store::{Conn, audit, edges, objects};

/// Objects of one page.
const BATCH: i64 = 500;

/// Checks every demand of a change of `old`, which becomes what it is in `after`, or goes.
pub(super) fn check(
    ctx: &Context,
    conn: &mut Conn,
    old: &ObjectType,
    before: &Registry,
    after: &Registry,
    change: &Change,
) -> Result<()> {
    let tenant = ctx.actor.tenant;
    for demand in &change.demands {
        let (count, text) = match demand {
            Demand::NoObjects { member } => {
                let count = query::count(conn, tenant, &old.name, &Predicate::All)?;
                (count, format!("{member} of '{}' cannot change or go: there are {count} objects of it", old.name))
            }
            Demand::NoEdges { relationship, relation, from, to } => {
                let count = edges::count_between(conn, tenant, relation, from.as_deref(), to.as_deref())?;
                let text = format!("relationships.{relationship} of '{}' cannot change or go: it has {count} edges", old.name);
                (count, text)
            }
            Demand::OneEach { relationship, relation, side } => {
                let count = load::limit(audit::crowded(conn, tenant, relation, *side)?.len());
                let text =
                    format!("relationships.{relationship} of '{}' cannot hold one: {count} objects hold several", old.name);
                (count, text)
            }
            Demand::NoValues { .. } | Demand::Complete => continue,
        };
        refuse(count, text)?;
    }
    if let Some(new) = after.by_name(&old.name).filter(|_| change.reads_documents()) {
        documents(ctx, conn, old, new, change)?;
    }
    let renamed = after.by_name(&old.name).is_some_and(|new| properties(new) != properties(old));
    if change.demands.is_empty() && !renamed { Ok(()) } else { conditions(ctx, conn, before, after) }
}

fn properties(kind: &ObjectType) -> Vec<(&str, String, IdmForm)> {
    kind.properties.iter().map(|p| (p.name.as_str(), kind.path_text(p.path), p.form)).collect()
}

fn refuse(count: i64, text: String) -> Result<()> {
    if count == 0 { Ok(()) } else { Err(Fault::new(Kind::Conflict, text).into()) }
}

fn documents(ctx: &Context, conn: &mut Conn, old: &ObjectType, new: &ObjectType, change: &Change) -> Result<()> {
    let mut counts = vec![0_i64; change.demands.len()];
    let mut after = None;
    loop {
        let rows = objects::scan(conn, ctx.actor.tenant, &old.name, after, BATCH)?;
        let Some(last) = rows.last() else { break };
        after = Some(last.key);
        for row in &rows {
            let doc = load::document(row)?;
            for (count, demand) in counts.iter_mut().zip(&change.demands) {
                *count += i64::from(contradicts(demand, old, new, &doc));
            }
        }
    }
    for (count, demand) in counts.into_iter().zip(&change.demands) {
        let text = match demand {
            Demand::NoValues { path, what } => {
                format!("'{}' of '{}' cannot be {what}: {count} objects have a value", old.path_text(*path), old.name)
            }
            _ => format!("{count} objects of '{}' lack what would be required", old.name),
        };
        refuse(count, text)?;
    }
    Ok(())
}

// A condition that could not be read any more would stand in the way of every write; of one that would mean something else,
// grants and index would be those of the old meaning.
fn conditions(ctx: &Context, conn: &mut Conn, before: &Registry, after: &Registry) -> Result<()> {
    let meant = |types: &Registry, source: &str| {
        let condition = Condition::parse(source, types.by_name(SUBJECT)?, types).ok()?;
        let reads: Vec<String> = condition.reads().map(str::to_owned).collect();
        Some((reads, condition.anchors().to_vec(), condition.routes()))
    };
    let moves = |source: &str| {
        let then = meant(after, source);
        then.is_none() || then != meant(before, source)
    };
    let (mut count, mut place) = (0, None);
    loop {
        let rows = audit::condition_page(conn, ctx.actor.tenant, place, BATCH)?;
        let Some(last) = rows.last() else { break };
        place = Some(last.role_key);
        count += load::limit(rows.iter().filter(|row| moves(&row.source)).count());
    }
    refuse(count, format!("the conditions of {count} roles read what would go, or mean something else"))
}
