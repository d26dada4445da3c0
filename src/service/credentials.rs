//! What service accounts prove themselves with, and the end of their tokens.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::load::{Needs, document};
use super::objects::{Address, Change, Draft};
use super::warnings::Touch;
use super::{Context, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::client::Method;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::domain::relation::Precondition;
use crate::domain::schema::ObjectType;
use crate::store::credentials::KEY;
use crate::store::objects::ObjectRow;
use crate::store::{Conn, StoreError, clients, credentials, permission_uses};

/// A credential as stored; neither a secret nor a private key is in it.
pub use crate::store::credentials::{CredentialRow as Credential, FEDERATION, KEY as PUBLIC_KEY, SECRET};

/// The object type of service accounts.
pub(super) const ACCOUNT: &str = "service_account";

/// How an account proves itself.
const METHOD: &str = "authenticationMethod";

/// Checks how an account that is written proves itself; what stands as it was is not asked.
///
/// # Errors
/// [`Kind::InvalidValue`] that names the attribute and the methods.
pub(super) fn check_method(
    kind: &ObjectType,
    before: Option<&Map<String, Value>>,
    after: &Map<String, Value>,
) -> std::result::Result<(), Fault> {
    let given = after.get(METHOD);
    let known = given.and_then(Value::as_str).is_none_or(|name| Method::parse(name).is_some());
    if kind.name != ACCOUNT || known || before.and_then(|before| before.get(METHOD)) == given {
        return Ok(());
    }
    let text = format!("'{METHOD}' is one of {}", Method::ALL.map(Method::name).join(", "));
    Err(Fault::new(Kind::InvalidValue, text).requirement(METHOD, "VALID_AUTHENTICATION_METHOD"))
}

/// Credentials of one kind that an account may have at a time: the one in use, and the next.
const MOST: usize = 2;

/// The clients whose rows a write changed; what is known of them by heart is forgotten when it is done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stale(Arc<Mutex<Vec<String>>>);

impl Stale {
    fn note(&self, client_id: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(client_id);
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Service {
    /// The credentials of one kind of an account, oldest first.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn credentials(&self, actor: &Actor, id: String, kind: &'static str) -> Result<Vec<Credential>> {
        let ctx = self.context(actor);
        self.store()
            .read_short(move |conn| {
                let account = ctx.find(conn, &*ctx.kind(ACCOUNT)?, &id)?;
                let rows = credentials::list(conn, ctx.actor.tenant, account.key)?;
                Ok(rows.into_iter().filter(|row| row.kind == kind).collect())
            })
            .await
    }

    /// Gives an account a credential. The first one settles how it proves itself, unless that is said already.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; [`Kind::Conflict`] for a third one that is good, for one that does not fit how the account proves
    /// itself, and for the name of a key that is taken.
    pub async fn add_credential(&self, actor: &Actor, id: String, row: Credential) -> Result<()> {
        self.write(actor, move |ctx, tx| ctx.add_credential(tx, &id, &row)).await
    }

    /// Takes a credential away, at once. When it fell into wrong hands (`compromised`), every token of the account ends with it.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn remove_credential(
        &self,
        actor: &Actor,
        id: String,
        kind: &'static str,
        name: String,
        compromised: bool,
    ) -> Result<()> {
        self.write(actor, move |ctx, tx| {
            ctx.demand_roles()?;
            let account = ctx.find(tx, &*ctx.kind(ACCOUNT)?, &id)?;
            if !credentials::remove(tx, ctx.actor.tenant, account.key, kind, &name)? {
                return Err(Fault::new(Kind::NotFound, format!("the account has no such {kind}")).into());
            }
            if compromised {
                ctx.end_tokens(tx, &account.kind, account.key)?;
            }
            ctx.record_credential(tx, &account, &json!({ "removed": kind, "name": name, "compromised": compromised }))
        })
        .await
    }

    /// Ends every token of an account that there is.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn revoke_tokens(&self, actor: &Actor, id: String) -> Result<()> {
        self.write(actor, move |ctx, tx| {
            ctx.demand_roles()?;
            let account = ctx.find(tx, &*ctx.kind(ACCOUNT)?, &id)?;
            ctx.revoke_tokens(tx, &account)
        })
        .await
    }
}

