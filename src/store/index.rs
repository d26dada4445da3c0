//! The attribute index, unique values and external ids: what is found without reading documents.

use std::collections::HashMap;

use diesel::dsl::max;
use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::insert_all;
use super::tables::{attribute_index, attribute_paths, external_ids, unique_values};
use super::types::DbKey;
use crate::domain::key::{Key, TenantId};
use crate::domain::normal;

/// One value of one object in the attribute index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexRow {
    /// Number of the path ([`ensure_paths`]).
    pub path: i32,
    /// Index form of the value (`domain::normal`).
    pub value: String,
    /// The object.
    pub key: Key,
}

/// Numbers of attribute paths of an object type.
pub fn paths(conn: &mut Conn, tenant: TenantId, kind: &str) -> Result<HashMap<String, i32>> {
    let of_kind = attribute_paths::tenant.eq(tenant.0).and(attribute_paths::kind.eq(kind));
    let known: Vec<(String, i32)> =
        on!(conn, |c| attribute_paths::table.filter(of_kind).select((attribute_paths::path, attribute_paths::id)).load(c))?;
    Ok(known.into_iter().collect())
}

/// Numbers of attribute paths of an object type, given out where there was none.
pub fn ensure_paths(conn: &mut Conn, tenant: TenantId, kind: &str, paths: &[String]) -> Result<HashMap<String, i32>> {
    let of_kind = attribute_paths::tenant.eq(tenant.0).and(attribute_paths::kind.eq(kind));
    let known: Vec<(String, i32)> =
        on!(conn, |c| attribute_paths::table.filter(of_kind).select((attribute_paths::path, attribute_paths::id)).load(c))?;
    let mut out: HashMap<_, _> = known.into_iter().filter(|(path, _)| paths.contains(path)).collect();
    let missing: Vec<_> = paths.iter().filter(|path| !out.contains_key(*path)).collect();
    if missing.is_empty() {
        return Ok(out);
    }
    let of_tenant = attribute_paths::tenant.eq(tenant.0);
    let highest: Option<i32> =
        on!(conn, |c| attribute_paths::table.filter(of_tenant).select(max(attribute_paths::id)).get_result(c))?;
    out.extend(missing.into_iter().zip(highest.unwrap_or(0) + 1..).map(|(path, id)| (path.clone(), id)));
    let known_before = highest.unwrap_or(0);
    let rows: Vec<_> = out
        .iter()
        .filter(|(_, id)| **id > known_before)
        .map(|(path, id)| {
            (
                attribute_paths::tenant.eq(tenant.0),
                attribute_paths::id.eq(*id),
                attribute_paths::kind.eq(kind),
                attribute_paths::path.eq(path),
            )
        })
        .collect();
    insert_all!(conn, rows, |values| diesel::insert_into(attribute_paths::table).values(values));
    Ok(out)
}

/// Takes rows out of the attribute index and puts others in.
pub fn apply(conn: &mut Conn, tenant: TenantId, removed: &[IndexRow], added: &[IndexRow]) -> Result<()> {
    for row in removed {
        let same = attribute_index::tenant
            .eq(tenant.0)
            .and(attribute_index::path.eq(row.path))
            .and(attribute_index::value.eq(&row.value))
            .and(attribute_index::key.eq(DbKey(row.key)));
        on!(conn, |c| diesel::delete(attribute_index::table.filter(same)).execute(c))?;
    }
    let rows: Vec<_> = added
        .iter()
        .map(|row| {
            (
                attribute_index::tenant.eq(tenant.0),
                attribute_index::path.eq(row.path),
                attribute_index::value.eq(&row.value),
                attribute_index::key.eq(DbKey(row.key)),
            )
        })
        .collect();
    insert_all!(conn, rows, |values| diesel::insert_into(attribute_index::table).values(values).on_conflict_do_nothing());
    Ok(())
}

