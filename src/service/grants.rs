//! Conditional grants, materialised in the transaction that changes the user, the role, or what conditions read of others.
//!
//! A conditional edge exists exactly when the condition matches, whatever static edges exist. The cost of a user's write
//! follows the conditions that could match it, found through their anchors, not the number of roles.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::views::{self, seen};
use super::{Context, Result};
use crate::domain::condition::{self, Condition, View, reads};
use crate::domain::key::Key;
use crate::domain::relation::CONDITIONAL;
use crate::domain::schema::relationship::GRANT;
use crate::domain::schema::{ObjectType, Side};
use crate::runtime::random;
use crate::store::conditions::ConditionRow;
use crate::store::edges::EdgeRow;
use crate::store::holders::Held;
use crate::store::objects::ObjectRow;
use crate::store::{Conn, condition_watches, conditions, edges, holders};

/// The type that conditions speak of.
pub(super) const SUBJECT: &str = "user";

/// The type that has conditions, and the attribute that holds one.
pub(crate) const ROLE: &str = "role";
pub(super) const CONDITION: &str = "condition";

/// How many rows a set-wise recomputation handles at a time.
pub(super) const BATCH: usize = 500;

type Doc = Map<String, Value>;

/// The conditional edges of a role.
pub(super) const fn held(role: Key) -> Held<'static> {
    Held { relation: GRANT, to: role, variant: CONDITIONAL }
}

impl Context {
    /// Brings conditional grants in line after an object was made (`before` absent), changed, or both.
    pub(crate) fn regrant(
        &self,
        conn: &mut Conn,
        kind: &Arc<ObjectType>,
        row: &ObjectRow,
        before: Option<&Doc>,
        after: &Doc,
    ) -> Result<()> {
        let changed = before.map(|before| condition::changed_paths(kind, before, after));
        match kind.name.as_str() {
            SUBJECT => self.subject_changed(conn, kind, row, changed.as_ref(), after)?,
            ROLE => {
                let text = |doc: Option<&Doc>| doc.and_then(|d| d.get(CONDITION)).and_then(Value::as_str).map(str::to_owned);
                let (old, new) = (text(before), text(Some(after)));
                if old != new {
                    self.condition_changed(conn, row, new.as_deref())?;
                }
            }
            _ => {}
        }
        // To what was only just made no edge led that was not looked at with the edge.
        changed.map_or(Ok(()), |changed| self.object_moved(conn, kind, row.key, &changed))
    }

    /// Brings the conditional grants of an object that did not change in line with every condition, and those that hang on it.
    pub(super) fn regrant_all(&self, conn: &mut Conn, kind: &Arc<ObjectType>, row: &ObjectRow, doc: &Doc) -> Result<()> {
        if kind.name != SUBJECT {
            // As if everything it has were new to it.
            return self.regrant(conn, kind, row, Some(&Doc::new()), doc);
        }
        self.reconsider_user(conn, kind, row, None, doc, false)?;
        self.object_moved(conn, kind, row.key, &condition::changed_paths(kind, &Doc::new(), doc))
    }

    fn subject_changed(
        &self,
        conn: &mut Conn,
        kind: &Arc<ObjectType>,
        row: &ObjectRow,
        changed: Option<&BTreeSet<String>>,
        after: &Doc,
    ) -> Result<()> {
        self.reconsider_user(conn, kind, row, changed, after, changed.is_none())
    }

    fn reconsider_user(
        &self,
        conn: &mut Conn,
        kind: &Arc<ObjectType>,
        row: &ObjectRow,
        changed: Option<&BTreeSet<String>>,
        after: &Doc,
        made: bool,
    ) -> Result<()> {
        let tenant = self.actor.tenant;
        if !conditions::any(conn, tenant)? {
            return Ok(());
        }
        let routes = condition_watches::routes(conn, tenant)?;
        let docs = vec![(row.key, seen(&row.wire_id, after))];
        let views = views::of_documents(conn, tenant, &self.actor.types, kind, docs, &routes)?;
        // With what was only just made, the edges alone may have given something already.
        let fresh = made && routes.is_empty();
        self.reevaluate(conn, &views, changed, fresh)
    }

