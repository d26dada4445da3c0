//! Relationship endpoints: the edges of one property of one object, each by its own id (spec/idm.md §2.3).

use std::sync::Arc;

use super::load::far_end;
use super::{Context, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::domain::relation::{Precondition, Reference, RelationshipChange, RelationshipWrite};
use crate::domain::resource::{Related, Resource};
use crate::domain::schema::{ObjectType, Relationship, Side};
use crate::domain::time::Timestamp;
use crate::store::edges::EdgeRow;
use crate::store::{Conn, edges, objects};

/// A relationship property of one object.
#[derive(Debug, Clone)]
pub struct Property {
    /// Type of the object.
    pub kind: Arc<ObjectType>,
    /// Its wire id.
    pub wire_id: String,
    /// Name of the property.
    pub name: String,
}

/// The other end of an edge with its whole object.
#[derive(Debug, Clone)]
pub struct Linked {
    /// The edge and whom it leads to.
    pub related: Related,
    /// The object there.
    pub target: Resource,
}

/// A place in the order of an object's edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The far end.
    pub far: Key,
    /// The variant of the edge.
    pub variant: String,
}

impl Mark {
    // The store compares far end and variant alone.
    fn edge(self) -> EdgeRow {
        EdgeRow {
            relation: String::new(),
            from_key: self.far,
            to_key: self.far,
            variant: self.variant,
            id: self.far,
            from_type: String::new(),
            to_type: String::new(),
            rev: 0,
            created: Timestamp::default(),
            properties: None,
        }
    }
}

impl Service {
    /// The edges of a property, in the order of the far ends' keys, at most `limit` after a mark; and the mark of the last, if
    /// more follow.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for an unknown object or property.
    pub async fn edges(
        &self,
        actor: &Actor,
        property: Property,
        after: Option<Mark>,
        limit: usize,
    ) -> Result<(Vec<Linked>, Option<Mark>)> {
        let ctx = self.context(actor);
        self.store()
            .read(move |conn| {
                let (relationship, near) = ctx.property(conn, &property)?;
                let (tenant, relation, side) = (ctx.actor.tenant, &relationship.relation, relationship.side);
                let last = after.map(|mark| mark.edge());
                let reach = super::load::limit(limit.saturating_add(1));
                let mut rows = edges::of(conn, tenant, relation, side, near, last.as_ref(), reach)?;
                let more = rows.len() > limit;
                rows.truncate(limit);
                let mark =
                    rows.last().filter(|_| more).map(|row| Mark { far: far_end(row, side).1, variant: row.variant.clone() });
                Ok((ctx.linked(conn, &relationship, rows)?, mark))
            })
            .await
    }

    /// One edge of a property; without `edge` the only one of a singleton.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn edge(&self, actor: &Actor, property: Property, edge: Option<Key>) -> Result<Linked> {
        let ctx = self.context(actor);
        self.store()
            .read(move |conn| {
                let (relationship, near) = ctx.property(conn, &property)?;
                let row = ctx.edge_row(conn, &relationship, near, edge)?;
                ctx.one_linked(conn, &relationship, row)
            })
            .await
    }

    /// Makes an edge; on a singleton it takes the place of what is there, of which `precondition` speaks.
    ///
    /// # Errors
    /// As for relationship writes of an object; [`Kind::PreconditionFailed`].
    pub async fn create_edge(
        &self,
        actor: &Actor,
        property: Property,
        reference: Reference,
        precondition: Precondition,
    ) -> Result<Linked> {
        self.write(actor, move |ctx, tx| {
            let (relationship, near) = ctx.property(tx, &property)?;
            if precondition != Precondition::None {
                let here = edges::of(tx, ctx.actor.tenant, &relationship.relation, relationship.side, near, None, 1)?;
                let admitted = match here.first() {
                    Some(edge) => precondition.admits(edge.rev),
                    None => precondition == Precondition::Absent,
                };
                if !admitted {
                    return Err(Fault::of(Kind::PreconditionFailed).into());
                }
            }
            let before = ctx.edge_keys(tx, &relationship, near, &reference)?;
            let write =
                RelationshipWrite { property: property.name.clone(), change: RelationshipChange::Add(vec![reference.clone()]) };
            if ctx.write_relationships(tx, &property.kind, near, &[write])? {
                objects::bump(tx, ctx.actor.tenant, &property.kind.name, near, ctx.now)?;
            }
            let after = ctx.edge_keys(tx, &relationship, near, &reference)?;
            let made = after.iter().find(|e| !before.iter().any(|b| b.id == e.id)).or(after.first());
            let row = made.cloned().ok_or_else(|| Fault::new(Kind::NotFound, "no such relationship"))?;
            ctx.one_linked(tx, &relationship, row)
        })
        .await
    }

    /// Takes an edge away; the answer is what it was.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::PreconditionFailed`], [`Kind::Conflict`] for a conditional grant.
    pub async fn delete_edge(
        &self,
        actor: &Actor,
        property: Property,
        edge: Option<Key>,
        precondition: Precondition,
    ) -> Result<Linked> {
        self.write(actor, move |ctx, tx| {
            let (relationship, near) = ctx.property(tx, &property)?;
            let row = ctx.edge_row(tx, &relationship, near, edge)?;
            if !precondition.admits(row.rev) {
                return Err(Fault::of(Kind::PreconditionFailed).into());
            }
            let linked = ctx.one_linked(tx, &relationship, row.clone())?;
            let reference = Reference::Exact {
                kind: linked.target.kind.name.clone(),
                id: linked.target.wire_id.clone(),
                edge: Some(row.id),
                grant_type: row.variant,
            };
            let write =
                RelationshipWrite { property: property.name.clone(), change: RelationshipChange::Remove(vec![reference]) };
            if ctx.write_relationships(tx, &property.kind, near, &[write])? {
                objects::bump(tx, ctx.actor.tenant, &property.kind.name, near, ctx.now)?;
            }
            Ok(linked)
        })
        .await
    }
}

