//! Objects and their tombstones.

use std::collections::HashMap;

use diesel::dsl::max;
use diesel::prelude::*;
use uuid::Uuid;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::KEYS;
use super::key_in::key_in;
use super::tables::{objects, tombstones};
use super::types::{DbKey, DbTime};
use crate::domain::key::{Key, ObjectRef, TenantId};
use crate::domain::time::Timestamp;

/// One object as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = objects)]
pub struct ObjectRow {
    /// Name of the object type.
    pub kind: String,
    /// Internal key.
    #[diesel(deserialize_as = DbKey)]
    pub key: Key,
    /// The id that clients see.
    pub wire_id: String,
    /// Revision, from 1.
    pub rev: i64,
    /// When it was made.
    #[diesel(deserialize_as = DbTime)]
    pub created: Timestamp,
    /// When it last changed.
    #[diesel(deserialize_as = DbTime)]
    pub modified: Timestamp,
    /// JSON object of source to externalId; none when no source gave one.
    pub external_ids: Option<String>,
    /// The name for people, out of the document, so that references to the object do not have to read it.
    pub label: Option<String>,
    /// The canonical document, JSON text.
    pub doc: String,
}

/// What stands for an object where others refer to it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = objects)]
pub struct LabelRow {
    /// Internal key.
    #[diesel(deserialize_as = DbKey)]
    pub key: Key,
    /// Name of the object type.
    pub kind: String,
    /// The id that clients see.
    pub wire_id: String,
    /// The name for people.
    pub label: Option<String>,
}

/// Below every key.
const FIRST: Key = Key::new(Uuid::nil());

/// Adds an object.
///
/// # Errors
/// [`super::StoreError::Unique`] of `objects` when the wire id is taken.
pub fn insert(conn: &mut Conn, tenant: TenantId, row: &ObjectRow) -> Result<()> {
    let values = (
        objects::tenant.eq(tenant.0),
        objects::key.eq(DbKey(row.key)),
        objects::kind.eq(&row.kind),
        objects::wire_id.eq(&row.wire_id),
        objects::rev.eq(row.rev),
        objects::created.eq(DbTime(row.created)),
        objects::modified.eq(DbTime(row.modified)),
        objects::external_ids.eq(&row.external_ids),
        objects::label.eq(&row.label),
        objects::doc.eq(&row.doc),
    );
    on!(conn, |c| diesel::insert_into(objects::table).values(values).execute(c))?;
    Ok(())
}

/// Writes revision, time, external ids and document of the object with `row`'s key, if its revision still is `expected`.
pub fn update(conn: &mut Conn, tenant: TenantId, row: &ObjectRow, expected: i64) -> Result<bool> {
    let same = objects::tenant
        .eq(tenant.0)
        .and(objects::kind.eq(&row.kind))
        .and(objects::key.eq(DbKey(row.key)))
        .and(objects::rev.eq(expected));
    let values = (
        objects::rev.eq(row.rev),
        objects::modified.eq(DbTime(row.modified)),
        objects::external_ids.eq(&row.external_ids),
        objects::label.eq(&row.label),
        objects::doc.eq(&row.doc),
    );
    let updated = on!(conn, |c| diesel::update(objects::table.filter(same)).set(values).execute(c))?;
    Ok(updated == 1)
}

/// Deletes the object if its revision still is `row.rev`, and leaves a tombstone.
pub fn delete(conn: &mut Conn, tenant: TenantId, row: &ObjectRow, at: Timestamp) -> Result<bool> {
    let same = objects::tenant
        .eq(tenant.0)
        .and(objects::kind.eq(&row.kind))
        .and(objects::key.eq(DbKey(row.key)))
        .and(objects::rev.eq(row.rev));
    if on!(conn, |c| diesel::delete(objects::table.filter(same)).execute(c))? == 0 {
        return Ok(false);
    }
    let values = (
        tombstones::tenant.eq(tenant.0),
        tombstones::kind.eq(&row.kind),
        tombstones::wire_id.eq(&row.wire_id),
        tombstones::key.eq(DbKey(row.key)),
        tombstones::rev.eq(row.rev),
        tombstones::deleted.eq(DbTime(at)),
    );
    on!(conn, |c| diesel::insert_into(tombstones::table).values(values).execute(c))?;
    Ok(true)
}

/// By key.
pub fn get(conn: &mut Conn, tenant: TenantId, kind: &str, key: Key) -> Result<Option<ObjectRow>> {
    let same = objects::tenant.eq(tenant.0).and(objects::kind.eq(kind)).and(objects::key.eq(DbKey(key)));
    Ok(on!(conn, |c| objects::table.filter(same).select(ObjectRow::as_select()).first(c).optional())?)
}

/// By the id that clients see.
pub fn get_by_wire_id(conn: &mut Conn, tenant: TenantId, kind: &str, wire_id: &str) -> Result<Option<ObjectRow>> {
    let same = objects::tenant.eq(tenant.0).and(objects::kind.eq(kind)).and(objects::wire_id.eq(wire_id));
    Ok(on!(conn, |c| objects::table.filter(same).select(ObjectRow::as_select()).first(c).optional())?)
}

