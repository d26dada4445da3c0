//! One object's row with everything that follows from it: index rows, unique values, external ids.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Context, Result, load};
use crate::domain::error::{Fault, Kind};
use crate::domain::filter::{Operand, eval};
use crate::domain::key::Key;
use crate::domain::normal;
use crate::domain::resource::label;
use crate::domain::schema::{AttrPath, Attribute, AttributeType, ObjectType, Uniqueness};
use crate::store::index::IndexRow;
use crate::store::objects::ObjectRow;
use crate::store::{Conn, index, objects, plan};

/// What an object shall hold.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) doc: Map<String, Value>,
    pub(crate) external_id: Option<String>,
}

impl Context {
    /// Inserts a new object with its index rows.
    pub(crate) fn insert(
        &self,
        conn: &mut Conn,
        kind: &ObjectType,
        key: Key,
        wire_id: &str,
        content: &Content,
    ) -> Result<ObjectRow> {
        let tenant = self.actor.tenant;
        let row = ObjectRow {
            kind: kind.name.clone(),
            key,
            wire_id: wire_id.to_owned(),
            // A re-created wire id starts above any revision it ever had; a new key was never one.
            rev: if wire_id == key.to_string() {
                1
            } else {
                objects::highest_rev_of_tombstone(conn, tenant, &kind.name, wire_id)?.unwrap_or(0) + 1
            },
            created: self.now,
            modified: self.now,
            external_ids: self.external_ids(None, content.external_id.as_deref()),
            label: label(kind, &content.doc).map(str::to_owned),
            doc: Value::Object(content.doc.clone()).to_string(),
        };
        self.index(conn, kind, key, &Map::new(), &content.doc)?;
        self.index_external_id(conn, kind, key, None, content.external_id.as_deref())?;
        objects::insert(conn, tenant, &row)?;
        Ok(row)
    }

    /// Writes a changed object: one revision further, index rows by difference.
    pub(crate) fn overwrite(
        &self,
        conn: &mut Conn,
        kind: &ObjectType,
        before: &ObjectRow,
        old: &Map<String, Value>,
        content: &Content,
    ) -> Result<ObjectRow> {
        let row = ObjectRow {
            rev: before.rev + 1,
            modified: self.now.max(before.modified),
            external_ids: self.external_ids(before.external_ids.as_deref(), content.external_id.as_deref()),
            label: label(kind, &content.doc).map(str::to_owned),
            doc: Value::Object(content.doc.clone()).to_string(),
            ..before.clone()
        };
        self.index(conn, kind, before.key, old, &content.doc)?;
        let known = load::external_id(before, &self.actor.source);
        self.index_external_id(conn, kind, before.key, known.as_deref(), content.external_id.as_deref())?;
        if !objects::update(conn, self.actor.tenant, &row, before.rev)? {
            return Err(Fault::of(Kind::PreconditionFailed).into());
        }
        Ok(row)
    }

    /// Takes an object away with its index rows, and leaves a tombstone.
    pub(crate) fn remove(&self, conn: &mut Conn, kind: &ObjectType, row: &ObjectRow, doc: &Map<String, Value>) -> Result<()> {
        let tenant = self.actor.tenant;
        self.index(conn, kind, row.key, doc, &Map::new())?;
        for (source, value) in parse_external_ids(row.external_ids.as_deref()) {
            index::remove_external_id(conn, tenant, &kind.name, &source, &value, row.key)?;
        }
        objects::delete(conn, tenant, row, self.now)?;
        Ok(())
    }

