//! Many edges of one list made and taken away in one transaction, as sets.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::edges::Writer;
use super::references::Found;
use super::relationships::Property;
use super::{Result, Service};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::domain::relation::Reference;
use crate::domain::schema::Side;
use crate::store::edges::EdgeRow;
use crate::store::{Conn, edges, objects};

/// What is to become of a list.
#[derive(Debug, Clone, Default)]
pub struct Bulk {
    /// Taken away first.
    pub remove: Vec<Named>,
    /// Then made.
    pub add: Vec<Reference>,
}

/// How an edge is named that is to go.
#[derive(Debug, Clone)]
pub enum Named {
    /// By its id.
    Edge(Key),
    /// By what it leads to, as in a PATCH.
    Reference(Reference),
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Edges made.
    pub added: usize,
    /// References whose edge was there already.
    pub already: usize,
    /// Edges taken away.
    pub removed: usize,
    /// Names of edges that were not there.
    pub absent: usize,
}

impl Service {
    /// Takes edges of a list away and makes others, all or none.
    ///
    /// # Errors
    /// As for relationship writes of an object; [`Kind::MethodNotAllowed`] for a singleton. An edge that is there already, or
    /// not, is none.
    pub async fn bulk_edges(&self, actor: &Actor, property: Property, bulk: Bulk) -> Result<Counts> {
        self.write(actor, move |ctx, tx| {
            let (relationship, near) = ctx.property(tx, &property)?;
            if !relationship.many {
                return Err(Fault::of(Kind::MethodNotAllowed).into());
            }
            let writer = Writer { ctx, kind: &property.kind, key: near, relationship: &relationship };
            let mut counts = Counts::default();
            writer.take_away(tx, &bulk.remove, &mut counts)?;
            writer.make(tx, &bulk.add, &mut counts)?;
            if relationship.moves_rev && counts.added + counts.removed > 0 {
                objects::bump(tx, ctx.actor.tenant, &property.kind.name, near, ctx.now)?;
            }
            Ok(counts)
        })
        .await
    }
}

impl Writer<'_> {
    fn take_away(&self, conn: &mut Conn, named: &[Named], counts: &mut Counts) -> Result<()> {
        let (tenant, side) = (self.ctx.actor.tenant, self.relationship.side);
        let (mut ids, mut references) = (Vec::new(), Vec::new());
        for named in named {
            match named {
                Named::Edge(id) => ids.push(*id),
                Named::Reference(reference) => references.push(reference.clone()),
            }
        }
        let mut gone: BTreeMap<Key, EdgeRow> = BTreeMap::new();
        for edge in edges::by_ids(conn, tenant, &ids)? {
            let near = if side == Side::From { edge.from_key } else { edge.to_key };
            if edge.relation != self.relationship.relation || near != self.key {
                continue;
            }
            if edge.is_conditional() {
                return Err(self.ctx.conditional_refusal(conn, edge.to_key)?.into());
            }
            gone.insert(edge.id, edge);
        }
        counts.absent += ids.iter().filter(|id| !gone.contains_key(id)).count();
        let ends = self.ends(conn, &references)?;
        let far: Vec<Key> = ends.iter().flatten().copied().collect();
        let here = self.beside(conn, &far)?;
        for (reference, end) in references.iter().zip(ends) {
            let beside = end.and_then(|far| here.get(&far)).map_or(&[][..], Vec::as_slice);
            let named = self.named(conn, reference, beside)?;
            counts.absent += usize::from(named.is_empty());
            gone.extend(named.into_iter().map(|edge| (edge.id, edge.clone())));
        }
        counts.removed = gone.len();
        self.delete(conn, gone.into_values().collect())?;
        Ok(())
    }

    fn make(&self, conn: &mut Conn, references: &[Reference], counts: &mut Counts) -> Result<()> {
        let side = self.relationship.side;
        let mut wanted = Vec::with_capacity(references.len());
        for found in self.resolve(conn, references, false)? {
            if let Found::Object { kind, key, properties, .. } = found {
                wanted.push(self.edge(&kind, key, &properties));
            }
        }
        let far: Vec<Key> = wanted.iter().map(|edge| edge.other(side)).collect();
        let mut here = self.beside(conn, &far)?;
        let mut fresh = Vec::with_capacity(wanted.len());
        for edge in wanted {
            let beside = here.entry(edge.other(side)).or_default();
            if beside.iter().any(|other| other.variant == edge.variant) {
                counts.already += 1;
            } else {
                beside.push(edge.clone());
                fresh.push(edge);
            }
        }
        counts.added = fresh.len();
        self.put(conn, &fresh)?;
        Ok(())
    }

    /// The edges from here to others, by the far end.
    pub(super) fn beside(&self, conn: &mut Conn, far: &[Key]) -> Result<HashMap<Key, Vec<EdgeRow>>> {
        let (tenant, side) = (self.ctx.actor.tenant, self.relationship.side);
        let mut out: HashMap<Key, Vec<EdgeRow>> = HashMap::new();
        for edge in edges::between(conn, tenant, &self.relationship.relation, side, self.key, far)? {
            out.entry(edge.other(side)).or_default().push(edge);
        }
        Ok(out)
    }
}
