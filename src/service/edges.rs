//! Carrying out what a client asks of an object's relationships: references resolved, edges written as sets, never as arrays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::references::Found;
use super::warnings::Touch;
use super::{Context, Result, effective, temporal};
use crate::domain::dialect::Dialect;
use crate::domain::document::reference;
use crate::domain::edge::{self, EdgeProperties};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::filter::eval;
use crate::domain::key::Key;
use crate::domain::relation::{Reference, RelationshipChange, RelationshipWrite, STATIC};
use crate::domain::resource::{EffectiveRole, Related, distinct};
use crate::domain::schema::relationship::GRANT;
use crate::domain::schema::{ObjectType, Relationship, Side};
use crate::domain::temporal::holds;
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

    /// What follows from edges made and taken away: change rows, the revisions of the objects they belong to, and the grants
    /// whose conditions read along them. The revision of `own` is its writer's business.
    pub(crate) fn after_edges(&self, conn: &mut Conn, added: &[EdgeRow], removed: &[EdgeRow], own: Option<Key>) -> Result<()> {
        self.note_edges(conn, added, removed, own)?;
        self.edges_moved(conn, added, removed)
    }

    /// The same without the grants.
    pub(crate) fn note_edges(&self, conn: &mut Conn, added: &[EdgeRow], removed: &[EdgeRow], own: Option<Key>) -> Result<()> {
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
        self.time_edges(conn, added, removed)?;
        self.record_edges(conn, added, removed)
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
            RelationshipChange::Change(edge, reference) => self.change(conn, *edge, reference),
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
                Found::Object { kind, key, properties, .. } => fresh.push(self.edge(&kind, key, &properties)),
                Found::Nothing { value, element } => changed |= self.record(conn, &value, &element)?,
            }
        }
        Ok(self.insert(conn, fresh)? || changed)
    }

    /// Changes one edge of this object.
    fn change(&self, conn: &mut Conn, id: Key, reference: &Reference) -> Result<bool> {
        let (tenant, side) = (self.ctx.actor.tenant, self.relationship.side);
        let missing = || Fault::new(Kind::NotFound, "no such relationship");
        let edge = edges::get(conn, tenant, id)?.ok_or_else(missing)?;
        let mut found = self.resolve(conn, std::slice::from_ref(reference), true)?;
        let want = match found.pop() {
            Some(Found::Object { kind, key, properties, .. }) => Some(self.edge(&kind, key, &properties)),
            _ => None,
        };
        if edge.is_conditional() {
            // Restating it is no change.
            let same = want.is_none() && self.find(conn, reference)?.is_some_and(|(_, far)| far == edge.other(side));
            return if same { Ok(false) } else { Err(self.ctx.conditional_refusal(conn, edge.to_key)?.into()) };
        }
        let Some(want) = want else {
            let text = "_grantType 'conditional' is set by a role's condition alone";
            return Err(Fault::new(Kind::InvalidValue, text).into());
        };
        let beside = edges::find(conn, tenant, &want.relation, want.from_key, want.to_key)?;
        if beside.iter().any(|other| other.id != id && other.variant == want.variant) {
            return Err(self.duplicate(conn, &want)?.into());
        }
        let (mut amended, mut gone, mut fresh) = (Vec::new(), Vec::new(), Vec::new());
        self.turn(edge, want, &mut amended, &mut gone, &mut fresh)?;
        let changed = self.amend(conn, &amended)?;
        let changed = self.delete(conn, gone)? || changed;
        Ok(self.put(conn, &fresh)? || changed)
    }

    fn remove(&self, conn: &mut Conn, references: &[Reference]) -> Result<bool> {
        let (tenant, side) = (self.ctx.actor.tenant, self.relationship.side);
        let mut gone: BTreeMap<Key, EdgeRow> = BTreeMap::new();
        let mut changed = false;
        for reference in references {
            if let Reference::Loose { value, .. } = reference {
                changed |= unresolved::remove(conn, tenant, self.key, &self.relationship.relation, value)?;
            }
            let Some((_, far)) = self.find(conn, reference)? else { continue };
            let (from, to) = if side == Side::From { (self.key, far) } else { (far, self.key) };
            let here = edges::find(conn, tenant, &self.relationship.relation, from, to)?;
            gone.extend(self.named(conn, reference, &here)?.into_iter().map(|edge| (edge.id, edge.clone())));
        }
        Ok(self.delete(conn, gone.into_values().collect())? || changed)
    }

    /// Which of the parallel edges to one object a reference names, for removal.
    pub(super) fn named<'e>(&self, conn: &mut Conn, reference: &Reference, here: &'e [EdgeRow]) -> Result<Vec<&'e EdgeRow>> {
        let named = |e: &&EdgeRow| match reference {
            Reference::Exact { edge: Some(id), .. } => e.id == *id,
            Reference::Exact { grant_type, properties: Some(given), .. } => e.variant == edge::variant(grant_type, given),
            // Nothing is said but whom it leads to.
            Reference::Exact { .. } | Reference::Loose { .. } => !e.is_conditional(),
        };
        let mut found: Vec<&EdgeRow> = here.iter().filter(named).collect();
        // A bare reference equals the edge without properties, if there is one.
        if let (Reference::Exact { .. }, Some(plain)) = (reference, found.iter().position(|e| e.variant == STATIC)) {
            found = vec![found[plain]];
        }
        match here.iter().find(|e| e.is_conditional()) {
            Some(edge) if found.is_empty() || found.iter().any(|e| e.is_conditional()) => {
                Err(self.ctx.conditional_refusal(conn, edge.to_key)?.into())
            }
            _ => Ok(found),
        }
    }

    /// Makes those edges that are not there.
    fn insert(&self, conn: &mut Conn, rows: Vec<EdgeRow>) -> Result<bool> {
        let side = self.relationship.side;
        let idm = self.ctx.actor.dialect == Dialect::Idm;
        let others: Vec<Key> = rows.iter().map(|row| row.other(side)).collect();
        let mut here = self.beside(conn, &others)?;
        let mut fresh: Vec<EdgeRow> = Vec::with_capacity(rows.len());
        let mut changed = false;
        for row in rows {
            let beside = here.entry(row.other(side)).or_default();
            if idm && beside.iter().any(|e| e.variant == row.variant) {
                return Err(self.duplicate(conn, &row)?.into());
            }
            // What is out of its time does not give what is wished for.
            let mut standing = Vec::new();
            for edge in beside.iter().filter(|e| !idm && !e.is_conditional()) {
                if holds([temporal::interval(edge)?], self.ctx.now) {
                    standing.push(edge);
                }
            }
            match standing.into_iter().min_by(|a, b| a.variant.cmp(&b.variant)) {
                None => {
                    beside.push(row.clone());
                    fresh.push(row);
                }
                Some(known) if row.properties.is_some() && known.id != row.id => changed |= self.keep(conn, known, &row)?,
                Some(_) => {}
            }
        }
        Ok(self.put(conn, &fresh)? || changed)
    }

    pub(super) fn put(&self, conn: &mut Conn, fresh: &[EdgeRow]) -> Result<bool> {
        if fresh.is_empty() {
            return Ok(false);
        }
        self.guard(conn, fresh)?;
        edges::insert_many(conn, self.ctx.actor.tenant, fresh)?;
        for edge in fresh.iter().filter(|edge| edge.relation == GRANT) {
            self.ctx.touched.note(Touch::Grant(Box::new(edge.clone())));
        }
        self.ctx.after_edges(conn, fresh, &[], Some(self.key))?;
        Ok(true)
    }

    pub(super) fn delete(&self, conn: &mut Conn, rows: Vec<EdgeRow>) -> Result<bool> {
        if rows.is_empty() {
            return Ok(false);
        }
        self.guard_roles(conn, &rows)?;
        let ids: Vec<Key> = rows.iter().map(|edge| edge.id).collect();
        edges::delete_by_ids(conn, self.ctx.actor.tenant, &ids)?;
        self.ctx.after_edges(conn, &[], &rows, Some(self.key))?;
        Ok(true)
    }

    /// Gives edges other properties; each pair is before and after. No object's revision moves.
    pub(super) fn amend(&self, conn: &mut Conn, pairs: &[(EdgeRow, EdgeRow)]) -> Result<bool> {
        if pairs.is_empty() {
            return Ok(false);
        }
        let after: Vec<EdgeRow> = pairs.iter().map(|(_, after)| after.clone()).collect();
        self.guard_roles(conn, &after)?;
        self.ctx.guard_edges(conn, &self.relationship.relation, &after)?;
        // Several may change places, so all go before any comes.
        let ids: Vec<Key> = pairs.iter().map(|(before, _)| before.id).collect();
        edges::delete_by_ids(conn, self.ctx.actor.tenant, &ids)?;
        edges::insert_many(conn, self.ctx.actor.tenant, &after)?;
        let before: Vec<EdgeRow> = pairs.iter().map(|(before, _)| before.clone()).collect();
        self.ctx.time_edges(conn, &after, &before)?;
        self.ctx.record_amended(conn, pairs)?;
        Ok(true)
    }

    pub(super) fn edge(&self, kind: &str, far: Key, properties: &EdgeProperties) -> EdgeRow {
        let (near, far) = ((self.kind.name.clone(), self.key), (kind.to_owned(), far));
        let (from, to) = if self.relationship.side == Side::From { (near, far) } else { (far, near) };
        EdgeRow {
            relation: self.relationship.relation.clone(),
            from_key: from.1,
            to_key: to.1,
            variant: edge::variant(STATIC, &properties.shown),
            id: Key::new(random::key()),
            from_type: from.0,
            to_type: to.0,
            rev: 1,
            created: self.ctx.now,
            properties: properties.to_text(),
        }
    }

    pub(super) fn record(&self, conn: &mut Conn, value: &str, element: &str) -> Result<bool> {
        let row = UnresolvedRow {
            key: self.key,
            relation: self.relationship.relation.clone(),
            value: value.to_owned(),
            element: element.to_owned(),
            created: self.ctx.now,
        };
        Ok(unresolved::add(conn, self.ctx.actor.tenant, &[row])? > 0)
    }

    pub(super) fn unresolved(&self, conn: &mut Conn) -> Result<Vec<UnresolvedRow>> {
        let mut all = unresolved::of(conn, self.ctx.actor.tenant, self.key)?;
        all.retain(|row| row.relation == self.relationship.relation);
        Ok(all)
    }

    /// The SCIM elements that the attribute of this relationship shows.
    fn elements(&self, conn: &mut Conn) -> Result<Vec<Value>> {
        let mut elements: Vec<Value> = Vec::new();
        if self.relationship.relation == GRANT && self.relationship.side == Side::From {
            let roles = effective::roles(self.ctx, conn, self.kind, &[self.key])?.remove(&self.key).unwrap_or_default();
            elements.extend(roles.iter().map(EffectiveRole::to_scim));
        } else {
            let related = self.ctx.related(conn, self.relationship, &[self.key])?.remove(&self.key).unwrap_or_default();
            elements.extend(distinct(&related).map(Related::to_member));
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
