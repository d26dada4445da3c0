//! A relationship written as a whole: which edges stay, which change, which come and go (spec/idm.md §2.4).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::edges::Writer;
use super::load::edge_properties;
use super::references::Found;
use super::{Result, temporal};
use crate::domain::dialect::Dialect;
use crate::domain::key::Key;
use crate::domain::relation::Reference;
use crate::domain::schema::Side;
use crate::domain::schema::relationship::GRANT;
use crate::domain::temporal::holds;
use crate::store::edges::EdgeRow;
use crate::store::{Conn, edges, unresolved};

impl Writer<'_> {
    pub(super) fn replace(&self, conn: &mut Conn, references: &[Reference]) -> Result<bool> {
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
    pub(super) fn turn(
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
    pub(super) fn keep(&self, conn: &mut Conn, edge: &EdgeRow, want: &EdgeRow) -> Result<bool> {
        let (mut now, kept) = (edge_properties(edge)?, edge_properties(want)?.kept);
        if now.kept == kept {
            return Ok(false);
        }
        now.kept = kept;
        Ok(edges::update_properties(conn, self.ctx.actor.tenant, edge.id, edge.rev, now.to_text().as_deref())?)
    }
}
