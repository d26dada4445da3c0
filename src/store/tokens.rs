//! Bearer tokens, known by the hash of their secret alone.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::tokens;
use super::types::{DbKey, DbTime, Maybe};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = tokens)]
pub struct TokenRow {
    /// Its id.
    #[diesel(deserialize_as = DbKey)]
    pub id: Key,
    /// Name for people.
    pub name: String,
    /// The upstream it stands for; rotated tokens share it.
    pub source: String,
    /// Name of the client profile.
    pub profile: String,
    /// What it allows, separated by spaces.
    pub scopes: String,
    /// Hash of its secret.
    pub hash: Vec<u8>,
    /// When it was made.
    #[diesel(deserialize_as = DbTime)]
    pub created: Timestamp,
    /// From when on it is no longer good.
    #[diesel(deserialize_as = Maybe<DbTime>)]
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    #[diesel(deserialize_as = Maybe<DbTime>)]
    pub revoked: Option<Timestamp>,
    /// About when it was last used.
    #[diesel(deserialize_as = Maybe<DbTime>)]
    pub last_used: Option<Timestamp>,
    /// Keys in which it differs from its client profile, as JSON.
    pub profile_overrides: Option<String>,
    /// Name of the profile of the client that its requests showed.
    pub recognised: Option<String>,
}

/// Adds a token.
///
/// # Errors
/// [`super::StoreError::Unique`] of `tokens` when the hash is known.
pub fn insert(conn: &mut Conn, tenant: TenantId, row: &TokenRow) -> Result<()> {
    let values = (
        tokens::tenant.eq(tenant.0),
        tokens::id.eq(DbKey(row.id)),
        tokens::name.eq(&row.name),
        tokens::source.eq(&row.source),
        tokens::profile.eq(&row.profile),
        tokens::scopes.eq(&row.scopes),
        tokens::hash.eq(&row.hash),
        tokens::created.eq(DbTime(row.created)),
        tokens::expires.eq(row.expires.map(DbTime)),
        tokens::revoked.eq(row.revoked.map(DbTime)),
        tokens::last_used.eq(row.last_used.map(DbTime)),
        tokens::profile_overrides.eq(&row.profile_overrides),
        tokens::recognised.eq(&row.recognised),
    );
    on!(conn, |c| diesel::insert_into(tokens::table).values(values).execute(c))?;
    Ok(())
}

/// The token of a hash and its tenant, whether it is still good or not. The one query that learns the tenant.
pub fn by_hash(conn: &mut Conn, hash: &[u8]) -> Result<Option<(TenantId, TokenRow)>> {
    let row: Option<(i32, TokenRow)> = on!(conn, |c| tokens::table
        .filter(tokens::hash.eq(hash))
        .select((tokens::tenant, TokenRow::as_select()))
        .first(c)
        .optional())?;
    Ok(row.map(|(tenant, token)| (TenantId(tenant), token)))
}

/// By id.
pub fn get(conn: &mut Conn, tenant: TenantId, id: Key) -> Result<Option<TokenRow>> {
    let same = tokens::tenant.eq(tenant.0).and(tokens::id.eq(DbKey(id)));
    Ok(on!(conn, |c| tokens::table.filter(same).select(TokenRow::as_select()).first(c).optional())?)
}

/// All of a tenant's, oldest first.
pub fn list(conn: &mut Conn, tenant: TenantId) -> Result<Vec<TokenRow>> {
    let of_tenant = tokens::tenant.eq(tenant.0);
    Ok(on!(conn, |c| tokens::table.filter(of_tenant).select(TokenRow::as_select()).order(tokens::id).load(c))?)
}

/// Revokes a token; false when there is none or it is already revoked.
pub fn revoke(conn: &mut Conn, tenant: TenantId, id: Key, at: Timestamp) -> Result<bool> {
    let good = tokens::tenant.eq(tenant.0).and(tokens::id.eq(DbKey(id))).and(tokens::revoked.is_null());
    Ok(on!(conn, |c| diesel::update(tokens::table.filter(good)).set(tokens::revoked.eq(DbTime(at))).execute(c))? == 1)
}

/// Notes when tokens were used, many at once.
pub fn touch(conn: &mut Conn, tenant: TenantId, used: &[(Key, Timestamp)]) -> Result<()> {
    for (id, at) in used {
        let same = tokens::tenant.eq(tenant.0).and(tokens::id.eq(DbKey(*id)));
        on!(conn, |c| diesel::update(tokens::table.filter(same)).set(tokens::last_used.eq(DbTime(*at))).execute(c))?;
    }
    Ok(())
}

/// Notes which client a token's requests showed.
pub fn recognise(conn: &mut Conn, tenant: TenantId, id: Key, client: &str) -> Result<()> {
    let same = tokens::tenant.eq(tenant.0).and(tokens::id.eq(DbKey(id)));
    on!(conn, |c| diesel::update(tokens::table.filter(same)).set(tokens::recognised.eq(client)).execute(c))?;
    Ok(())
}
