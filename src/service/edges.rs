//! Carrying out what a client asks of an object's relationships: references resolved, edges written as sets, never as arrays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::load::far_end;
use super::references::Found;
use super::{Context, Result, effective};
use crate::domain::dialect::Dialect;
use crate::domain::document::reference;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::filter::eval;
use crate::domain::key::Key;
use crate::domain::relation::{CONDITIONAL, Reference, RelationshipChange, RelationshipWrite, STATIC};
use crate::domain::resource::{EffectiveRole, Related, encode_segment};
use crate::domain::schema::relationship::{GRANT, MAX_DEPTH, MEMBERSHIP};
use crate::domain::schema::{ObjectType, Relationship, Side};
use crate::domain::scope::Action;
use crate::runtime::random;
use crate::store::edges::EdgeRow;
use crate::store::unresolved::UnresolvedRow;
use crate::store::{Conn, edges, objects, unresolved};

/// One relationship of one object, about to be written.
pub(super) struct Writer<'a> {
    pub(super) ctx: &'a Context,
    pub(super) kind: &'a Arc<ObjectType>,
    pub(super) key: Key,
    pub(super) relationship: &'a Relationship,
}

impl Context {
    /// Carries out `writes` on the object; tells whether its own revision has to move.
    pub(crate) fn write_relationships(
        &self,
        conn: &mut Conn,
        kind: &Arc<ObjectType>,
        key: Key,
        writes: &[RelationshipWrite],
    ) -> Result<bool> {
        let mut moved = false;
        for write in writes {
            let Some(relationship) = kind.relationship(&write.property) else {
                let text = format!("'{}' is no relationship of {}", excerpt(&write.property), kind.name);
                return Err(Fault::new(Kind::InvalidPath, text).into());
            };
            let writer = Writer { ctx: self, kind, key, relationship };
            moved |= writer.carry_out(conn, &write.change)? && relationship.moves_rev;
        }
        Ok(moved)
    }

    /// What follows from edges made and taken away: change rows, and the revisions of the objects they belong to. The
    /// revision of `own` is its writer's business.
    pub(crate) fn after_edges(&self, conn: &mut Conn, added: &[EdgeRow], removed: &[EdgeRow], own: Option<Key>) -> Result<()> {
        let mut moved: BTreeSet<(String, Key)> = BTreeSet::new();
        for edge in added.iter().chain(removed) {
            for (name, key, side) in [(&edge.from_type, edge.from_key, Side::From), (&edge.to_type, edge.to_key, Side::To)] {
                let kind = self.kind(name)?;
                if Some(key) != own
                    && kind.relationships.iter().any(|r| r.relation == edge.relation && r.side == side && r.moves_rev)
                {
                    moved.insert((name.clone(), key));
                }
            }
        }
        for (kind, key) in moved {
            objects::bump(conn, self.actor.tenant, &kind, key, self.now)?;
        }
        self.record_edges(conn, added, removed)
    }

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
    /// Tells whether anything changed.
    fn carry_out(&self, conn: &mut Conn, change: &RelationshipChange) -> Result<bool> {
        match change {
            RelationshipChange::Add(references) if self.relationship.many => self.add(conn, references),
            // A singleton takes the place of what is there.
            RelationshipChange::Add(references) | RelationshipChange::Replace(references) => self.replace(conn, references),
            RelationshipChange::Clear => self.replace(conn, &[]),
            RelationshipChange::Remove(references) => self.remove(conn, references),
            RelationshipChange::RemoveMatching(filter) => {
                let Some(path) = reference::attribute_of(self.kind, &self.relationship.name) else { return Ok(false) };
                let mut elements = self.elements(conn)?;
                elements.retain(|element| eval::matches_element(filter, self.kind, path, element));
                self.remove(conn, &references(elements))
            }
            RelationshipChange::Amend(amend) => {
                let Some(path) = reference::attribute_of(self.kind, &self.relationship.name) else { return Ok(false) };
                let elements = self.elements(conn)?;
                let amended = reference::amend(self.kind, path, &elements, amend)?;
                let gone = amended.removed.iter().filter_map(|index| elements.get(*index).cloned()).collect();
                let removed = self.remove(conn, &references(gone))?;
                let fresh: Vec<Reference> = amended.added.into_iter().map(Reference::from).collect();
                Ok(self.add(conn, &fresh)? || removed)
            }
        }
    }

    fn add(&self, conn: &mut Conn, references: &[Reference]) -> Result<bool> {
        let mut fresh = Vec::new();
        let mut changed = false;
        for found in self.resolve(conn, references, false)? {
            match found {
                Found::Derived => {}
                Found::Object { kind, key, properties } => fresh.push(self.edge(&kind, key, properties)),
                Found::Nothing { value, element } => changed |= self.record(conn, &value, &element)?,
            }
        }
        Ok(self.insert(conn, fresh)? || changed)
    }

