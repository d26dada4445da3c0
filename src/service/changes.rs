//! Rows of the change log: who changed what, written in the transaction that changed it. Sensitive values never.

use serde_json::{Map, Value, json};

use super::{Context, Result, Service, load};
use crate::domain::actor::Actor;
use crate::domain::difference::difference;
use crate::domain::key::Key;
use crate::domain::schema::ObjectType;
use crate::runtime::random;
use crate::store::Conn;
use crate::store::changes::{self, ChangeFilter, ChangeRow};
use crate::store::edges::EdgeRow;

/// What happened to an object or an edge, as stored.
pub mod op {
    /// An object was made.
    pub const CREATE: &str = "create";
    /// An object's document changed.
    pub const UPDATE: &str = "update";
    /// An object was deleted.
    pub const DELETE: &str = "delete";
    /// An edge was made from the object to another.
    pub const EDGE_ADD: &str = "edge_add";
    /// An edge from the object to another was taken away.
    pub const EDGE_REMOVE: &str = "edge_remove";
    /// An edge between the same objects got other properties.
    pub const EDGE_UPDATE: &str = "edge_update";
    /// The temporal constraint of a role, or of the edge from the object to another, began to hold.
    pub const START: &str = "start";
    /// The temporal constraint of a role, or of the edge from the object to another, ceased to hold.
    pub const END: &str = "end";
    /// Nothing changed; every target is to look at the object again.
    pub const CHECK: &str = "check";
    /// A job that was at a role's conditional grants is over or replaced: whoever was decided by the condition meanwhile is to be
    /// looked at again.
    pub const RECOMPUTED: &str = "recomputed";
}

/// What stands for object types among the types of objects; no type is called so.
pub(super) const TYPE: &str = "object-type";

/// What stands for policies of resources.
const POLICY: &str = "resource-policy";

/// What stands for issuers whose tokens are taken.
const ISSUER: &str = "trusted-issuer";

/// An object's document, and its `externalId` of the caller's source.
pub(crate) type State<'a> = (&'a Map<String, Value>, Option<&'a str>);

/// The attribute that stands beside the document.
pub(crate) const EXTERNAL_ID: &str = "externalId";

impl Context {
    fn change(&self, op: &'static str, kind: &str, key: Key, rev: i64, other_key: Option<Key>, detail: &Value) -> ChangeRow {
        ChangeRow {
            id: Key::new(random::key()),
            seq: None,
            at: self.now,
            kind: kind.to_owned(),
            key,
            op: op.to_owned(),
            rev,
            other_key,
            actor: self.actor.name.to_string(),
            token: self.actor.token,
            source: self.actor.source.to_string(),
            dialect: self.actor.dialect.name().to_owned(),
            request_id: self.actor.request_id.to_string(),
            detail: detail.to_string(),
        }
    }

    /// The row for an object that was made, changed or deleted: the attributes that differ, before and after, with
    /// `externalId` as the caller's source knows it.
    pub(crate) fn object_change(
        &self,
        kind: &ObjectType,
        key: Key,
        rev: i64,
        before: Option<State<'_>>,
        after: Option<State<'_>>,
    ) -> ChangeRow {
        let op = op_of(before.is_some(), after.is_some());
        let found = difference(kind, before.map(|(doc, _)| doc), after.map(|(doc, _)| doc));
        let ids = [before, after].map(|state| state.and_then(|(_, external_id)| external_id));
        let mut detail = Map::new();
        for (name, mut side, id) in [("before", found.before, ids[0]), ("after", found.after, ids[1])] {
            if let Some(id) = id.filter(|_| ids[0] != ids[1]) {
                side.insert(EXTERNAL_ID.to_owned(), id.into());
            }
            if !side.is_empty() {
                detail.insert(name.to_owned(), Value::Object(side));
            }
        }
        if !found.hidden.is_empty() {
            detail.insert("hidden".to_owned(), found.hidden.into());
        }
        self.change(op, &kind.name, key, rev, None, &Value::Object(detail))
    }

    /// The row that has every target look at an object again.
    pub(crate) fn check_change(&self, kind: &str, key: Key, rev: i64) -> ChangeRow {
        self.change(op::CHECK, kind, key, rev, None, &Value::Object(Map::new()))
    }

    /// The row for a role that no job is at any more.
    pub(crate) fn recomputed_change(&self, kind: &str, key: Key, rev: i64) -> ChangeRow {
        self.change(op::RECOMPUTED, kind, key, rev, None, &Value::Object(Map::new()))
    }

    /// The row for what an account proves itself with, or the end of its tokens.
    pub(crate) fn credential_change(&self, kind: &str, key: Key, rev: i64, detail: &Value) -> ChangeRow {
        self.change(op::UPDATE, kind, key, rev, None, &json!({ "credentials": detail }))
    }

    /// The row for an object type that was made, changed or removed.
    pub(crate) fn type_change(&self, rev: i64, before: bool, after: bool, detail: &Value) -> ChangeRow {
        self.change(op_of(before, after), TYPE, Key::new(uuid::Uuid::nil()), rev, None, detail)
    }

    /// Appends the row for a policy that was made, changed or removed, whole before and after.
    pub(crate) fn record_policy(
        &self,
        conn: &mut Conn,
        at: (Key, i64),
        before: Option<&Value>,
        after: Option<&Value>,
    ) -> Result<()> {
        self.record_whole(conn, POLICY, at, before, after)
    }