/// The key behind the id that clients see.
pub fn key_of(conn: &mut Conn, tenant: TenantId, kind: &str, wire_id: &str) -> Result<Option<Key>> {
    let same = objects::tenant.eq(tenant.0).and(objects::kind.eq(kind)).and(objects::wire_id.eq(wire_id));
    Ok(on!(conn, |c| objects::table.filter(same).select(objects::key).first::<DbKey>(c).optional())?.map(Key::from))
}

/// Those of the objects that exist, in the order of `keys`.
pub fn many(conn: &mut Conn, tenant: TenantId, kind: &str, keys: &[Key]) -> Result<Vec<ObjectRow>> {
    if let [key] = keys {
        // The most asked for is the cheapest statement.
        return Ok(get(conn, tenant, kind, *key)?.into_iter().collect());
    }
    let mut found = HashMap::with_capacity(keys.len());
    for chunk in keys.chunks(KEYS) {
        let same = objects::tenant.eq(tenant.0).and(objects::kind.eq(kind)).and(key_in(objects::key, chunk));
        let rows: Vec<ObjectRow> = on!(conn, |c| objects::table.filter(same).select(ObjectRow::as_select()).load(c))?;
        found.extend(rows.into_iter().map(|row| (row.key, row)));
    }
    Ok(keys.iter().filter_map(|key| found.remove(key)).collect())
}

/// Wire ids and names of objects of any types, by key.
pub fn labels(conn: &mut Conn, tenant: TenantId, of: &[ObjectRef]) -> Result<HashMap<Key, LabelRow>> {
    let mut kinds: HashMap<&str, Vec<Key>> = HashMap::new();
    for object in of {
        kinds.entry(&object.kind).or_default().push(object.key);
    }
    let mut out = HashMap::with_capacity(of.len());
    for (kind, keys) in kinds {
        if let [key] = keys[..] {
            // A statement of fixed shape stays prepared, an IN list does not.
            let same = objects::tenant.eq(tenant.0).and(objects::kind.eq(kind)).and(objects::key.eq(DbKey(key)));
            let row: Option<LabelRow> =
                on!(conn, |c| objects::table.filter(same).select(LabelRow::as_select()).first(c).optional())?;
            out.extend(row.map(|row| (row.key, row)));
            continue;
        }
        for chunk in keys.chunks(KEYS) {
            let same = objects::tenant.eq(tenant.0).and(objects::kind.eq(kind)).and(key_in(objects::key, chunk));
            let rows: Vec<LabelRow> = on!(conn, |c| objects::table.filter(same).select(LabelRow::as_select()).load(c))?;
            out.extend(rows.into_iter().map(|row| (row.key, row)));
        }
    }
    Ok(out)
}

/// The next objects after a key, in the order of keys.
pub fn scan(conn: &mut Conn, tenant: TenantId, kind: &str, after: Option<Key>, limit: i64) -> Result<Vec<ObjectRow>> {
    let after = DbKey(after.unwrap_or(FIRST));
    let rest = objects::tenant.eq(tenant.0).and(objects::kind.eq(kind)).and(objects::key.gt(after));
    Ok(on!(conn, |c| objects::table.filter(rest).select(ObjectRow::as_select()).order(objects::key).limit(limit).load(c))?)
}

/// The highest revision that deleted objects of this wire id had; a new one starts above it.
pub fn highest_rev_of_tombstone(conn: &mut Conn, tenant: TenantId, kind: &str, wire_id: &str) -> Result<Option<i64>> {
    let same = tombstones::tenant.eq(tenant.0).and(tombstones::kind.eq(kind)).and(tombstones::wire_id.eq(wire_id));
    Ok(on!(conn, |c| tombstones::table.filter(same).select(max(tombstones::rev)).get_result(c))?)
}

/// The keys behind wire ids, of those that exist.
pub fn keys_of(conn: &mut Conn, tenant: TenantId, kind: &str, wire_ids: &[&str]) -> Result<Vec<(String, Key)>> {
    if let [wire_id] = wire_ids {
        return Ok(key_of(conn, tenant, kind, wire_id)?.map(|key| ((*wire_id).to_owned(), key)).into_iter().collect());
    }
    let mut out = Vec::with_capacity(wire_ids.len());
    for chunk in wire_ids.chunks(KEYS) {
        let same = objects::tenant.eq(tenant.0).and(objects::kind.eq(kind)).and(objects::wire_id.eq_any(chunk.to_vec()));
        let rows: Vec<(String, DbKey)> =
            on!(conn, |c| objects::table.filter(same).select((objects::wire_id, objects::key)).load(c))?;
        out.extend(rows.into_iter().map(|(id, key)| (id, Key::from(key))));
    }
    Ok(out)
}

/// Moves the revision of an object whose edges changed.
pub fn bump(conn: &mut Conn, tenant: TenantId, kind: &str, key: Key, at: Timestamp) -> Result<bool> {
    let same = objects::tenant.eq(tenant.0).and(objects::kind.eq(kind)).and(objects::key.eq(DbKey(key)));
    let moved = (objects::rev.eq(objects::rev + 1), objects::modified.eq(DbTime(at)));
    Ok(on!(conn, |c| diesel::update(objects::table.filter(same)).set(moved).execute(c))? > 0)
}
