//! Assignments: what roles bring to the accounts of their holders (spec/idm.md §3.8).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::{Context, Result};
use crate::domain::assignment::{self, MAPPING};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::key::Key;
use crate::domain::resource::Resource;
use crate::domain::schema::Side;
use crate::domain::schema::relationship::ASSIGNMENT;
use crate::service::load::Needs;
use crate::store::query::{self, Predicate, Test};
use crate::store::{Conn, edges, objects, targets};

type Doc = Map<String, Value>;

impl Context {
    /// Checks an assignment that is about to be saved.
    pub(super) fn admit_assignment(&self, conn: &mut Conn, before: Option<&Doc>, after: &Doc) -> Result<()> {
        if before.and_then(|doc| doc.get("attributes")) != after.get("attributes") {
            assignment::check(after)?;
        }
        let mapping = |doc: &Doc| doc.get(MAPPING).and_then(Value::as_str).map(str::to_owned);
        let named = mapping(after).unwrap_or_default();
        // A target that went does not stand in the way of other changes.
        if before.and_then(mapping).as_ref() == Some(&named) {
            return Ok(());
        }
        let refused = |why: String| {
            let text = format!("mapping '{}' {why}", excerpt(&named));
            Err(Fault::new(Kind::Policy, text).requirement(MAPPING, "MAPPING_EXISTS").into())
        };
        let target = match assignment::target(&named) {
            Ok(target) => target,
            Err(kind) => return refused(format!("is of type '{}'; assignments reach users", excerpt(kind))),
        };
        let Some(row) = targets::by_name(conn, self.actor.tenant, target)? else {
            return refused("is neither a target nor 'target/user'".to_owned());
        };
        let mappings: Doc = serde_json::from_str(&row.mappings).unwrap_or_default();
        if mappings.contains_key(assignment::SUBJECT) {
            Ok(())
        } else {
            refused("names a target that does not map users".to_owned())
        }
    }

    /// The assignments of roles, by role.
    pub(crate) fn assignments_of(&self, conn: &mut Conn, roles: &[Key]) -> Result<BTreeMap<Key, BTreeSet<Key>>> {
        let mut out: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
        if roles.is_empty() {
            return Ok(out);
        }
        for edge in edges::of_many(conn, self.actor.tenant, ASSIGNMENT, Side::From, roles)? {
            out.entry(edge.from_key).or_default().insert(edge.to_key);
        }
        Ok(out)
    }

    /// The assignments in effect of each of several holders, of whom the roles in effect are given: each once, by name.
    pub(crate) fn effective_assignments(
        &self,
        conn: &mut Conn,
        holders: &HashMap<Key, Vec<Key>>,
    ) -> Result<HashMap<Key, Vec<Resource>>> {
        let roles: BTreeSet<Key> = holders.values().flatten().copied().collect();
        let of = self.assignments_of(conn, &roles.into_iter().collect::<Vec<_>>())?;
        if of.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<Key> = of.values().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let kind = self.kind(assignment::ASSIGNMENT)?;
        let rows = objects::many(conn, self.actor.tenant, &kind.name, &keys)?;
        let known: BTreeMap<Key, Resource> =
            self.resources(conn, &kind, rows, &Needs::nothing())?.into_iter().map(|found| (found.key, found)).collect();
        let of_holder = |(holder, roles): (&Key, &Vec<Key>)| {
            let keys: BTreeSet<&Key> = roles.iter().filter_map(|role| of.get(role)).flatten().collect();
            let mut found: Vec<Resource> = keys.into_iter().filter_map(|key| known.get(key)).cloned().collect();
            found.sort_by(|a, b| (a.label(), a.key).cmp(&(b.label(), b.key)));
            (!found.is_empty()).then_some((*holder, found))
        };
        Ok(holders.iter().filter_map(of_holder).collect())
    }

    /// Whether any assignment is for the accounts at a target of this name.
    pub(crate) fn assigns_at(&self, conn: &mut Conn, target: &str) -> Result<bool> {
        let kind = self.kind(assignment::ASSIGNMENT)?;
        let Some(path) = kind.property(MAPPING).map(|property| property.path) else { return Ok(false) };
        let Some(path) = self.service.paths(conn, self.actor.tenant, &kind)?.get(&path).copied() else { return Ok(false) };
        // Names of targets are plain; their index form under caseExact is the name itself in NFC.
        let test = |mapping: String| Predicate::Indexed { path, test: Test::Eq(crate::domain::normal::text(&mapping, true)) };
        let either = Predicate::Or(vec![test(target.to_owned()), test(format!("{target}/{}", assignment::SUBJECT))]);
        Ok(!query::select(conn, self.actor.tenant, &kind.name, &either, None, 1)?.is_empty())
    }
}
