//! From rows to [`Resource`]s, with just the relationships that are needed; always for many at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::effective::{self, Memberships};
use super::{Context, Result, ServiceError};
use crate::domain::edge::EdgeProperties;
use crate::domain::key::{Key, ObjectRef};
use crate::domain::resource::{Edge, Related, Resource};
use crate::domain::schema::relationship::GRANT;
use crate::domain::schema::{AttrPath, Backing, Home, ObjectType, Relationship, Side};
use crate::domain::written::Written;
use crate::store::edges::EdgeRow;
use crate::store::objects::ObjectRow;
use crate::store::{Conn, edges, objects, unresolved};

/// The relationship property that shows memberships.
const GROUPS: &str = "groups";

/// Which relationship properties to load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    // Each with the most edges that are loaded for it; a property that has more is left out.
    properties: BTreeMap<String, usize>,
    effective_roles: bool,
    effective_assignments: bool,
}

impl Needs {
    /// Nothing but the object itself.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// What the SCIM attributes of `kind` show, as far as `wanted` says so of the relationship property.
    pub fn scim(kind: &ObjectType, wanted: impl Fn(&str) -> bool) -> Self {
        let mut needs = Self::default();
        for name in kind.paths().filter_map(|(_, a)| a.relationship.as_deref()).filter(|n| wanted(n)) {
            match kind.relationship(name) {
                Some(r) if r.backing == Backing::Grant && r.side == Side::From => needs.effective_roles = true,
                _ => _ = needs.properties.insert(name.to_owned(), usize::MAX),
            }
        }
        needs
    }

    /// Adds the edges of a relationship property.
    #[must_use]
    pub fn and(mut self, property: &str) -> Self {
        self.properties.insert(property.to_owned(), usize::MAX);
        self
    }

    /// Leaves a property out of the resource when it has more than `limit` edges. For single objects.
    #[must_use]
    pub fn at_most(mut self, property: &str, limit: usize) -> Self {
        if let Some(most) = self.properties.get_mut(property) {
            *most = limit;
        }
        self
    }

    /// Leaves out what a list of the base schema of `kind` shows of a relationship when there are more than `limit` edges. For
    /// single objects.
    pub(super) fn crowds_at_most(mut self, kind: &ObjectType, limit: usize) -> Self {
        for (_, relationship) in crowds(kind) {
            self = self.at_most(&relationship.name, limit);
        }
        self
    }

    /// What was left out of an object because there is too much of it.
    pub(super) fn left_out<'k>(
        &self,
        kind: &'k ObjectType,
        head: &Resource,
    ) -> impl Iterator<Item = (AttrPath, &'k Relationship)> {
        crowds(kind).filter(|(_, r)| self.properties.contains_key(&r.name) && !head.related.contains_key(&r.name))
    }

    /// Adds the roles in effect.
    #[must_use]
    pub fn and_effective_roles(mut self) -> Self {
        self.effective_roles = true;
        self
    }

    /// Adds the assignments in effect, and with them the roles.
    #[must_use]
    pub fn and_effective_assignments(mut self) -> Self {
        self.effective_assignments = true;
        self.and_effective_roles()
    }

    /// All that `other` needs too.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        self.properties.extend(other.properties);
        self.effective_roles |= other.effective_roles;
        self.effective_assignments |= other.effective_assignments;
        self
    }
}

// The lists of the base schema that show edges one by one; a user's groups are shown with those above them.
fn crowds(kind: &ObjectType) -> impl Iterator<Item = (AttrPath, &Relationship)> {
    let home = Home::Schema(0);
    let lists = kind.attributes_of(home).iter().enumerate().filter(|(_, a)| a.multi_valued);
    lists.filter_map(move |(attribute, definition)| {
        let relationship = kind.relationship(definition.relationship.as_deref()?)?;
        let plain = relationship.name != GROUPS && !(relationship.backing == Backing::Grant && relationship.side == Side::From);
        plain.then_some((AttrPath { home, attribute, sub: None }, relationship))
    })
}

/// What stands for an object in a reference to it.
#[derive(Debug, Clone)]
pub(crate) struct Label {
    pub(crate) kind: Arc<ObjectType>,
    pub(crate) wire_id: String,
    pub(crate) name: Option<String>,
}

impl Label {
    pub(super) fn related(&self, key: Key, edge: Option<Edge>) -> Related {
        Related { edge, kind: self.kind.clone(), key, wire_id: self.wire_id.clone(), label: self.name.clone(), indirect: false }
    }
}