impl Context {
    /// Ends every token of an object, if it is one that has tokens; in the transaction that gives the reason.
    pub(crate) fn end_tokens(&self, conn: &mut Conn, kind: &str, key: Key) -> Result<()> {
        if kind == ACCOUNT
            && let Some(client_id) = clients::raise(conn, self.actor.tenant, key)?
        {
            self.stale.note(client_id);
        }
        Ok(())
    }

    /// Ends every token of an account, for no other reason than that it is wished.
    pub(super) fn revoke_tokens(&self, conn: &mut Conn, account: &ObjectRow) -> Result<()> {
        self.end_tokens(conn, &account.kind, account.key)?;
        self.record_credential(conn, account, &json!({ "tokensRevoked": true }))
    }

    /// What goes with an account that is deleted. Its client id stays known, so that it never comes back.
    pub(crate) fn remove_credentials(&self, conn: &mut Conn, kind: &ObjectType, key: Key) -> Result<()> {
        if kind.name != ACCOUNT {
            return Ok(());
        }
        self.end_tokens(conn, &kind.name, key)?;
        permission_uses::remove_all(conn, self.actor.tenant, key)?;
        Ok(credentials::remove_all(conn, self.actor.tenant, key)?)
    }

    fn add_credential(&self, conn: &mut Conn, id: &str, row: &Credential) -> Result<()> {
        self.demand_roles()?;
        let (tenant, kind) = (self.actor.tenant, self.kind(ACCOUNT)?);
        let account = self.find(conn, &kind, id)?;
        self.guard_account(conn, account.key)?;
        let doc = document(&account)?;
        let text = |name: &str| doc.get(name).and_then(Value::as_str);
        let conflict = |text: String| Err(Fault::new(Kind::Conflict, text).into());
        let keyed = row.kind == KEY;
        if let Some(method) = text(METHOD)
            && Method::parse(method).is_none_or(|method| (method == Method::PrivateKeyJwt) != keyed)
        {
            return conflict(format!("the account proves itself with {method}, where a {} is of no use", row.kind));
        }
        let known = credentials::list(conn, tenant, account.key)?;
        let (good, expired): (Vec<_>, Vec<_>) = { known.into_iter().filter(|known| known.kind == row.kind) }
            .partition(|known| known.expires.is_none_or(|at| at > self.now));
        if good.len() >= MOST {
            return conflict(format!("the account has {MOST} that are good, the one in use and the next; remove one first"));
        }
        // What has expired leaves its place, and its name.
        for old in expired {
            credentials::remove(conn, tenant, account.key, &old.kind, &old.name)?;
        }
        match credentials::insert(conn, tenant, account.key, row) {
            Err(StoreError::Unique { .. }) => return conflict(format!("the account has a {} of this name", row.kind)),
            outcome => outcome?,
        }
        let Some(client_id) = text("clientId") else {
            return conflict("the account has no client id".to_owned());
        };
        clients::ensure(conn, tenant, account.key, client_id)?;
        self.touched.note(Touch::Credentials(account.key));
        let added = json!({ "added": row.kind, "name": row.name, "fingerprint": row.shown });
        self.record_credential(conn, &account, &added)?;
        if text(METHOD).is_none() {
            let method = if keyed { Method::PrivateKeyJwt } else { Method::Basic };
            let change: Change = Arc::new(move |before| {
                let mut doc = before.doc.clone();
                doc.insert(METHOD.to_owned(), method.name().into());
                Ok(Draft { doc, external_id: before.external_id.clone(), relationships: Vec::new() })
            });
            let address = Address { kind, wire_id: account.wire_id.clone(), precondition: Precondition::None };
            self.update(conn, &address, account, &change, &Needs::nothing(), &Needs::nothing())?;
        }
        Ok(())
    }

    pub(super) fn record_credential(&self, conn: &mut Conn, account: &ObjectRow, detail: &Value) -> Result<()> {
        let row = self.credential_change(&account.kind, account.key, account.rev, detail);
        self.record(conn, &[row])
    }
}