impl Context {
    fn property(&self, conn: &mut Conn, property: &Property) -> Result<(Relationship, Key)> {
        let row = self.find(conn, &property.kind, &property.wire_id)?;
        let relationship = property.kind.relationship(&property.name).cloned();
        let missing = || Fault::new(Kind::NotFound, format!("{} has no such relationship", property.kind.name));
        Ok((relationship.ok_or_else(missing)?, row.key))
    }

    fn edge_row(&self, conn: &mut Conn, relationship: &Relationship, near: Key, edge: Option<Key>) -> Result<EdgeRow> {
        let found = match edge {
            Some(id) => edges::get(conn, self.actor.tenant, id)?,
            None => edges::of(conn, self.actor.tenant, &relationship.relation, relationship.side, near, None, 1)?.pop(),
        };
        let ours = found.filter(|e| {
            let end = if relationship.side == Side::From { e.from_key } else { e.to_key };
            e.relation == relationship.relation && end == near
        });
        ours.ok_or_else(|| Fault::new(Kind::NotFound, "no such relationship").into())
    }

    fn edge_keys(&self, conn: &mut Conn, relationship: &Relationship, near: Key, reference: &Reference) -> Result<Vec<EdgeRow>> {
        let Reference::Exact { kind, id, .. } = reference else { return Ok(Vec::new()) };
        let Some(far) = objects::get_by_wire_id(conn, self.actor.tenant, kind, id)? else { return Ok(Vec::new()) };
        let (from, to) = if relationship.side == Side::From { (near, far.key) } else { (far.key, near) };
        Ok(edges::find(conn, self.actor.tenant, &relationship.relation, from, to)?)
    }

    fn one_linked(&self, conn: &mut Conn, relationship: &Relationship, row: EdgeRow) -> Result<Linked> {
        let mut all = self.linked(conn, relationship, vec![row])?;
        all.pop().ok_or_else(|| Fault::new(Kind::NotFound, "no such relationship").into())
    }

    fn linked(&self, conn: &mut Conn, relationship: &Relationship, rows: Vec<EdgeRow>) -> Result<Vec<Linked>> {
        let mut targets = self.targets(conn, relationship, &rows)?;
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            let (_, far) = far_end(&row, relationship.side);
            let Some(target) = targets.get_mut(&far) else { continue };
            let related = Related {
                kind: target.kind.clone(),
                key: far,
                wire_id: target.wire_id.clone(),
                label: target.label().map(str::to_owned),
                indirect: false,
                edge: Some(super::load::edge(&row)?),
            };
            out.push(Linked { related, target: target.clone() });
        }
        Ok(out)
    }

    fn targets(
        &self,
        conn: &mut Conn,
        relationship: &Relationship,
        rows: &[EdgeRow],
    ) -> Result<std::collections::HashMap<Key, Resource>> {
        let mut out = std::collections::HashMap::with_capacity(rows.len());
        for name in &relationship.types {
            let ends = rows.iter().map(|row| far_end(row, relationship.side));
            let keys: Vec<Key> = ends.filter(|(kind, _)| kind == name).map(|(_, key)| key).collect();
            let kind = self.kind(name)?;
            let found = objects::many(conn, self.actor.tenant, name, &keys)?;
            for resource in self.resources(conn, &kind, found, &super::load::Needs::nothing())? {
                out.insert(resource.key, resource);
            }
        }
        Ok(out)
    }
}