/// Takes a unique value for an object; false when another one holds it. `hash` is `domain::normal::hash` of the normal form.
pub fn claim_unique(conn: &mut Conn, tenant: TenantId, path: i32, hash: &[u8; 32], key: Key) -> Result<bool> {
    let values = (
        unique_values::tenant.eq(tenant.0),
        unique_values::path.eq(path),
        unique_values::hash.eq(hash.as_slice()),
        unique_values::key.eq(DbKey(key)),
    );
    let claimed =
        on!(conn, |c| { diesel::insert_into(unique_values::table).values(values).on_conflict_do_nothing().execute(c) })?;
    Ok(claimed == 1 || unique_holder(conn, tenant, path, hash)? == Some(key))
}

/// Gives a unique value back, if the object holds it.
pub fn release_unique(conn: &mut Conn, tenant: TenantId, path: i32, hash: &[u8; 32], key: Key) -> Result<()> {
    let same = unique_values::tenant
        .eq(tenant.0)
        .and(unique_values::path.eq(path))
        .and(unique_values::hash.eq(hash.as_slice()))
        .and(unique_values::key.eq(DbKey(key)));
    on!(conn, |c| diesel::delete(unique_values::table.filter(same)).execute(c))?;
    Ok(())
}

/// Who holds a unique value.
pub fn unique_holder(conn: &mut Conn, tenant: TenantId, path: i32, hash: &[u8; 32]) -> Result<Option<Key>> {
    let same = unique_values::tenant.eq(tenant.0).and(unique_values::path.eq(path)).and(unique_values::hash.eq(hash.as_slice()));
    Ok(on!(conn, |c| unique_values::table.filter(same).select(unique_values::key).first::<DbKey>(c).optional())?.map(Key::from))
}

/// The form in which an externalId is stored: composed, case kept, cut when long.
pub(super) fn external_form(value: &str) -> String {
    normal::index_text(&normal::text(value, true))
}

/// Notes the externalId that a source gave an object.
pub fn add_external_id(conn: &mut Conn, tenant: TenantId, kind: &str, source: &str, value: &str, key: Key) -> Result<()> {
    let values = (
        external_ids::tenant.eq(tenant.0),
        external_ids::kind.eq(kind),
        external_ids::source.eq(source),
        external_ids::value.eq(external_form(value)),
        external_ids::key.eq(DbKey(key)),
    );
    on!(conn, |c| diesel::insert_into(external_ids::table).values(values).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// Forgets the externalId that a source gave an object.
pub fn remove_external_id(conn: &mut Conn, tenant: TenantId, kind: &str, source: &str, value: &str, key: Key) -> Result<()> {
    let same = external_ids::tenant
        .eq(tenant.0)
        .and(external_ids::kind.eq(kind))
        .and(external_ids::source.eq(source))
        .and(external_ids::value.eq(external_form(value)))
        .and(external_ids::key.eq(DbKey(key)));
    on!(conn, |c| diesel::delete(external_ids::table.filter(same)).execute(c))?;
    Ok(())
}

/// The objects that a source gave this externalId, in the order of keys.
pub fn find_external_id(conn: &mut Conn, tenant: TenantId, kind: &str, source: &str, value: &str) -> Result<Vec<Key>> {
    let same = external_ids::tenant
        .eq(tenant.0)
        .and(external_ids::kind.eq(kind))
        .and(external_ids::source.eq(source))
        .and(external_ids::value.eq(external_form(value)));
    let keys: Vec<DbKey> =
        on!(conn, |c| external_ids::table.filter(same).select(external_ids::key).order(external_ids::key).load(c))?;
    Ok(keys.into_iter().map(Key::from).collect())
}

/// Removes every index row of a path; how many there were.
pub fn clear_index(conn: &mut Conn, tenant: TenantId, path: i32) -> Result<usize> {
    let same = attribute_index::tenant.eq(tenant.0).and(attribute_index::path.eq(path));
    Ok(on!(conn, |c| diesel::delete(attribute_index::table.filter(same)).execute(c))?)
}

/// Gives back every unique value of a path; how many there were.
pub fn clear_unique(conn: &mut Conn, tenant: TenantId, path: i32) -> Result<usize> {
    let same = unique_values::tenant.eq(tenant.0).and(unique_values::path.eq(path));
    Ok(on!(conn, |c| diesel::delete(unique_values::table.filter(same)).execute(c))?)
}
