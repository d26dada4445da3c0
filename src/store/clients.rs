//! Service accounts as clients of the token endpoint: the generation of their tokens, tokens revoked one by one, and names of
//! assertions that were used.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::{assertions, clients, revoked_tokens, tenants};
use super::types::{DbKey, DbTime};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;

/// One client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRow {
    /// The tenant of its account.
    pub tenant: TenantId,
    /// Name of that tenant.
    pub tenant_name: String,
    /// Its account.
    pub account: Key,
    /// The generation of its tokens; those of an earlier one are dead.
    pub ver: i64,
}

/// Makes sure that an account is a client.
pub fn ensure(conn: &mut Conn, tenant: TenantId, account: Key, client_id: &str) -> Result<()> {
    let values = (
        clients::client_id.eq(client_id),
        clients::tenant.eq(tenant.0),
        clients::account.eq(DbKey(account)),
        clients::ver.eq(1_i64),
    );
    on!(conn, |c| diesel::insert_into(clients::table).values(values).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// By client id. The one query that learns the tenant.
pub fn get(conn: &mut Conn, client_id: &str) -> Result<Option<ClientRow>> {
    let columns = (clients::tenant, tenants::name, clients::account, clients::ver);
    let row: Option<(i32, String, DbKey, i64)> = on!(conn, |c| clients::table
        .inner_join(tenants::table.on(tenants::id.eq(clients::tenant)))
        .filter(clients::client_id.eq(client_id))
        .select(columns)
        .first(c)
        .optional())?;
    Ok(row.map(|(tenant, tenant_name, account, ver)| ClientRow {
        tenant: TenantId(tenant),
        tenant_name,
        account: account.0,
        ver,
    }))
}

/// Begins a new generation of an account's tokens, which ends all that there are. Its client id; none when it is no client.
pub fn raise(conn: &mut Conn, tenant: TenantId, account: Key) -> Result<Option<String>> {
    let same = clients::tenant.eq(tenant.0).and(clients::account.eq(DbKey(account)));
    Ok(on!(conn, |c| diesel::update(clients::table.filter(same))
        .set(clients::ver.eq(clients::ver + 1))
        .returning(clients::client_id)
        .get_result(c)
        .optional())?)
}

/// Keeps the name of an assertion; false when it was used before.
pub fn use_assertion(conn: &mut Conn, tenant: TenantId, account: Key, hash: &[u8; 32], expires: Timestamp) -> Result<bool> {
    let values = (
        assertions::tenant.eq(tenant.0),
        assertions::account.eq(DbKey(account)),
        assertions::hash.eq(hash.as_slice()),
        assertions::expires.eq(DbTime(expires)),
    );
    let added = on!(conn, |c| diesel::insert_into(assertions::table).values(values).on_conflict_do_nothing().execute(c))?;
    Ok(added == 1)
}

/// Forgets what expired before an instant, of every tenant.
pub fn prune(conn: &mut Conn, before: Timestamp) -> Result<()> {
    let old = assertions::expires.lt(DbTime(before));
    on!(conn, |c| diesel::delete(assertions::table.filter(old)).execute(c))?;
    let old = revoked_tokens::expires.lt(DbTime(before));
    on!(conn, |c| diesel::delete(revoked_tokens::table.filter(old)).execute(c))?;
    Ok(())
}

/// Whether there is anything to forget.
pub fn has_old(conn: &mut Conn, before: Timestamp) -> Result<bool> {
    let old = assertions::expires.lt(DbTime(before));
    let one: Option<i32> = on!(conn, |c| assertions::table.filter(old).select(assertions::tenant).first(c).optional())?;
    let old = revoked_tokens::expires.lt(DbTime(before));
    let other: Option<i32> = on!(conn, |c| revoked_tokens::table.filter(old).select(revoked_tokens::tenant).first(c).optional())?;
    Ok(one.or(other).is_some())
}

/// Revokes one token, until it expires by itself.
pub fn revoke(conn: &mut Conn, tenant: TenantId, account: Key, jti: &str, expires: Timestamp) -> Result<()> {
    let values = (
        revoked_tokens::tenant.eq(tenant.0),
        revoked_tokens::account.eq(DbKey(account)),
        revoked_tokens::jti.eq(jti),
        revoked_tokens::expires.eq(DbTime(expires)),
    );
    on!(conn, |c| diesel::insert_into(revoked_tokens::table).values(values).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// The names of an account's revoked tokens.
pub fn revoked(conn: &mut Conn, tenant: TenantId, account: Key) -> Result<Vec<String>> {
    let of = revoked_tokens::tenant.eq(tenant.0).and(revoked_tokens::account.eq(DbKey(account)));
    Ok(on!(conn, |c| revoked_tokens::table.filter(of).select(revoked_tokens::jti).load(c))?)
}
