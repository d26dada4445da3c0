//! Service accounts as their tokens tell of them.

use serde_json::Value;

use super::credentials::ACCOUNT;
use super::load::document;
use super::{Context, Result, Service, effective};
use crate::domain::account::{Account, HeldRole};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::{Key, TenantId};
use crate::domain::schema::ObjectType;
use crate::domain::time::Timestamp;
use crate::store::{Conn, Tx, clients, objects};

/// The object type of roles.
const ROLE: &str = "role";

impl Service {
    /// The account behind a token, as it is now; none when it is gone or may not be used.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn account(&self, tenant: TenantId, tenant_name: &str, key: Key) -> Result<Option<Account>> {
        let (ctx, name) = (self.account_context(tenant).await?, tenant_name.to_owned());
        self.store().read(move |conn| ctx.account(conn, &name, key)).await
    }

    /// The account that shall be given a token; an assertion that was shown for it, by digest and expiry, is used up in the same
    /// transaction.
    ///
    /// # Errors
    /// `refusal` when the account may not be used, or the assertion was used before.
    pub async fn account_for_token(
        &self,
        tenant: TenantId,
        tenant_name: &str,
        key: Key,
        assertion: Option<([u8; 32], Timestamp)>,
        refusal: Kind,
    ) -> Result<Account> {
        let refused = move || Fault::of(refusal);
        let Some((hash, expires)) = assertion else {
            return Ok(self.account(tenant, tenant_name, key).await?.ok_or_else(refused)?);
        };
        let (ctx, name) = (self.account_context(tenant).await?, tenant_name.to_owned());
        let work = move |tx: &mut Tx<'_>| {
            if !clients::use_assertion(tx, tenant, key, &hash, expires)? {
                return Err(refused().into());
            }
            Ok(ctx.account(tx, &name, key)?.ok_or_else(refused)?)
        };
        self.store().write(tenant, work).await
    }

    /// Uses up an assertion that was shown for something else than a token.
    ///
    /// # Errors
    /// [`Kind::InvalidClient`] when it was used before.
    pub async fn use_assertion(&self, tenant: TenantId, key: Key, assertion: Option<([u8; 32], Timestamp)>) -> Result<()> {
        let Some((hash, expires)) = assertion else { return Ok(()) };
        let fresh = self.store().write(tenant, move |tx| clients::use_assertion(tx, tenant, key, &hash, expires)).await?;
        if fresh { Ok(()) } else { Err(Fault::of(Kind::InvalidClient).into()) }
    }

    /// Revokes one token of an account, until it would expire.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn revoke_token(&self, tenant: TenantId, key: Key, client_id: &str, jti: &str, expires: Timestamp) -> Result<()> {
        let jti = jti.to_owned();
        let done = self.store().write(tenant, move |tx| clients::revoke(tx, tenant, key, &jti, expires)).await;
        self.epochs().forget(client_id);
        Ok(done?)
    }

    async fn account_context(&self, tenant: TenantId) -> Result<Context> {
        let types = self.registry(tenant).await?;
        Ok(self.context(&Actor::internal(tenant, types, "tokens")))
    }
}

impl Context {
    fn account(&self, conn: &mut Conn, tenant_name: &str, key: Key) -> Result<Option<Account>> {
        let (tenant, kind) = (self.actor.tenant, self.kind(ACCOUNT)?);
        let Some(row) = objects::get(conn, tenant, ACCOUNT, key)? else { return Ok(None) };
        let doc = document(&row)?;
        if doc.get("active") != Some(&true.into()) {
            return Ok(None);
        }
        let roles = self.held_roles(conn, &kind, key)?;
        let text = |name: &str| doc.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Some(Account {
            tenant: tenant_name.to_owned(),
            id: row.wire_id,
            client_id: text("clientId"),
            name: text("name"),
            roles,
        }))
    }

    /// The roles in effect of a principal, with what they give.
    pub(super) fn held_roles(&self, conn: &mut Conn, kind: &ObjectType, key: Key) -> Result<Vec<HeldRole>> {
        let held = effective::roles(self, conn, kind, &[key])?.remove(&key).unwrap_or_default();
        let keys: Vec<Key> = held.iter().map(|role| role.key).collect();
        let mut roles = Vec::with_capacity(keys.len());
        for role in objects::many(conn, self.actor.tenant, ROLE, &keys)? {
            let doc = document(&role)?;
            let permissions = doc.get("permissions").and_then(Value::as_array).into_iter().flatten();
            roles.push(HeldRole {
                name: doc.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
                permissions: permissions.filter_map(Value::as_str).map(str::to_owned).collect(),
            });
        }
        Ok(roles)
    }
}
