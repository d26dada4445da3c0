//! Conditional grants, materialised in the transaction that changes the user or the role.
//!
//! A conditional edge exists exactly when the condition matches, whatever static edges exist. The cost of a user's write
//! follows the conditions that could match it, found through their anchors, not the number of roles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Context, Result, load};
use crate::domain::condition::{self, Condition};
use crate::domain::key::Key;
use crate::domain::relation::CONDITIONAL;
use crate::domain::schema::relationship::GRANT;
use crate::domain::schema::{ObjectType, Side};
use crate::runtime::random;
use crate::store::conditions::ConditionRow;
use crate::store::edges::EdgeRow;
use crate::store::objects::ObjectRow;
use crate::store::{Conn, conditions, edges, objects, plan, query};

/// The type that conditions speak of.
pub(super) const SUBJECT: &str = "user";

/// The type that has conditions, and the attribute that holds one.
pub(super) const ROLE: &str = "role";
pub(super) const CONDITION: &str = "condition";

/// How many rows a set-wise recomputation handles at a time.
const BATCH: usize = 500;

type Doc = Map<String, Value>;

// What a condition sees of an object: its document and its id.
pub(super) fn seen(wire_id: &str, doc: &Doc) -> Doc {
    let mut out = doc.clone();
    out.insert("id".to_owned(), wire_id.into());
    out
}

impl Context {
    /// Brings conditional grants in line after an object was made (`before` absent), changed, or both.
    pub(crate) fn regrant(
        &self,
        conn: &mut Conn,
        kind: &ObjectType,
        row: &ObjectRow,
        before: Option<&Doc>,
        after: &Doc,
    ) -> Result<()> {
        match kind.name.as_str() {
            SUBJECT => self.subject_changed(conn, kind, row, before, after),
            ROLE => {
                let text = |doc: Option<&Doc>| doc.and_then(|d| d.get(CONDITION)).and_then(Value::as_str).map(str::to_owned);
                let (old, new) = (text(before), text(Some(after)));
                if old == new { Ok(()) } else { self.condition_changed(conn, row.key, new.as_deref()) }
            }
            _ => Ok(()),
        }
    }

    fn subject_changed(
        &self,
        conn: &mut Conn,
        kind: &ObjectType,
        row: &ObjectRow,
        before: Option<&Doc>,
        after: &Doc,
    ) -> Result<()> {
        let (tenant, key) = (self.actor.tenant, row.key);
        if !conditions::any(conn, tenant)? {
            return Ok(());
        }
        let seen = seen(&row.wire_id, after);
        let anchors: Vec<String> = condition::anchors_of(kind, &seen).into_iter().collect();
        let candidates = conditions::by_anchors(conn, tenant, &anchors)?;
        let mut held = BTreeMap::new();
        if before.is_some() {
            let rows = edges::of(conn, tenant, GRANT, Side::From, key, None, i64::MAX)?;
            held.extend(rows.into_iter().filter(|e| e.variant == CONDITIONAL).map(|e| (e.to_key, e)));
        }
        let changed = before.map(|before| condition::changed_paths(kind, before, after));
        let mut added = Vec::new();
        for candidate in candidates {
            let untouched =
                changed.as_ref().is_some_and(|changed| candidate.reads.split('\n').all(|path| !changed.contains(path)));
            let was = held.remove(&candidate.role_key);
            let matches = if untouched {
                was.is_some()
            } else {
                self.service.inner.conditions.get(tenant, &candidate.source, kind)?.matches(kind, &seen)
            };
            match (was, matches) {
                (None, true) => added.push(self.conditional_edge(key, candidate.role_key)),
                (Some(edge), false) => _ = held.insert(candidate.role_key, edge),
                _ => {}
            }
        }
        // What is left is held, and no condition that could match gives it.
        let removed: Vec<EdgeRow> = held.into_values().collect();
        self.settle(conn, &added, &removed)
    }

    fn condition_changed(&self, conn: &mut Conn, role: Key, source: Option<&str>) -> Result<()> {
        let tenant = self.actor.tenant;
        let subject = self.kind(SUBJECT)?;
        let mut matching = BTreeSet::new();
        match source {
            None => _ = conditions::remove(conn, tenant, role)?,
            Some(source) => {
                // The only place where a condition is accepted: its text is checked here, for every dialect.
                let condition = Condition::parse(source, &subject)?;
                let row = ConditionRow { role_key: role, source: source.to_owned(), reads: condition.reads().join("\n") };
                conditions::put(conn, tenant, &row, condition.anchors())?;
                matching = self.matching(conn, &subject, &condition)?;
            }
        }
        let mut removed = Vec::new();
        for edge in edges::of(conn, tenant, GRANT, Side::To, role, None, i64::MAX)? {
            if edge.variant == CONDITIONAL && !matching.remove(&edge.from_key) {
                removed.push(edge);
            }
        }
        let added: Vec<EdgeRow> = matching.into_iter().map(|user| self.conditional_edge(user, role)).collect();
        self.settle(conn, &added, &removed)
    }

    /// Everyone who matches a condition.
    fn matching(&self, conn: &mut Conn, subject: &Arc<ObjectType>, condition: &Condition) -> Result<BTreeSet<Key>> {
        let tenant = self.actor.tenant;
        let paths = self.service.paths(conn, tenant, subject)?;
        let planned = plan::plan(&condition.filter, subject, &paths, &self.actor.source);
        let mut out = BTreeSet::new();
        let mut after = None;
        loop {
            let keys = query::select(conn, tenant, &subject.name, &planned.predicate, after, load::limit(BATCH))?;
            let Some(last) = keys.last() else { return Ok(out) };
            after = Some(*last);
            if planned.exact {
                out.extend(keys);
                continue;
            }
            for row in objects::many(conn, tenant, &subject.name, &keys)? {
                if condition.matches(subject, &seen(&row.wire_id, &load::document(&row)?)) {
                    out.insert(row.key);
                }
            }
        }
    }

    fn settle(&self, conn: &mut Conn, added: &[EdgeRow], removed: &[EdgeRow]) -> Result<()> {
        let tenant = self.actor.tenant;
        for batch in removed.chunks(BATCH) {
            let keys: Vec<_> = batch.iter().map(EdgeRow::edge_key).collect();
            edges::delete(conn, tenant, &keys)?;
            self.record_edges(conn, &[], batch)?;
        }
        for batch in added.chunks(BATCH) {
            edges::insert_many(conn, tenant, batch)?;
            self.record_edges(conn, batch, &[])?;
        }
        Ok(())
    }

    fn conditional_edge(&self, user: Key, role: Key) -> EdgeRow {
        EdgeRow {
            relation: GRANT.to_owned(),
            from_key: user,
            to_key: role,
            variant: CONDITIONAL.to_owned(),
            id: Key::new(random::key()),
            from_type: SUBJECT.to_owned(),
            to_type: ROLE.to_owned(),
            rev: 1,
            created: self.now,
            properties: None,
        }
    }
}
