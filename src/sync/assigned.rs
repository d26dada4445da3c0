//! What assignments bring to accounts, and what was brought before (spec/idm.md §3.8).

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;

use super::Result;
use super::session::Session;
use crate::domain::assignment::{Assigned, SUBJECT, brought};
use crate::domain::key::Key;
use crate::domain::schema::ObjectType;
use crate::service::{Context, ServiceError, effective};
use crate::store::links::LinkRow;
use crate::store::{Conn, links};

/// What the assignments in effect bring to the accounts of objects of a type, in order.
pub fn load(
    ctx: &Context,
    conn: &mut Conn,
    session: &Session,
    kind: &Arc<ObjectType>,
    keys: &[Key],
) -> Result<HashMap<Key, Vec<Assigned>>> {
    if kind.name != SUBJECT || !ctx.assigns_at(conn, &session.name)? {
        return Ok(HashMap::new());
    }
    let held = effective::roles(ctx, conn, kind, keys)?;
    let holders = held.into_iter().map(|(key, roles)| (key, roles.into_iter().map(|role| role.key).collect())).collect();
    let mut out = HashMap::new();
    for (key, assignments) in ctx.effective_assignments(conn, &holders)? {
        let mut list = Vec::new();
        for one in assignments {
            let damaged = |fault| ServiceError::Damaged(format!("assignment {}: {fault}", one.key));
            list.extend(brought(&one.key.to_string(), &one.doc, &session.name).map_err(damaged)?);
        }
        out.insert(key, list);
    }
    Ok(out)
}

/// Whether changes of roles can matter to accounts at a target: an assignment is for it, or was.
pub fn matter(ctx: &Context, conn: &mut Conn, session: &Session) -> Result<bool> {
    let here = session.plans.get(SUBJECT).is_some();
    Ok(here && (ctx.assigns_at(conn, &session.name)? || links::any_assigned(conn, session.tenant, session.target)?))
}

/// What was applied to an account.
pub fn memory(link: &LinkRow) -> Vec<Assigned> {
    link.assigned.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The form in which that is kept.
pub fn text(assigned: &[Assigned]) -> Option<String> {
    (!assigned.is_empty()).then(|| json!(assigned).to_string())
}