    fn index(
        &self,
        conn: &mut Conn,
        kind: &ObjectType,
        key: Key,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
    ) -> Result<()> {
        let tenant = self.actor.tenant;
        let paths = self.service.paths(conn, tenant, kind)?;
        let before = plan::index_rows(kind, old, &paths);
        let after = plan::index_rows(kind, new, &paths);
        let rows = |set: BTreeSet<(i32, String)>, other: &BTreeSet<(i32, String)>| -> Vec<IndexRow> {
            set.into_iter().filter(|r| !other.contains(r)).map(|(path, value)| IndexRow { path, value, key }).collect()
        };
        let removed = rows(before.clone(), &after);
        let added = rows(after, &before);
        index::apply(conn, tenant, &removed, &added)?;
        for (path, attribute) in kind.unique() {
            let Some(id) = paths.get(&path) else { continue };
            let hashes = |doc| unique_hashes(kind, path, attribute, doc);
            let (had, has) = (hashes(old), hashes(new));
            for hash in had.difference(&has) {
                index::release_unique(conn, tenant, *id, hash, key)?;
            }
            for hash in has.difference(&had) {
                if !index::claim_unique(conn, tenant, *id, hash, key)? || self.held_elsewhere(conn, kind, path, hash, key)? {
                    let name = kind.path_text(path);
                    return Err(taken(kind, &name).into());
                }
            }
        }
        Ok(())
    }

    /// Whether a value that is unique in the whole tenant is held by another object, through any attribute that is.
    pub(crate) fn held_elsewhere(
        &self,
        conn: &mut Conn,
        kind: &ObjectType,
        path: AttrPath,
        hash: &[u8; 32],
        key: Key,
    ) -> Result<bool> {
        if kind.leaf(path).uniqueness != Uniqueness::Global {
            return Ok(false);
        }
        let tenant = self.actor.tenant;
        for other in self.actor.types.clone().types() {
            let paths = other.unique().filter(|(_, a)| a.uniqueness == Uniqueness::Global);
            let numbers = self.service.paths(conn, tenant, other)?;
            for number in paths.filter_map(|(path, _)| numbers.get(&path).copied()) {
                if index::unique_holder(conn, tenant, number, hash)?.is_some_and(|holder| holder != key) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn external_ids(&self, known: Option<&str>, mine: Option<&str>) -> Option<String> {
        let mut all = parse_external_ids(known);
        match mine {
            Some(id) => _ = all.insert(self.actor.source.to_string(), id.to_owned()),
            None => _ = all.remove(&*self.actor.source),
        }
        (!all.is_empty()).then(|| serde_json::json!(all).to_string())
    }

    fn index_external_id(
        &self,
        conn: &mut Conn,
        kind: &ObjectType,
        key: Key,
        old: Option<&str>,
        new: Option<&str>,
    ) -> Result<()> {
        if old == new {
            return Ok(());
        }
        let (tenant, source) = (self.actor.tenant, &self.actor.source);
        if let Some(old) = old {
            index::remove_external_id(conn, tenant, &kind.name, source, old, key)?;
        }
        if let Some(new) = new {
            index::add_external_id(conn, tenant, &kind.name, source, new, key)?;
        }
        Ok(())
    }
}

/// What a document claims at a path whose values are unique.
pub(crate) fn unique_hashes(
    kind: &ObjectType,
    path: AttrPath,
    attribute: &Attribute,
    doc: &Map<String, Value>,
) -> BTreeSet<[u8; 32]> {
    let mut out = BTreeSet::new();
    eval::each_value(kind, path, doc, |value| {
        let exact = attribute.compares_exactly();
        let form = match attribute.kind {
            AttributeType::String | AttributeType::Reference | AttributeType::Binary => {
                value.as_str().map(|text| normal::text(text, exact))
            }
            kind => Operand::of_value(kind, exact, value).map(|operand| operand.index_form()),
        };
        out.extend(form.map(|form| normal::hash(&form)));
    });
    out
}

fn parse_external_ids(text: Option<&str>) -> BTreeMap<String, String> {
    text.and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default()
}

fn taken(kind: &ObjectType, path: &str) -> Fault {
    let property = kind.properties.iter().find(|p| kind.path_text(p.path) == path).map_or(path, |p| p.name.as_str());
    let text = format!("attribute '{path}' must be unique, and another {} has this value", kind.name);
    Fault::new(Kind::Uniqueness, text).requirement(property, "UNIQUE")
}
