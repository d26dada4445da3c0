//! Carrying out what a client asks of an object's relationships: references resolved, edges written as sets, never as arrays.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::load::{edge_properties, far_end};
use super::references::Found;
use super::{Context, Result, effective, temporal};
use crate::domain::dialect::Dialect;
use crate::domain::document::reference;
use crate::domain::edge::{self, EdgeProperties};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::filter::eval;
use crate::domain::key::Key;
use crate::domain::relation::{Reference, RelationshipChange, RelationshipWrite, STATIC};
use crate::domain::resource::{EffectiveRole, Related, distinct, encode_segment};
use crate::domain::schema::relationship::{ASSIGNMENT, AUTHORIZATION, BUNDLE, GRANT, MAX_DEPTH, MEMBERSHIP};
use crate::domain::schema::{ObjectType, Relationship, Side};
use crate::domain::scope::Action;
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

    fn replace(&self, conn: &mut Conn, references: &[Reference]) -> Result<bool> {
        let tenant = self.ctx.actor.tenant;
        let idm = self.ctx.actor.dialect == Dialect::Idm;
        let found = self.resolve(conn, references, true)?;
        let mut here = edges::of(conn, tenant, &self.relationship.relation, self.relationship.side, self.key, None, i64::MAX)?;
        here.retain(|edge| !edge.is_conditional());
        let hidden = if idm || references.is_empty() { Vec::new() } else { self.out_of_time(conn, &mut here)? };
        let mut loose: BTreeMap<String, String> = BTreeMap::new();
        let mut wanted = Vec::new();
        for found in found {
            match found {
                Found::Derived => {}
                Found::Object { kind, key, properties, edge } => wanted.push((edge, self.edge(&kind, key, &properties))),
                Found::Nothing { value, element } => _ = loose.insert(value, element),
            }
        }
        let equal = |a: &EdgeRow, b: &EdgeRow| (a.from_key, a.to_key, &a.variant) == (b.from_key, b.to_key, &b.variant);
        wanted.retain(|(_, want)| !hidden.iter().any(|edge| equal(edge, want)));
        let mut changed = if idm { self.bring_about(conn, here, wanted)? } else { self.bring_about_loosely(conn, here, wanted)? };
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

    /// Takes the grants out of `here` that are not in effect: SCIM does not show them, so that what a client writes back
    /// says nothing of them.
    fn out_of_time(&self, conn: &mut Conn, here: &mut Vec<EdgeRow>) -> Result<Vec<EdgeRow>> {
        if self.relationship.relation != GRANT || self.relationship.side != Side::From || here.is_empty() {
            return Ok(Vec::new());
        }
        let roles = self.ctx.role_intervals(conn, &here.iter().map(|edge| edge.to_key).collect::<Vec<_>>())?;
        let mut hidden = Vec::new();
        for edge in std::mem::take(here) {
            let shown = holds([temporal::interval(&edge)?, roles.get(&edge.to_key).copied()], self.ctx.now);
            if shown { here.push(edge) } else { hidden.push(edge) }
        }
        Ok(hidden)
    }

    /// Makes the edges those that are wanted: who names one changes it, who equals one keeps it (spec/idm.md §2.4).
    fn bring_about(&self, conn: &mut Conn, here: Vec<EdgeRow>, wanted: Vec<(Option<Key>, EdgeRow)>) -> Result<bool> {
        let side = self.relationship.side;
        let mut left: HashMap<Key, EdgeRow> = here.into_iter().map(|edge| (edge.id, edge)).collect();
        let (named, free): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|(id, _)| id.is_some_and(|id| left.contains_key(&id)));
        let (mut gone, mut fresh) = (Vec::new(), Vec::new());
        let mut amended = Vec::new();
        for (id, want) in named {
            let Some(edge) = id.and_then(|id| left.remove(&id)) else { continue };
            self.turn(edge, want, &mut amended, &mut gone, &mut fresh)?;
        }
        let mut equal: HashMap<(Key, String), Key> = left.values().map(|e| ((e.other(side), e.variant.clone()), e.id)).collect();
        for (_, want) in free {
            match equal.remove(&(want.other(side), want.variant.clone())) {
                Some(id) => _ = left.remove(&id),
                None => fresh.push(want),
            }
        }
        gone.extend(left.into_values());
        gone.sort_unstable_by_key(|edge| edge.id);
        let changed = self.delete(conn, gone)?;
        let changed = self.amend(conn, &amended)? || changed;
        Ok(self.put(conn, &fresh)? || changed)
    }

    /// What becomes of an edge that is wanted otherwise: its id stays, its revision moves.
    fn turn(
        &self,
        edge: EdgeRow,
        mut want: EdgeRow,
        amended: &mut Vec<(EdgeRow, EdgeRow)>,
        gone: &mut Vec<EdgeRow>,
        fresh: &mut Vec<EdgeRow>,
    ) -> Result<()> {
        let same_ends = edge.from_key == want.from_key && edge.to_key == want.to_key;
        if same_ends && edge.variant == want.variant {
            return Ok(());
        }
        let mut properties = edge_properties(&want)?;
        properties.kept = edge_properties(&edge)?.kept;
        (want.id, want.rev, want.created, want.properties) = (edge.id, edge.rev + 1, edge.created, properties.to_text());
        if same_ends {
            amended.push((edge, want));
        } else {
            gone.push(edge);
            fresh.push(want);
        }
        Ok(())
    }

    // SCIM knows no parallel references: one stands for all edges that lead there.
    fn bring_about_loosely(&self, conn: &mut Conn, here: Vec<EdgeRow>, wanted: Vec<(Option<Key>, EdgeRow)>) -> Result<bool> {
        let side = self.relationship.side;
        let mut fresh: BTreeMap<Key, EdgeRow> = wanted.into_iter().map(|(_, edge)| (edge.other(side), edge)).collect();
        let mut known = BTreeSet::new();
        let mut gone = Vec::new();
        let mut changed = false;
        for edge in here {
            let far = edge.other(side);
            match fresh.remove(&far) {
                Some(want) => {
                    changed |= self.keep(conn, &edge, &want)?;
                    known.insert(far);
                }
                None if known.contains(&far) => {}
                None => gone.push(edge),
            }
        }
        changed |= self.delete(conn, gone)?;
        Ok(self.put(conn, &fresh.into_values().collect::<Vec<_>>())? || changed)
    }

    /// Makes what SCIM keeps beside an edge that of another.
    fn keep(&self, conn: &mut Conn, edge: &EdgeRow, want: &EdgeRow) -> Result<bool> {
        let (mut now, kept) = (edge_properties(edge)?, edge_properties(want)?.kept);
        if now.kept == kept {
            return Ok(false);
        }
        now.kept = kept;
        Ok(edges::update_properties(conn, self.ctx.actor.tenant, edge.id, edge.rev, now.to_text().as_deref())?)
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
    fn amend(&self, conn: &mut Conn, pairs: &[(EdgeRow, EdgeRow)]) -> Result<bool> {
        if pairs.is_empty() {
            return Ok(false);
        }
        let after: Vec<EdgeRow> = pairs.iter().map(|(_, after)| after.clone()).collect();
        self.guard_roles(conn, &after)?;
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
            GRANT | BUNDLE | ASSIGNMENT | AUTHORIZATION => self.ctx.demand_roles(),
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