    fn replace(&self, conn: &mut Conn, references: &[Reference]) -> Result<bool> {
        let tenant = self.ctx.actor.tenant;
        let idm = self.ctx.actor.dialect == Dialect::Idm;
        let found = self.resolve(conn, references, true)?;
        let here = edges::of(conn, tenant, &self.relationship.relation, self.relationship.side, self.key, None, i64::MAX)?;
        let mut wanted: BTreeMap<Key, EdgeRow> = BTreeMap::new();
        let mut loose: BTreeMap<String, String> = BTreeMap::new();
        for found in found {
            match found {
                Found::Derived => {}
                Found::Object { kind, key, properties } => _ = wanted.insert(key, self.edge(&kind, key, properties)),
                Found::Nothing { value, element } => _ = loose.insert(value, element),
            }
        }
        let mut gone = Vec::new();
        let mut changed = false;
        for edge in here.into_iter().filter(|e| e.variant != CONDITIONAL) {
            match wanted.remove(&far_end(&edge, self.relationship.side).1) {
                None => gone.push(edge),
                // IDM neither shows these properties nor writes them.
                Some(want) if !idm && want.properties != edge.properties => {
                    edges::update_properties(conn, tenant, edge.id, edge.rev, want.properties.as_deref())?;
                    changed = true;
                }
                Some(_) => {}
            }
        }
        changed |= self.delete(conn, gone)?;
        changed |= self.put(conn, &wanted.into_values().collect::<Vec<_>>())?;
        for known in if idm { Vec::new() } else { self.unresolved(conn)? } {
            if loose.get(&known.value) != Some(&known.element) {
                changed |= unresolved::remove(conn, tenant, self.key, &known.relation, &known.value)?;
            }
        }
        for (value, element) in &loose {
            changed |= self.record(conn, value, element)?;
        }
        Ok(changed)
    }

    fn remove(&self, conn: &mut Conn, references: &[Reference]) -> Result<bool> {
        let (ctx, tenant, side) = (self.ctx, self.ctx.actor.tenant, self.relationship.side);
        let mut gone: BTreeMap<Key, EdgeRow> = BTreeMap::new();
        let mut changed = false;
        for reference in references {
            if let Reference::Loose { value, .. } = reference {
                changed |= unresolved::remove(conn, tenant, self.key, &self.relationship.relation, value)?;
            }
            let Some((_, far)) = self.find(conn, reference)? else { continue };
            let (from, to) = if side == Side::From { (self.key, far) } else { (far, self.key) };
            let here = edges::find(conn, tenant, &self.relationship.relation, from, to)?;
            let named = |e: &&EdgeRow| match reference {
                Reference::Exact { edge: Some(id), .. } => e.id == *id,
                Reference::Exact { grant_type, .. } => e.variant == *grant_type,
                Reference::Loose { .. } => e.variant != CONDITIONAL,
            };
            match here.iter().find(named) {
                Some(edge) if edge.variant == CONDITIONAL => return Err(ctx.conditional_refusal(conn, edge.to_key)?.into()),
                Some(edge) => _ = gone.insert(edge.id, edge.clone()),
                None if here.iter().any(|e| e.variant == CONDITIONAL) => return Err(ctx.conditional_refusal(conn, to)?.into()),
                None => {}
            }
        }
        Ok(self.delete(conn, gone.into_values().collect())? || changed)
    }

    /// Makes those edges that are not there.
    fn insert(&self, conn: &mut Conn, rows: Vec<EdgeRow>) -> Result<bool> {
        let tenant = self.ctx.actor.tenant;
        let mut fresh = Vec::with_capacity(rows.len());
        let mut changed = false;
        for row in rows {
            let here = edges::find(conn, tenant, &row.relation, row.from_key, row.to_key)?;
            match here.into_iter().find(|e| e.variant == row.variant) {
                None => fresh.push(row),
                Some(_) if self.ctx.actor.dialect == Dialect::Idm => return Err(self.duplicate(conn, &row)?.into()),
                Some(known) if row.properties.is_some() && row.properties != known.properties => {
                    changed |= edges::update_properties(conn, tenant, known.id, known.rev, row.properties.as_deref())?;
                }
                Some(_) => {}
            }
        }
        Ok(self.put(conn, &fresh)? || changed)
    }

    fn put(&self, conn: &mut Conn, fresh: &[EdgeRow]) -> Result<bool> {
        if fresh.is_empty() {
            return Ok(false);
        }
        self.guard(conn, fresh)?;
        edges::insert_many(conn, self.ctx.actor.tenant, fresh)?;
        self.ctx.after_edges(conn, fresh, &[], Some(self.key))?;
        Ok(true)
    }

