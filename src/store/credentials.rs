//! What service accounts prove themselves with: digests of secrets and public keys. No row opens anything by itself.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::KEYS;
use super::key_in::key_in;
use super::tables::credentials;
use super::types::{DbKey, DbTime, Maybe};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;

/// `kind` of a secret: `name` is its id, `shown` its fingerprint, `material` the digest.
pub const SECRET: &str = "secret";

/// `kind` of a public key: `name` is its `kid`, `shown` its algorithm, `material` the JWK.
pub const KEY: &str = "key";

/// `kind` of a trusted workload: `name` is its id, `shown` the issuer, `material` what its tokens must say, JSON.
pub const FEDERATION: &str = "federation";

/// One credential.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = credentials)]
pub struct CredentialRow {
    /// [`SECRET`] or [`KEY`].
    pub kind: String,
    /// What it is called among those of its account and kind.
    pub name: String,
    /// What is shown of it.
    pub shown: String,
    /// What a proof is checked against.
    pub material: String,
    /// When it was made.
    #[diesel(deserialize_as = DbTime)]
    pub created: Timestamp,
    /// From when on it is no longer good.
    #[diesel(deserialize_as = Maybe<DbTime>)]
    pub expires: Option<Timestamp>,
    /// About when it was last used.
    #[diesel(deserialize_as = Maybe<DbTime>)]
    pub last_used: Option<Timestamp>,
}

/// Adds a credential.
///
/// # Errors
/// [`super::StoreError::Unique`] of `credentials` when the name is taken.
pub fn insert(conn: &mut Conn, tenant: TenantId, account: Key, row: &CredentialRow) -> Result<()> {
    let values = (
        credentials::tenant.eq(tenant.0),
        credentials::account.eq(DbKey(account)),
        credentials::kind.eq(&row.kind),
        credentials::name.eq(&row.name),
        credentials::shown.eq(&row.shown),
        credentials::material.eq(&row.material),
        credentials::created.eq(DbTime(row.created)),
        credentials::expires.eq(row.expires.map(DbTime)),
        credentials::last_used.eq(row.last_used.map(DbTime)),
    );
    on!(conn, |c| diesel::insert_into(credentials::table).values(values).execute(c))?;
    Ok(())
}

/// An account's credentials, oldest first.
pub fn list(conn: &mut Conn, tenant: TenantId, account: Key) -> Result<Vec<CredentialRow>> {
    let of = credentials::tenant.eq(tenant.0).and(credentials::account.eq(DbKey(account)));
    let order = (credentials::created, credentials::name);
    Ok(on!(conn, |c| credentials::table.filter(of).select(CredentialRow::as_select()).order(order).load(c))?)
}

/// The credentials of accounts, with the account that each is of, oldest first.
pub fn of_many(conn: &mut Conn, tenant: TenantId, accounts: &[Key]) -> Result<Vec<(Key, CredentialRow)>> {
    let mut out = Vec::new();
    for chunk in accounts.chunks(KEYS) {
        let here = credentials::tenant.eq(tenant.0).and(key_in(credentials::account, chunk));
        let order = (credentials::account, credentials::created, credentials::name);
        let rows: Vec<(DbKey, CredentialRow)> = on!(conn, |c| credentials::table
            .filter(here)
            .select((credentials::account, CredentialRow::as_select()))
            .order(order)
            .load(c))?;
        out.extend(rows.into_iter().map(|(account, row)| (account.0, row)));
    }
    Ok(out)
}

/// Removes a credential; false when there is none.
pub fn remove(conn: &mut Conn, tenant: TenantId, account: Key, kind: &str, name: &str) -> Result<bool> {
    let same = credentials::tenant
        .eq(tenant.0)
        .and(credentials::account.eq(DbKey(account)))
        .and(credentials::kind.eq(kind))
        .and(credentials::name.eq(name));
    Ok(on!(conn, |c| diesel::delete(credentials::table.filter(same)).execute(c))? == 1)
}

/// Removes all of an account's.
pub fn remove_all(conn: &mut Conn, tenant: TenantId, account: Key) -> Result<()> {
    let of = credentials::tenant.eq(tenant.0).and(credentials::account.eq(DbKey(account)));
    on!(conn, |c| diesel::delete(credentials::table.filter(of)).execute(c))?;
    Ok(())
}

/// Notes when a credential was used.
pub fn touch(conn: &mut Conn, tenant: TenantId, account: Key, kind: &str, name: &str, at: Timestamp) -> Result<()> {
    let same = credentials::tenant
        .eq(tenant.0)
        .and(credentials::account.eq(DbKey(account)))
        .and(credentials::kind.eq(kind))
        .and(credentials::name.eq(name));
    on!(conn, |c| diesel::update(credentials::table.filter(same)).set(credentials::last_used.eq(DbTime(at))).execute(c))?;
    Ok(())
}
