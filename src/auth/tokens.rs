//! Making, listing and revoking tokens (spec/admin.md, "Tokens").

use serde_json::Value;

use super::bearer::{Authenticator, Refusal};
use crate::domain::error::{Fault, Kind};
use crate::domain::key::{Key, TenantId};
use crate::domain::profile::{Overrides, Profile};
use crate::domain::scope::Scopes;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::domain::token;
use crate::runtime::random;
use crate::store::{StoreError, Tx, tokens};

/// A token as stored: its digest, never its text.
pub use crate::store::tokens::TokenRow as Token;

/// What a new token shall be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Name for people; 1 to 100 characters.
    pub name: String,
    /// The upstream that it stands for.
    pub source: String,
    /// How its client is met.
    pub profile: &'static Profile,
    /// Keys in which it differs from that.
    pub overrides: Overrides,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

impl NewToken {
    fn check(&self) -> Result<(), Fault> {
        for (what, text) in [("name", &self.name), ("source", &self.source)] {
            if text.is_empty() || text.chars().count() > 100 || text.chars().any(char::is_control) {
                return Err(Fault::new(
                    Kind::InvalidValue,
                    format!("'{what}' has 1 to 100 characters, none of them control characters"),
                ));
            }
        }
        if self.scopes.is_empty() {
            return Err(Fault::new(Kind::InvalidValue, "'scopes' names at least one scope"));
        }
        Ok(())
    }
}

impl Authenticator {
    /// Makes a token; its text is shown this once. In a dry run (`dry`) it is checked and not made.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] naming the field; those of the store.
    pub async fn create(&self, tenant: TenantId, wish: NewToken, dry: bool) -> Result<(Token, Secret), Refusal> {
        let (row, text) = self.draft(wish, None)?;
        let stored = row.clone();
        let insert = move |tx: &mut Tx<'_>| tokens::insert(tx, tenant, &stored);
        if dry { self.store().rehearse(tenant, insert).await } else { self.store().write(tenant, insert).await }?;
        Ok((row, text))
    }

    /// A token that is not stored yet, for a tenant that is made in one transaction with it. A `chosen` text replaces the made
    /// one.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] naming the field; [`StoreError::Unavailable`] without randomness.
    pub fn draft(&self, wish: NewToken, chosen: Option<Secret>) -> Result<(Token, Secret), Refusal> {
        wish.check()?;
        let text = match chosen {
            Some(text) => text,
            None => token::make(&random::bytes().map_err(|e| StoreError::Unavailable(e.to_string()))?),
        };
        let row = Token {
            id: Key::new(random::key()),
            name: wish.name,
            source: wish.source,
            profile: wish.profile.name.to_owned(),
            scopes: wish.scopes.to_string(),
            hash: self.pepper().digest(text.expose()).to_vec(),
            created: self.now(),
            expires: wish.expires,
            revoked: None,
            last_used: None,
            profile_overrides: stored(&wish.overrides),
            recognised: None,
        };
        Ok((row, text))
    }

    /// The tokens of a tenant, oldest first, revoked ones too.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self, tenant: TenantId) -> Result<Vec<Token>, Refusal> {
        let mut rows = self.store().read(move |conn| tokens::list(conn, tenant)).await?;
        for row in &mut rows {
            if let Some(client) = self.recognised(row.id) {
                row.recognised = Some(client.name.to_owned());
            }
        }
        Ok(rows)
    }

    /// Revokes a token, at once and for good; in a dry run (`dry`) it stays good.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; those of the store.
    pub async fn revoke(&self, tenant: TenantId, id: Key, dry: bool) -> Result<(), Refusal> {
        let at = self.now();
        let revoke = move |tx: &mut Tx<'_>| tokens::revoke(tx, tenant, id, at);
        let found = if dry {
            self.store().rehearse(tenant, revoke).await
        } else {
            let found = self.store().write(tenant, revoke).await;
            self.forget();
            found
        };
        if found? { Ok(()) } else { Err(Fault::new(Kind::NotFound, "no such token").into()) }
    }
}

fn stored(overrides: &Overrides) -> Option<String> {
    let keys = overrides.keys();
    (!keys.is_empty()).then(|| Value::Object(keys).to_string())
}

/// The keys in which a stored token differs from its profile.
///
/// # Errors
/// [`Kind::InvalidValue`] when they are none.
pub fn overrides(row: &Token) -> Result<Overrides, Fault> {
    match row.profile_overrides.as_deref().map(serde_json::from_str) {
        None => Ok(Overrides::default()),
        Some(Ok(Value::Object(keys))) => Overrides::parse(&keys),
        Some(_) => Err(Fault::new(Kind::InvalidValue, "profile overrides must be an object")),
    }
}
