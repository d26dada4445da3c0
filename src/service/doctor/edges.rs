//! Edges: ends that exist and fit, no cycle, one edge where one is allowed; and references that led nowhere.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Map, Value};

use super::super::Result;
use super::super::grants::{ROLE, SUBJECT};
use super::{BATCH, Examiner};
use crate::domain::edge::{self, EdgeProperties};
use crate::domain::key::Key;
use crate::domain::relation::{CONDITIONAL, STATIC};
use crate::domain::schema::relationship::{GRANT, MAX_DEPTH};
use crate::domain::schema::{Registry, Relationship, Side};
use crate::store::edges::EdgeRow;
use crate::store::unresolved::UnresolvedRow;
use crate::store::{audit, edges, unresolved};

impl Examiner<'_> {
    pub(super) fn edges(&mut self) -> Result<()> {
        let mut after: Option<EdgeRow> = None;
        loop {
            let page = audit::edge_page(self.conn, self.tenant.id, after.as_ref(), BATCH)?;
            if page.is_empty() {
                break;
            }
            self.examined.edges += page.len();
            self.ends(&page)?;
            for edge in &page {
                if let Some(what) = misfit(&self.types, edge) {
                    self.note(of(edge), what);
                }
            }
            self.nesting(&page)?;
            self.edge_times(&page)?;
            after = page.into_iter().next_back();
        }
        self.singletons()
    }

    fn ends(&mut self, page: &[EdgeRow]) -> Result<()> {
        let mut ends: BTreeMap<&str, BTreeSet<Key>> = BTreeMap::new();
        for edge in page {
            ends.entry(&edge.from_type).or_default().insert(edge.from_key);
            ends.entry(&edge.to_type).or_default().insert(edge.to_key);
        }
        let mut there: HashSet<(&str, Key)> = HashSet::new();
        for (kind, keys) in ends {
            let found = audit::existing(self.conn, self.tenant.id, kind, &keys)?;
            there.extend(found.into_iter().map(|key| (kind, key)));
        }
        for edge in page {
            for (kind, key) in [(edge.from_type.as_str(), edge.from_key), (edge.to_type.as_str(), edge.to_key)] {
                if !there.contains(&(kind, key)) {
                    self.note(of(edge), format_args!("it leads to {kind} {key}, which does not exist"));
                }
            }
        }
        Ok(())
    }

    // Upwards there are few objects, however many members each has.
    fn nesting(&mut self, page: &[EdgeRow]) -> Result<()> {
        let mut seen = BTreeSet::new();
        for edge in page {
            let acyclic = sides(&self.types, edge).any(|r| r.acyclic);
            if !acyclic || edge.from_type != edge.to_type || !seen.insert((&edge.relation, edge.to_key)) {
                continue;
            }
            let above = edges::ancestors(self.conn, self.tenant.id, &edge.relation, edge.to_key, MAX_DEPTH + 1)?;
            if above.iter().any(|reached| reached.key == edge.to_key) {
                self.note(of(edge), "it closes a cycle");
            } else if above.iter().any(|reached| reached.depth > MAX_DEPTH) {
                self.note(of(edge), format_args!("it is nested more than {MAX_DEPTH} deep"));
            }
        }
        Ok(())
    }

    fn singletons(&mut self) -> Result<()> {
        let types = self.types.clone();
        let single = types.types().flat_map(|kind| kind.relationships.iter().filter(|r| !r.many));
        let single: BTreeSet<(&str, bool)> = single.map(|r| (r.relation.as_str(), r.side == Side::From)).collect();
        for (relation, from) in single {
            let side = if from { Side::From } else { Side::To };
            for key in audit::crowded(self.conn, self.tenant.id, relation, side)? {
                self.note(format_args!("object {key}"), format_args!("it has several edges '{relation}', where one is allowed"));
            }
        }
        Ok(())
    }

    pub(super) fn unresolved(&mut self) -> Result<()> {
        let types = self.types.clone();
        let mut after: Option<UnresolvedRow> = None;
        loop {
            let page = unresolved::list(self.conn, self.tenant.id, after.as_ref(), BATCH)?;
            if page.is_empty() {
                return Ok(());
            }
            let keys: BTreeSet<Key> = page.iter().map(|row| row.key).collect();
            let mut there: HashSet<Key> = HashSet::new();
            for kind in types.types() {
                there.extend(audit::existing(self.conn, self.tenant.id, &kind.name, &keys)?);
            }
            for row in &page {
                let about = format!("reference of {}", row.key);
                if !there.contains(&row.key) {
                    self.note(&about, "the object that holds it does not exist");
                }
                if serde_json::from_str::<Map<String, Value>>(&row.element).is_err() {
                    self.note(&about, "it cannot be read");
                }
            }
            after = page.into_iter().next_back();
        }
    }
}

fn of(edge: &EdgeRow) -> String {
    format!("edge {}", edge.id)
}

/// The relationships that an edge is seen through: at its start and at its end.
fn sides<'r>(registry: &'r Registry, edge: &'r EdgeRow) -> impl Iterator<Item = &'r Relationship> {
    let ends = [(Side::From, &edge.from_type, &edge.to_type), (Side::To, &edge.to_type, &edge.from_type)];
    ends.into_iter().filter_map(|(side, near, far)| {
        let mut all = registry.by_name(near)?.relationships.iter();
        all.find(|r| r.relation == edge.relation && r.side == side && r.types.contains(far))
    })
}

fn misfit(registry: &Registry, edge: &EdgeRow) -> Option<String> {
    let seen: Vec<&Relationship> = sides(registry, edge).collect();
    // Some are seen from one side alone.
    if seen.len() < 2 && !seen.iter().any(|r| r.reverse.is_empty()) {
        return Some(format!("no '{}' leads from {} to {}", edge.relation, edge.from_type, edge.to_type));
    }
    let conditional = edge.relation == GRANT && edge.from_type == SUBJECT && edge.to_type == ROLE;
    let Ok(properties) = EdgeProperties::parse(edge.properties.as_deref()) else {
        return Some("its properties cannot be read".to_owned());
    };
    let expected = edge::variant(if conditional && edge.is_conditional() { CONDITIONAL } else { STATIC }, &properties.shown);
    (edge.variant != expected).then(|| format!("its variant is '{}', and its properties make it '{expected}'", edge.variant))
}
