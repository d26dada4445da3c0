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

/// What becomes of an edge, from what it is. Called in the write's transaction, perhaps more than once.
pub type EdgeChange = Arc<dyn Fn(&Linked) -> std::result::Result<Reference, Fault> + Send + Sync>;

/// The other end of an edge with its whole object.
#[derive(Debug, Clone)]
pub struct Linked {
    /// The edge and whom it leads to.
    pub related: Related,
    /// The object there.
    pub target: Resource,
}

impl Service {
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
            ctx.create_edge(tx, &property, &relationship, near, &reference)
        })
        .await
    }

    /// Sets a singleton: the edge that is there leads elsewhere and keeps its id, or one is made.
    ///
    /// # Errors
    /// As [`Service::create_edge`].
    pub async fn put_edge(
        &self,
        actor: &Actor,
        property: Property,
        reference: Reference,
        precondition: Precondition,
    ) -> Result<Linked> {
        self.write(actor, move |ctx, tx| {
            let (relationship, near) = ctx.property(tx, &property)?;
            let mut here = edges::of(tx, ctx.actor.tenant, &relationship.relation, relationship.side, near, None, 1)?;
            match here.pop() {
                Some(row) => {
                    admit(&precondition, &row)?;
                    ctx.change_edge(tx, &property, &relationship, near, row, reference.clone())
                }
                None if matches!(precondition, Precondition::None | Precondition::Absent) => {
                    ctx.create_edge(tx, &property, &relationship, near, &reference)
                }
                None => Err(Fault::of(Kind::PreconditionFailed).into()),
            }
        })
        .await
    }

    /// Changes an edge: whom it leads to, and its properties. Without `edge` it is the one of a singleton. What it is already
    /// is no write.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::PreconditionFailed`] also for an edge that is there already, [`Kind::Conflict`] for a
    /// conditional grant; those of `change`, and as for relationship writes of an object.
    pub async fn change_edge(
        &self,
        actor: &Actor,
        property: Property,
        edge: Option<Key>,
        change: EdgeChange,
        precondition: Precondition,
    ) -> Result<Linked> {
        self.write(actor, move |ctx, tx| {
            let (relationship, near) = ctx.property(tx, &property)?;
            let row = ctx.edge_row(tx, &relationship, near, edge)?;
            admit(&precondition, &row)?;
            let reference = change(&ctx.one_linked(tx, &relationship, row.clone())?)?;
            ctx.change_edge(tx, &property, &relationship, near, row, reference)
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
            admit(&precondition, &row)?;
            let linked = ctx.one_linked(tx, &relationship, row.clone())?;
            let reference = Reference::Exact {
                kind: linked.target.kind.name.clone(),
                id: linked.target.wire_id.clone(),
                edge: Some(row.id),
                grant_type: row.variant,
                properties: None,
            };
            ctx.write_edge(tx, &property, near, RelationshipChange::Remove(vec![reference]))?;
            Ok(linked)
        })
        .await
    }
}

fn admit(precondition: &Precondition, row: &EdgeRow) -> Result<()> {
    if precondition.admits(row.rev) { Ok(()) } else { Err(Fault::of(Kind::PreconditionFailed).into()) }
}

impl Context {
    fn write_edge(&self, conn: &mut Conn, property: &Property, near: Key, change: RelationshipChange) -> Result<()> {
        let write = RelationshipWrite { property: property.name.clone(), change };
        if self.write_relationships(conn, &property.kind, near, &[write])? {
            objects::bump(conn, self.actor.tenant, &property.kind.name, near, self.now)?;
        }
        Ok(())
    }

    fn create_edge(
        &self,
        conn: &mut Conn,
        property: &Property,
        relationship: &Relationship,
        near: Key,
        reference: &Reference,
    ) -> Result<Linked> {
        let before = self.edge_keys(conn, relationship, near, reference)?;
        self.write_edge(conn, property, near, RelationshipChange::Add(vec![reference.clone()]))?;
        let after = self.edge_keys(conn, relationship, near, reference)?;
        let made = after.iter().find(|e| !before.iter().any(|b| b.id == e.id)).or(after.first());
        let row = made.cloned().ok_or_else(|| Fault::new(Kind::NotFound, "no such relationship"))?;
        self.one_linked(conn, relationship, row)
    }

    fn change_edge(
        &self,
        conn: &mut Conn,
        property: &Property,
        relationship: &Relationship,
        near: Key,
        row: EdgeRow,
        reference: Reference,
    ) -> Result<Linked> {
        self.write_edge(conn, property, near, RelationshipChange::Change(row.id, reference))?;
        let now = self.edge_row(conn, relationship, near, Some(row.id))?;
        self.one_linked(conn, relationship, now)
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

    pub(super) fn linked(&self, conn: &mut Conn, relationship: &Relationship, rows: Vec<EdgeRow>) -> Result<Vec<Linked>> {
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