/// The document of a row.
pub(crate) fn document(row: &ObjectRow) -> Result<Map<String, Value>> {
    serde_json::from_str(&row.doc).map_err(|e| ServiceError::Damaged(format!("document of {} {}: {e}", row.kind, row.key)))
}

/// `externalId` of a row as `source` knows it.
pub(crate) fn external_id(row: &ObjectRow, source: &str) -> Option<String> {
    let all: HashMap<String, String> = serde_json::from_str(row.external_ids.as_deref()?).ok()?;
    all.get(source).cloned()
}

/// A resource with its document parsed.
///
/// # Errors
/// When the document is damaged.
pub fn parsed(written: Written) -> Result<Resource> {
    let (kind, key) = (written.head.kind.clone(), written.head.key);
    written.parse().map_err(|e| ServiceError::Damaged(format!("document of {} {key}: {e}", kind.name)))
}

impl Context {
    /// One resource.
    pub(crate) fn resource(&self, conn: &mut Conn, kind: &Arc<ObjectType>, row: ObjectRow, needs: &Needs) -> Result<Resource> {
        self.one_written(conn, kind, row, needs).and_then(parsed)
    }

    /// One resource with its document as text.
    pub(crate) fn one_written(&self, conn: &mut Conn, kind: &Arc<ObjectType>, row: ObjectRow, needs: &Needs) -> Result<Written> {
        let mut all = self.written(conn, kind, vec![row], needs)?;
        all.pop().ok_or_else(|| ServiceError::Damaged("a row without a resource".into()))
    }

    /// Resources of one type, in the order of their rows.
    pub(crate) fn resources(
        &self,
        conn: &mut Conn,
        kind: &Arc<ObjectType>,
        rows: Vec<ObjectRow>,
        needs: &Needs,
    ) -> Result<Vec<Resource>> {
        self.written(conn, kind, rows, needs)?.into_iter().map(parsed).collect()
    }

    /// Resources of one type with their documents as text, in the order of their rows.
    pub(crate) fn written(
        &self,
        conn: &mut Conn,
        kind: &Arc<ObjectType>,
        rows: Vec<ObjectRow>,
        needs: &Needs,
    ) -> Result<Vec<Written>> {
        let keys: Vec<Key> = rows.iter().map(|r| r.key).collect();
        let mut out: Vec<Written> = rows.into_iter().map(|row| self.bare(kind, row)).collect();
        // Groups and roles both start from the memberships.
        let memberships = if needs.effective_roles || needs.properties.contains_key(GROUPS) {
            Memberships::load(self, conn, kind, &keys)?
        } else {
            Memberships::default()
        };
        for (name, most) in &needs.properties {
            let Some(relationship) = kind.relationship(name) else { continue };
            let mut related = match keys[..] {
                _ if name == GROUPS => self.groups(conn, relationship, &memberships)?,
                [one] if *most < usize::MAX => {
                    let (tenant, side) = (self.actor.tenant, relationship.side);
                    let rows = edges::of(conn, tenant, &relationship.relation, side, one, None, limit(most.saturating_add(1)))?;
                    if rows.len() > *most {
                        continue;
                    }
                    self.ends(conn, side, &rows)?
                }
                _ => self.related(conn, relationship, &keys)?,
            };
            for resource in out.iter_mut().map(|w| &mut w.head) {
                resource.related.insert(name.clone(), related.remove(&resource.key).unwrap_or_default());
            }
        }
        if needs.effective_roles {
            let mut roles = effective::roles_through(self, conn, &keys, &memberships)?;
            let mut loose: HashMap<Key, Vec<Value>> = HashMap::new();
            for row in unresolved::of_many(conn, self.actor.tenant, &keys)?.into_iter().filter(|r| r.relation == GRANT) {
                loose.entry(row.key).or_default().extend(serde_json::from_str::<Value>(&row.element).ok());
            }
            for resource in out.iter_mut().map(|w| &mut w.head) {
                resource.effective_roles = Some(roles.remove(&resource.key).unwrap_or_default());
                resource.unresolved_roles = loose.remove(&resource.key).unwrap_or_default();
            }
        }
        if needs.effective_assignments {
            let roles = |w: &Written| w.head.effective_roles.iter().flatten().map(|role| role.key).collect();
            let holders = out.iter().map(|w| (w.head.key, roles(w))).collect();
            let mut assignments = self.effective_assignments(conn, &holders)?;
            for resource in out.iter_mut().map(|w| &mut w.head) {
                resource.effective_assignments = assignments.remove(&resource.key).unwrap_or_default();
            }
        }
        Ok(out)
    }

