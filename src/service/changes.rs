//! Rows of the change log: who changed what, written in the transaction that changed it. Sensitive values never.

use serde_json::{Map, Value, json};

use super::{Context, Result, Service, load};
use crate::domain::actor::Actor;
use crate::domain::key::Key;
use crate::domain::schema::ObjectType;
use crate::runtime::random;
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
            source: self.actor.source.to_string(),
            dialect: self.actor.dialect.name().to_owned(),
            request_id: self.actor.request_id.to_string(),
            detail: detail.to_string(),
        }
    }

    /// The row for an object that was made, changed or deleted: the attributes that differ, before and after.
    pub(crate) fn object_change(
        &self,
        kind: &ObjectType,
        key: Key,
        rev: i64,
        before: Option<&Map<String, Value>>,
        after: Option<&Map<String, Value>>,
    ) -> ChangeRow {
        let op = match (before, after) {
            (None, _) => op::CREATE,
            (_, None) => op::DELETE,
            _ => op::UPDATE,
        };
        let mut detail = Map::new();
        for (name, side, other) in [("before", before, after), ("after", after, before)] {
            let Some(side) = side else { continue };
            let differing = side.iter().filter(|(k, v)| other.and_then(|o| o.get(*k)) != Some(*v));
            let shown: Map<String, Value> =
                differing.filter(|(k, _)| !is_sensitive(kind, k)).map(|(k, v)| (k.clone(), v.clone())).collect();
            if !shown.is_empty() {
                detail.insert(name.to_owned(), Value::Object(shown));
            }
        }
        self.change(op, &kind.name, key, rev, None, &Value::Object(detail))
    }

    /// The row for an edge that was made or taken away; it belongs to the object the edge starts from.
    pub(crate) fn edge_change(&self, op: &'static str, edge: &EdgeRow) -> ChangeRow {
        let detail =
            json!({ "relation": edge.relation, "variant": edge.variant, "toType": edge.to_type, "edge": edge.id.to_string() });
        self.change(op, &edge.from_type, edge.from_key, edge.rev, Some(edge.to_key), &detail)
    }
}

fn is_sensitive(kind: &ObjectType, name: &str) -> bool {
    kind.resolve_attribute(name).is_some_and(|path| kind.attribute(path).sensitive)
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
