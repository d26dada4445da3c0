//! What edges have to satisfy, and why one is refused: scopes, circles, ends that are taken, grants that a condition gives.

use std::collections::{BTreeSet, HashSet};

use super::edges::Writer;
use super::load::far_end;
use super::{Context, Result, effective};
use crate::domain::dialect::Dialect;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::domain::resource::reference_path;
use crate::domain::schema::Side;
use crate::domain::schema::relationship::{ASSIGNMENT, AUTHORIZATION, BUNDLE, GRANT, MAX_DEPTH, MEMBERSHIP};
use crate::domain::scope::Action;
use crate::store::edges::EdgeRow;
use crate::store::{Conn, edges};

impl Context {
    /// Refuses changes of who is in `groups` to callers without the roles scope, if those or the groups they are in hold roles.
    pub(crate) fn guard_groups(&self, conn: &mut Conn, mut groups: BTreeSet<Key>) -> Result<()> {
        if self.actor.may(Action::Roles) {
            return Ok(());
        }
        groups.extend(effective::ancestors(self, conn, &groups)?.into_values().flatten());
        let groups: Vec<Key> = groups.into_iter().collect();
        if edges::of_many(conn, self.actor.tenant, GRANT, Side::From, &groups)?.is_empty() { Ok(()) } else { self.demand_roles() }
    }

    /// Why a conditional grant cannot be taken away by hand (design: 409 in IDM, 400 mutability in SCIM).
    pub(crate) fn conditional_refusal(&self, conn: &mut Conn, role: Key) -> Result<Fault> {
        let kind = match self.actor.dialect {
            Dialect::Scim => Kind::Mutability,
            _ => Kind::Conflict,
        };
        let condition = crate::store::conditions::get(conn, self.actor.tenant, role)?.map_or_else(String::new, |c| c.source);
        Ok(Fault::new(kind, format!("the role is granted by its condition and goes away only with it: {condition}")))
    }
}

impl Writer<'_> {
    /// What new edges have to satisfy: roles scope, no cycle, no second end where the other side holds one.
    pub(super) fn guard(&self, conn: &mut Conn, rows: &[EdgeRow]) -> Result<()> {
        self.guard_roles(conn, rows)?;
        self.ctx.guard_edges(conn, &self.relationship.relation, rows)?;
        let (ctx, tenant) = (self.ctx, self.ctx.actor.tenant);
        let mut far_ends = HashSet::new();
        for edge in rows {
            if self.relationship.acyclic && edge.from_type == edge.to_type {
                let above = edges::ancestors(conn, tenant, &edge.relation, edge.from_key, MAX_DEPTH)?;
                if edge.from_key == edge.to_key || above.iter().any(|a| a.key == edge.to_key) {
                    let text = format!("'{}' would make a {} contain itself", self.relationship.name, self.kind.name);
                    return Err(Fault::new(Kind::InvalidValue, text).into());
                }
                let below = edges::descendants(conn, tenant, &edge.relation, edge.to_key, MAX_DEPTH)?;
                // Groups in groups are counted; what hangs in the deepest one does not make it deeper.
                let nested = |list: &[edges::Reached]| list.iter().filter(|r| r.kind == edge.to_type).map(|r| r.depth).max();
                let depth = |list: &[edges::Reached]| nested(list).unwrap_or(0);
                if depth(&above) + 1 + depth(&below) > MAX_DEPTH {
                    let text = format!("'{}' would nest more than {MAX_DEPTH} deep", self.relationship.name);
                    return Err(Fault::new(Kind::InvalidValue, text).into());
                }
            }
            let (far_kind, far) = far_end(edge, self.relationship.side);
            let reverse = ctx.kind(&far_kind)?;
            let single = reverse.relationship(&self.relationship.reverse).is_some_and(|r| !r.many);
            // One of these may come before another, and each of several at once.
            let again = !far_ends.insert(far);
            if single && (again || edges::count_of(conn, tenant, &edge.relation, self.relationship.side.other(), far)? > 0) {
                let labels = ctx.labels(conn, std::iter::once((far_kind, far)))?;
                let id = labels.get(&far).map_or("", |l| l.wire_id.as_str());
                let text = format!(
                    "Field '{}' of managed object '{id}' is not null, and thus not available for assignment.",
                    self.relationship.reverse
                );
                return Err(Fault::new(Kind::InvalidValue, text).into());
            }
        }
        Ok(())
    }

    // Membership of a group that holds roles gives roles, so it needs the same scope.
    pub(super) fn guard_roles(&self, conn: &mut Conn, rows: &[EdgeRow]) -> Result<()> {
        match self.relationship.relation.as_str() {
            GRANT | BUNDLE | ASSIGNMENT | AUTHORIZATION => self.ctx.demand_roles(),
            MEMBERSHIP => self.ctx.guard_groups(conn, rows.iter().map(|e| e.from_key).collect()),
            _ => Ok(()),
        }
    }

    pub(super) fn duplicate(&self, conn: &mut Conn, edge: &EdgeRow) -> Result<Fault> {
        let (far_kind, far) = far_end(edge, self.relationship.side);
        let ends = [(self.kind.name.clone(), self.key), (far_kind, far)];
        let labels = self.ctx.labels(conn, ends.into_iter())?;
        let name = |key: Key| labels.get(&key).map_or_else(String::new, |l| reference_path(&l.kind, &l.wire_id));
        let text = format!("Managed object '{}' has already been assigned relationship '{}'.", name(self.key), name(far));
        Ok(Fault::new(Kind::PreconditionFailed, text))
    }
}