    fn delete(&self, conn: &mut Conn, rows: Vec<EdgeRow>) -> Result<bool> {
        if rows.is_empty() {
            return Ok(false);
        }
        self.guard_roles(conn, &rows)?;
        let keys: Vec<_> = rows.iter().map(EdgeRow::edge_key).collect();
        edges::delete(conn, self.ctx.actor.tenant, &keys)?;
        self.ctx.after_edges(conn, &[], &rows, Some(self.key))?;
        Ok(true)
    }

    fn edge(&self, kind: &str, far: Key, properties: Option<String>) -> EdgeRow {
        let (near, far) = ((self.kind.name.clone(), self.key), (kind.to_owned(), far));
        let (from, to) = if self.relationship.side == Side::From { (near, far) } else { (far, near) };
        EdgeRow {
            relation: self.relationship.relation.clone(),
            from_key: from.1,
            to_key: to.1,
            variant: STATIC.to_owned(),
            id: Key::new(random::key()),
            from_type: from.0,
            to_type: to.0,
            rev: 1,
            created: self.ctx.now,
            properties,
        }
    }

    /// What new edges have to satisfy: roles scope, no cycle, no second end where the other side holds one.
    fn guard(&self, conn: &mut Conn, rows: &[EdgeRow]) -> Result<()> {
        self.guard_roles(conn, rows)?;
        let (ctx, tenant) = (self.ctx, self.ctx.actor.tenant);
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
            if single && edges::count_of(conn, tenant, &edge.relation, self.relationship.side.other(), far)? > 0 {
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
    fn guard_roles(&self, conn: &mut Conn, rows: &[EdgeRow]) -> Result<()> {
        match self.relationship.relation.as_str() {
            GRANT => self.ctx.demand_roles(),
            MEMBERSHIP => self.ctx.guard_groups(conn, rows.iter().map(|e| e.from_key).collect()),
            _ => Ok(()),
        }
    }

    fn record(&self, conn: &mut Conn, value: &str, element: &str) -> Result<bool> {
        let row = UnresolvedRow {
            key: self.key,
            relation: self.relationship.relation.clone(),
            value: value.to_owned(),
            element: element.to_owned(),
            created: self.ctx.now,
        };
        Ok(unresolved::add(conn, self.ctx.actor.tenant, &[row])? > 0)
    }

    fn unresolved(&self, conn: &mut Conn) -> Result<Vec<UnresolvedRow>> {
        let mut all = unresolved::of(conn, self.ctx.actor.tenant, self.key)?;
        all.retain(|row| row.relation == self.relationship.relation);
        Ok(all)
    }

    fn duplicate(&self, conn: &mut Conn, edge: &EdgeRow) -> Result<Fault> {
        let (far_kind, far) = far_end(edge, self.relationship.side);
        let ends = [(self.kind.name.clone(), self.key), (far_kind, far)];
        let labels = self.ctx.labels(conn, ends.into_iter())?;
        let name = |key: Key| {
            labels.get(&key).map_or_else(String::new, |l| format!("{}/{}", l.kind.collection, encode_segment(&l.wire_id)))
        };
        let text = format!("Managed object '{}' has already been assigned relationship '{}'.", name(self.key), name(far));
        Ok(Fault::new(Kind::PreconditionFailed, text))
    }

    /// The SCIM elements that the attribute of this relationship shows.
    fn elements(&self, conn: &mut Conn) -> Result<Vec<Value>> {
        let mut elements: Vec<Value> = Vec::new();
        if self.relationship.relation == GRANT && self.relationship.side == Side::From {
            let roles = effective::roles(self.ctx, conn, self.kind, &[self.key])?.remove(&self.key).unwrap_or_default();
            elements.extend(roles.iter().map(EffectiveRole::to_scim));
        } else {
            let related = self.ctx.related(conn, self.relationship, &[self.key])?.remove(&self.key).unwrap_or_default();
            elements.extend(related.iter().map(Related::to_member));
        }
        for loose in self.unresolved(conn)? {
            elements.extend(serde_json::from_str::<Value>(&loose.element).ok());
        }
        Ok(elements)
    }
}

fn references(elements: Vec<Value>) -> Vec<Reference> {
    let text = |e: &Map<String, Value>, name: &str| e.get(name).and_then(Value::as_str).map(str::to_owned);
    let one = |element| match element {
        Value::Object(element) => {
            let value = text(&element, "value")?;
            Some(Reference::Loose { value, kind: text(&element, "type"), address: text(&element, "$ref"), element })
        }
        _ => None,
    };
    elements.into_iter().filter_map(one).collect()
}
