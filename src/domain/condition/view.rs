//! What a condition sees: an object's document, and what its edges lead to as far as conditions ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::domain::document::idm;
use crate::domain::schema::ObjectType;

/// An object as a condition sees it.
#[derive(Debug, Clone)]
pub struct View {
    /// Its type.
    pub kind: Arc<ObjectType>,
    /// Its document, with its id.
    pub doc: Map<String, Value>,
    /// What stands at the other ends of the relationships that were loaded, by the relationship's name.
    pub led: BTreeMap<String, Vec<Arc<View>>>,
}

impl View {
    /// An object alone. `doc` has its id.
    pub fn alone(kind: Arc<ObjectType>, doc: Map<String, Value>) -> Self {
        Self { kind, doc, led: BTreeMap::new() }
    }

    /// As IDM shows it: its properties, its id, and under each name of `relationships` what that leads to, of which it shows the
    /// same. A list that leads nowhere is empty.
    pub fn to_idm<'n>(&self, relationships: impl Iterator<Item = &'n String>) -> Map<String, Value> {
        let mut out = self.own();
        for name in relationships {
            let Some(relationship) = self.kind.relationship(name) else { continue };
            let mut shown = self.led.get(name).into_iter().flatten().map(|far| {
                let mut out = far.own();
                out.insert("_refResourceCollection".to_owned(), far.kind.collection.as_str().into());
                out.insert("_refResourceId".to_owned(), far.doc.get("id").cloned().unwrap_or_default());
                Value::Object(out)
            });
            let value = if relationship.many { Some(Value::Array(shown.collect())) } else { shown.next() };
            out.extend(value.map(|value| (name.clone(), value)));
        }
        out
    }

    fn own(&self) -> Map<String, Value> {
        let mut out = idm::to_idm(&self.kind, &self.doc);
        out.extend(self.doc.get("id").map(|id| ("_id".to_owned(), id.clone())));
        out
    }
}