    fn bare(&self, kind: &Arc<ObjectType>, row: ObjectRow) -> Written {
        let head = Resource {
            kind: kind.clone(),
            key: row.key,
            rev: row.rev,
            created: row.created,
            modified: row.modified,
            external_id: external_id(&row, &self.actor.source),
            doc: Map::new(),
            wire_id: row.wire_id,
            related: BTreeMap::new(),
            effective_roles: None,
            effective_assignments: Vec::new(),
            unresolved_roles: Vec::new(),
        };
        Written { head, doc: row.doc }
    }

    /// What stands at the other end of a relationship, for each of `keys`.
    pub(crate) fn related(
        &self,
        conn: &mut Conn,
        relationship: &Relationship,
        keys: &[Key],
    ) -> Result<HashMap<Key, Vec<Related>>> {
        let rows = edges::of_many(conn, self.actor.tenant, &relationship.relation, relationship.side, keys)?;
        self.ends(conn, relationship.side, &rows)
    }

    fn ends(&self, conn: &mut Conn, side: Side, rows: &[EdgeRow]) -> Result<HashMap<Key, Vec<Related>>> {
        let labels = self.labels(conn, rows.iter().map(|row| far_end(row, side)))?;
        let mut out: HashMap<Key, Vec<Related>> = HashMap::new();
        for row in rows {
            let (near, far) = if side == Side::From { (row.from_key, row.to_key) } else { (row.to_key, row.from_key) };
            let Some(label) = labels.get(&far) else { continue };
            out.entry(near).or_default().push(label.related(far, Some(edge(row)?)));
        }
        Ok(out)
    }

    // A user's `groups` names those reached through other groups too (RFC 7643 §4.1.2).
    fn groups(
        &self,
        conn: &mut Conn,
        relationship: &Relationship,
        memberships: &Memberships,
    ) -> Result<HashMap<Key, Vec<Related>>> {
        let mut out = self.ends(conn, relationship.side, &memberships.direct)?;
        let above: BTreeSet<Key> = memberships.above.values().flatten().copied().collect();
        if above.is_empty() {
            return Ok(out);
        }
        let labels = self.labels(conn, above.iter().map(|key| ("group".to_owned(), *key)))?;
        for list in out.values_mut() {
            let direct: BTreeSet<Key> = list.iter().map(|r| r.key).collect();
            let reached = direct.iter().filter_map(|group| memberships.above.get(group)).flatten().copied();
            let indirect: BTreeSet<Key> = reached.filter(|key| !direct.contains(key)).collect();
            let reached =
                indirect.into_iter().filter_map(|key| Some(Related { indirect: true, ..labels.get(&key)?.related(key, None) }));
            list.extend(reached);
        }
        Ok(out)
    }

    /// Wire id and name of objects of any types.
    pub(crate) fn labels(&self, conn: &mut Conn, ends: impl Iterator<Item = (String, Key)>) -> Result<HashMap<Key, Label>> {
        let of: BTreeSet<ObjectRef> = ends.map(|(kind, key)| ObjectRef { kind, key }).collect();
        let of: Vec<ObjectRef> = of.into_iter().collect();
        let mut out = HashMap::with_capacity(of.len());
        for (key, row) in objects::labels(conn, self.actor.tenant, &of)? {
            out.insert(key, Label { kind: self.kind(&row.kind)?, wire_id: row.wire_id, name: row.label });
        }
        Ok(out)
    }

    /// The object type of this name.
    pub(crate) fn kind(&self, name: &str) -> Result<Arc<ObjectType>> {
        let found = self.actor.types.by_name(name).cloned();
        found.ok_or_else(|| ServiceError::Damaged(format!("a row of an unknown type '{name}'")))
    }
}

/// A count as the store takes it.
pub(crate) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Type and key at the far end of an edge, seen from `side`.
pub(crate) fn far_end(row: &EdgeRow, side: Side) -> (String, Key) {
    match side {
        Side::From => (row.to_type.clone(), row.to_key),
        Side::To => (row.from_type.clone(), row.from_key),
    }
}

/// What an edge row says.
pub(crate) fn edge(row: &EdgeRow) -> Result<Edge> {
    let EdgeProperties { shown, kept } = edge_properties(row)?;
    Ok(Edge { id: row.id, rev: row.rev, variant: row.variant.clone(), properties: shown, kept })
}

/// What clients gave an edge.
pub(crate) fn edge_properties(row: &EdgeRow) -> Result<EdgeProperties> {
    EdgeProperties::parse(row.properties.as_deref()).map_err(|e| ServiceError::Damaged(format!("edge {}: {e}", row.id)))
}