    /// The same for an issuer whose tokens are taken.
    pub(crate) fn record_issuer(
        &self,
        conn: &mut Conn,
        at: (Key, i64),
        before: Option<&Value>,
        after: Option<&Value>,
    ) -> Result<()> {
        self.record_whole(conn, ISSUER, at, before, after)
    }

    fn record_whole(
        &self,
        conn: &mut Conn,
        kind: &str,
        (id, rev): (Key, i64),
        before: Option<&Value>,
        after: Option<&Value>,
    ) -> Result<()> {
        let mut detail = Map::new();
        for (member, value) in [("before", before), ("after", after)] {
            detail.extend(value.map(|value| (member.to_owned(), value.clone())));
        }
        let op = op_of(before.is_some(), after.is_some());
        let row = self.change(op, kind, id, rev, None, &Value::Object(detail));
        // Not for the journal of a dry run: it tells of objects, grants and edges.
        changes::append(conn, self.actor.tenant, &[row])?;
        Ok(())
    }

    /// Appends the rows for edges that were made or taken away; each belongs to the object that its edge starts from, and names
    /// both ends as they are called at this instant.
    pub(crate) fn record_edges(&self, conn: &mut Conn, added: &[EdgeRow], removed: &[EdgeRow]) -> Result<()> {
        let added = added.iter().map(|edge| (op::EDGE_ADD, edge, None));
        self.record_edge_rows(conn, added.chain(removed.iter().map(|edge| (op::EDGE_REMOVE, edge, None))).collect())
    }

    /// Appends the rows for edges that got other properties; each pair is before and after.
    pub(crate) fn record_amended(&self, conn: &mut Conn, pairs: &[(EdgeRow, EdgeRow)]) -> Result<()> {
        self.record_edge_rows(conn, pairs.iter().map(|(before, after)| (op::EDGE_UPDATE, after, Some(before))).collect())
    }

    /// Appends the row for an edge whose temporal constraint began or ceased to hold.
    pub(crate) fn record_edge_instant(&self, conn: &mut Conn, op: &'static str, edge: &EdgeRow) -> Result<()> {
        self.record_edge_rows(conn, vec![(op, edge, None)])
    }

    /// Appends the row for an object whose temporal constraint began or ceased to hold.
    pub(crate) fn record_object_instant(
        &self,
        conn: &mut Conn,
        op: &'static str,
        kind: &str,
        key: Key,
        rev: i64,
        detail: &Value,
    ) -> Result<()> {
        self.record(conn, &[self.change(op, kind, key, rev, None, detail)])
    }

    fn record_edge_rows(&self, conn: &mut Conn, all: Vec<(&'static str, &EdgeRow, Option<&EdgeRow>)>) -> Result<()> {
        let ends = all.iter().flat_map(|(_, e, _)| [(e.from_type.clone(), e.from_key), (e.to_type.clone(), e.to_key)]);
        let labels = self.labels(conn, ends)?;
        let end = |kind: &str, key: &Key| {
            let label = labels.get(key);
            json!({ "type": kind, "id": label.map(|l| l.wire_id.as_str()), "name": label.and_then(|l| l.name.as_deref()) })
        };
        let mut rows = Vec::with_capacity(all.len());
        for (op, edge, before) in &all {
            let mut detail = json!({
                "relation": edge.relation,
                "variant": edge.variant,
                "toType": edge.to_type,
                "edge": edge.id.to_string(),
                "from": end(&edge.from_type, &edge.from_key),
                "to": end(&edge.to_type, &edge.to_key),
            });
            let shown = |edge: &EdgeRow| load::edge_properties(edge).map(|p| p.shown);
            let (now, was) = (shown(edge)?, before.map(shown).transpose()?);
            for (name, properties) in [("propertiesBefore", was), ("properties", Some(now).filter(|p| !p.is_empty()))] {
                if let Some(properties) = properties {
                    detail[name] = Value::Object(properties);
                }
            }
            rows.push(self.change(op, &edge.from_type, edge.from_key, edge.rev, Some(edge.to_key), &detail));
        }
        self.record(conn, &rows)
    }
}

const fn op_of(before: bool, after: bool) -> &'static str {
    match (before, after) {
        (false, _) => op::CREATE,
        (_, false) => op::DELETE,
        _ => op::UPDATE,
    }
}

/// Which changes to list.
#[derive(Debug, Clone)]
pub struct Wish {
    /// After this sequence number.
    pub after: i64,
    /// Of objects of this type.
    pub kind: Option<String>,
    /// Of this object.
    pub key: Option<Key>,
    /// By this actor.
    pub actor: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// A row of the change log.
pub type Change = ChangeRow;

impl Service {
    /// The change log, in order.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn changes(&self, actor: &Actor, wish: Wish) -> Result<Vec<Change>> {
        let tenant = actor.tenant;
        self.store()
            .read(move |conn| {
                let filter = ChangeFilter { kind: wish.kind.as_deref(), key: wish.key, actor: wish.actor.as_deref() };
                Ok(changes::after(conn, tenant, wish.after, load::limit(wish.limit), filter)?)
            })
            .await
    }
}