    /// Brings the conditional grants of users in line with every condition that reads what changed; without `changed`, with
    /// all. `fresh` ones hold nothing yet.
    pub(super) fn reevaluate(
        &self,
        conn: &mut Conn,
        users: &[(Key, View)],
        changed: Option<&BTreeSet<String>>,
        fresh: bool,
    ) -> Result<()> {
        let (tenant, subject) = (self.actor.tenant, self.kind(SUBJECT)?);
        let anchors: BTreeSet<String> = users.iter().flat_map(|(_, view)| condition::anchors_of(view)).collect();
        let anchors: Vec<String> = anchors.into_iter().collect();
        let mut candidates: BTreeMap<Key, ConditionRow> =
            conditions::by_anchors(conn, tenant, &anchors)?.into_iter().map(|row| (row.role_key, row)).collect();
        let mut held: HashMap<(Key, Key), EdgeRow> = HashMap::new();
        if !fresh {
            let keys: Vec<Key> = users.iter().map(|(key, _)| *key).collect();
            let rows = edges::of_many(conn, tenant, GRANT, Side::From, &keys)?;
            held.extend(rows.into_iter().filter(|e| e.variant == CONDITIONAL).map(|e| ((e.from_key, e.to_key), e)));
        }
        // What is held, and by its anchors cannot match, is looked at as well: it may read nothing that changed.
        let others: BTreeSet<Key> = held.keys().map(|(_, role)| *role).filter(|role| !candidates.contains_key(role)).collect();
        let others: Vec<Key> = others.into_iter().collect();
        candidates.extend(conditions::many(conn, tenant, &others)?.into_iter().map(|row| (row.role_key, row)));
        let mut removed: Vec<EdgeRow> = Vec::new();
        for ((_, role), edge) in &held {
            // A role that is conditional no more.
            if !candidates.contains_key(role) {
                removed.push(edge.clone());
            }
        }
        let mut added = Vec::new();
        for (role, row) in candidates {
            if changed.is_some_and(|changed| !reads::touches(row.reads.split('\n'), changed)) {
                continue;
            }
            let kept = self.service.inner.conditions.get(tenant, &row.source, &subject, &self.actor.types)?;
            for (user, view) in users {
                match (held.remove(&(*user, role)), kept.matches(role, view)) {
                    (None, true) => added.push(self.conditional_edge(*user, role)),
                    (Some(edge), false) => removed.push(edge),
                    _ => {}
                }
            }
        }
        self.settle(conn, &added, &removed)
    }

    fn condition_changed(&self, conn: &mut Conn, role: &ObjectRow, source: Option<&str>) -> Result<()> {
        let tenant = self.actor.tenant;
        let subject = self.kind(SUBJECT)?;
        match source {
            None => self.forget_condition(conn, role.key)?,
            Some(source) => {
                // The only place where a condition is accepted: its text is checked here, for every dialect.
                let condition = Condition::parse(source, &subject, &self.actor.types)?;
                let reads = condition.reads().collect::<Vec<_>>().join("\n");
                let row = ConditionRow { role_key: role.key, source: source.to_owned(), reads };
                conditions::put(conn, tenant, &row, condition.anchors())?;
                let watches = condition.watches().map(|watch| (watch.subject.as_str(), watch.route.as_str()));
                condition_watches::put(conn, tenant, role.key, watches)?;
            }
        }
        self.recompute(conn, role, source)
    }

    /// Takes a role's condition out of force.
    pub(super) fn forget_condition(&self, conn: &mut Conn, role: Key) -> Result<()> {
        let tenant = self.actor.tenant;
        if conditions::remove(conn, tenant, role)? {
            condition_watches::remove(conn, tenant, role)?;
        }
        Ok(())
    }

    /// Makes conditional edges and takes others away, with their change rows.
    pub(super) fn settle(&self, conn: &mut Conn, added: &[EdgeRow], removed: &[EdgeRow]) -> Result<()> {
        let tenant = self.actor.tenant;
        let mut by_role: BTreeMap<Key, Vec<&EdgeRow>> = BTreeMap::new();
        for edge in removed {
            by_role.entry(edge.to_key).or_default().push(edge);
        }
        for (role, edges) in by_role {
            let users: Vec<Key> = edges.iter().map(|edge| edge.from_key).collect();
            holders::remove(conn, tenant, held(role), &users)?;
        }
        for batch in removed.chunks(BATCH) {
            self.record_edges(conn, &[], batch)?;
        }
        for batch in added.chunks(BATCH) {
            edges::insert_many(conn, tenant, batch)?;
            self.record_edges(conn, batch, &[])?;
        }
        Ok(())
    }

    pub(super) fn conditional_edge(&self, user: Key, role: Key) -> EdgeRow {
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
