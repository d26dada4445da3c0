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
}

/// What stands for object types among the types of objects; no type is called so.
pub(super) const TYPE: &str = "object-type";

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
        let op = match (before, after) {
            (None, _) => op::CREATE,
            (_, None) => op::DELETE,
            _ => op::UPDATE,
        };
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

    /// The row for an object type that was made, changed or removed.
    pub(crate) fn type_change(&self, rev: i64, before: bool, after: bool, detail: &Value) -> ChangeRow {
        let op = match (before, after) {
            (false, _) => op::CREATE,
            (_, false) => op::DELETE,
            _ => op::UPDATE,
        };
        self.change(op, TYPE, Key::new(uuid::Uuid::nil()), rev, None, detail)
    }

    /// Appends the rows for edges that were made or taken away; each belongs to the object that its edge starts from, and names
    /// both ends as they are called at this instant.
    pub(crate) fn record_edges(&self, conn: &mut Conn, added: &[EdgeRow], removed: &[EdgeRow]) -> Result<()> {
        let all = || added.iter().chain(removed);
        let ends = all().flat_map(|e| [(e.from_type.clone(), e.from_key), (e.to_type.clone(), e.to_key)]);
        let labels = self.labels(conn, ends)?;
        let end = |kind: &str, key: &Key| {
            let label = labels.get(key);
            json!({ "type": kind, "id": label.map(|l| l.wire_id.as_str()), "name": label.and_then(|l| l.name.as_deref()) })
        };
        let row = |op: &'static str, edge: &EdgeRow| {
            let detail = json!({
                "relation": edge.relation,
                "variant": edge.variant,
                "toType": edge.to_type,
                "edge": edge.id.to_string(),
                "from": end(&edge.from_type, &edge.from_key),
                "to": end(&edge.to_type, &edge.to_key),
            });
            self.change(op, &edge.from_type, edge.from_key, edge.rev, Some(edge.to_key), &detail)
        };
        let rows: Vec<ChangeRow> = added
            .iter()
            .map(|edge| row(op::EDGE_ADD, edge))
            .chain(removed.iter().map(|edge| row(op::EDGE_REMOVE, edge)))
            .collect();
        self.record(conn, &rows)
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
