//! When service accounts last used their permissions.

use std::collections::HashMap;

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::KEYS;
use super::key_in::key_in;
use super::tables::permission_uses;
use super::types::{DbKey, DbTime};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;

/// When an account last used what, by the name of the permission.
pub type Uses = HashMap<String, Timestamp>;

/// Notes that an account used a permission at an instant; an earlier one than is known changes nothing.
pub fn touch(conn: &mut Conn, tenant: TenantId, account: Key, permission: &str, at: Timestamp) -> Result<()> {
    let same = permission_uses::tenant
        .eq(tenant.0)
        .and(permission_uses::account.eq(DbKey(account)))
        .and(permission_uses::permission.eq(permission));
    let later = same.and(permission_uses::last_used.lt(DbTime(at)));
    let set = permission_uses::last_used.eq(DbTime(at));
    if on!(conn, |c| diesel::update(permission_uses::table.filter(later)).set(set).execute(c))? > 0 {
        return Ok(());
    }
    let values = (
        permission_uses::tenant.eq(tenant.0),
        permission_uses::account.eq(DbKey(account)),
        permission_uses::permission.eq(permission),
        set,
    );
    on!(conn, |c| diesel::insert_into(permission_uses::table).values(values).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// What accounts used, of those that used anything.
pub fn of_many(conn: &mut Conn, tenant: TenantId, accounts: &[Key]) -> Result<HashMap<Key, Uses>> {
    let mut out: HashMap<Key, Uses> = HashMap::new();
    for chunk in accounts.chunks(KEYS) {
        let here = permission_uses::tenant.eq(tenant.0).and(key_in(permission_uses::account, chunk));
        let columns = (permission_uses::account, permission_uses::permission, permission_uses::last_used);
        let rows: Vec<(DbKey, String, DbTime)> = on!(conn, |c| permission_uses::table.filter(here).select(columns).load(c))?;
        for (account, permission, at) in rows {
            out.entry(account.0).or_default().insert(permission, at.0);
        }
    }
    Ok(out)
}

/// Forgets what an account used.
pub fn remove_all(conn: &mut Conn, tenant: TenantId, account: Key) -> Result<()> {
    let of = permission_uses::tenant.eq(tenant.0).and(permission_uses::account.eq(DbKey(account)));
    on!(conn, |c| diesel::delete(permission_uses::table.filter(of)).execute(c))?;
    Ok(())
}
