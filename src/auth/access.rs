//! Access tokens of service accounts (RFC 9068, with the claims of Passport).

use serde_json::{Map, Value, json};

use super::bearer::{Authenticator, Refusal};
use super::issuer::Issuer;
use crate::domain::account::{Account, Granted, Person};
use crate::domain::client::SKEW;
use crate::domain::jwt::Unverified;
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;
use crate::runtime::random;
use crate::store::StoreError;

/// `typ` of the header.
pub const TYPE: &str = "at+jwt";

/// A good access token.
#[derive(Debug)]
pub struct Access {
    /// The tenant of its account.
    pub tenant: TenantId,
    /// Its account.
    pub account: Key,
    /// Its claims.
    pub claims: Claims,
}

/// What a token says that was made here.
#[derive(Debug, Clone)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// A claim that is a text.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A claim as it is.
    pub fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    /// What a token made here would say of a user: one of another issuer is read so that both answer alike (row P15).
    pub(super) fn of_user(person: &Person) -> Self {
        let Granted { roles, scope } = Granted::all(&person.roles);
        let claims = [
            ("sub", person.id.as_str().into()),
            ("tenant_id", person.tenant.as_str().into()),
            ("is_service_account", false.into()),
            ("name", person.name.as_str().into()),
            ("email", person.email.as_str().into()),
            ("roles", roles.into()),
            ("scope", scope.join(" ").into()),
        ];
        Self(claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// When it ends.
    pub fn expires(&self) -> Option<Timestamp> {
        self.time("exp")
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        self.0.get(name)?.as_i64().map(|seconds| Timestamp::default().plus_seconds(seconds))
    }

    fn is_for(&self, audience: &str) -> bool {
        match self.get("aud") {
            Value::String(one) => one == audience,
            Value::Array(many) => many.iter().any(|one| one == audience),
            _ => false,
        }
    }
}

impl Issuer {
    /// Makes a token for an account, in the generation `ver`.
    ///
    /// # Errors
    /// Those of the store, and of randomness.
    pub async fn grant(
        &self,
        account: &Account,
        granted: &Granted,
        ver: i64,
        audience: &str,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let issued = now.micros().div_euclid(1_000_000);
        let mut claims = json!({
            "iss": self.terms().name,
            "aud": audience,
            "sub": account.client_id,
            "client_id": account.client_id,
            "iat": issued,
            "exp": issued + self.terms().rules.life,
            "jti": random::key().to_string(),
            "tenant_id": account.tenant,
            "is_service_account": true,
            "managed_identity_id": account.id,
            "name": account.name,
            "roles": granted.roles,
        });
        if !granted.scope.is_empty() {
            claims["scope"] = granted.scope.join(" ").into();
        }
        claims["ver"] = ver.into();
        Ok(self.keys().sign(TYPE, &claims).await?)
    }
}

impl Authenticator {
    /// The token, if it was made here for one of `audiences`, has not expired, and neither it nor its generation is revoked.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn access(&self, text: &str, audiences: &[&str]) -> Result<Option<Access>, StoreError> {
        let Some(issuer) = self.issuer() else { return Ok(None) };
        // The kind comes first: an assertion, or whatever else is signed here one day, is no access token.
        let Some(token) = Unverified::parse(text).filter(|token| token.kind.as_deref() == Some(TYPE)) else { return Ok(None) };
        let Some(kid) = token.kid.clone() else { return Ok(None) };
        let Some(key) = issuer.keys().public(&kid).await? else { return Ok(None) };
        let Some(claims) = token.verify(&key).map(Claims) else { return Ok(None) };
        let now = self.now();
        let timely = claims.expires().is_some_and(|at| at > now)
            && claims.time("iat").is_some_and(|at| at <= now.plus_seconds(SKEW))
            && (claims.get("nbf").is_null() || claims.time("nbf").is_some_and(|at| at <= now.plus_seconds(SKEW)));
        let ours = claims.text("iss") == issuer.terms().name && audiences.iter().any(|audience| claims.is_for(audience));
        if !timely || !ours {
            return Ok(None);
        }
        let Some(epoch) = issuer.epochs().ask(self.store(), claims.text("sub")).await? else { return Ok(None) };
        let good = claims.get("ver") == epoch.ver
            && claims.text("tenant_id") == epoch.tenant_name
            && !epoch.revoked.iter().any(|jti| jti == claims.text("jti"));
        Ok(good.then(|| Access { tenant: epoch.tenant, account: epoch.account, claims }))
    }

    /// As [`Authenticator::access`], for any audience: for who asks about a token rather than with it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn any_access(&self, text: &str) -> Result<Option<Access>, Refusal> {
        let Some(issuer) = self.issuer() else { return Ok(None) };
        let audiences: Vec<&str> = issuer.audiences().collect();
        Ok(self.access(text, &audiences).await?)
    }
}
