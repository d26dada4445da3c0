//! Making, listing and revoking tokens (spec/admin.md, "Tokens").

use super::bearer::{Authenticator, Refusal};
use crate::domain::error::{Fault, Kind};
use crate::domain::key::{Key, TenantId};
use crate::domain::profile::Profile;
use crate::domain::scope::Scopes;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::domain::token;
use crate::runtime::random;
use crate::store::StoreError;
use crate::store::tokens;

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
    /// Makes a token; its text is shown this once.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] naming the field; those of the store.
    pub async fn create(&self, tenant: TenantId, wish: NewToken) -> Result<(Token, Secret), Refusal> {
        let (row, text) = self.draft(wish, None)?;
        let stored = row.clone();
        self.store().write(tenant, move |tx| tokens::insert(tx, tenant, &stored)).await?;
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
        };
        Ok((row, text))
    }

    /// The tokens of a tenant, oldest first, revoked ones too.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self, tenant: TenantId) -> Result<Vec<Token>, Refusal> {
        Ok(self.store().read(move |conn| tokens::list(conn, tenant)).await?)
    }

    /// Revokes a token, at once and for good.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; those of the store.
    pub async fn revoke(&self, tenant: TenantId, id: Key) -> Result<(), Refusal> {
        let at = self.now();
        let found = self.store().write(tenant, move |tx| tokens::revoke(tx, tenant, id, at)).await;
        self.forget();
        if found? { Ok(()) } else { Err(Fault::new(Kind::NotFound, "no such token").into()) }
    }
}
