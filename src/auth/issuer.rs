//! The issuer of signed tokens: its name, its keys and its rules.

use std::sync::Arc;

use super::keys::{Keys, Rules};
use super::limits::Limits;
use crate::domain::client::Method;
use crate::domain::error::{Fault, Kind};
use crate::domain::secret::MasterKey;
use crate::runtime::Clock;
use crate::store::Store;
use crate::store::epochs::Epochs;

/// What an operator says of tokens.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The issuer's name, an address without a slash at its end.
    pub name: String,
    /// The address of this server, which is an audience too.
    pub server: String,
    /// The audience when the client names no resource.
    pub audience: String,
    /// Further audiences.
    pub resources: Vec<String>,
    /// Whether secrets may stand in the body.
    pub secret_in_body: bool,
    /// How long an assertion lasts at most, in seconds.
    pub assertion_life: i64,
    /// Requests a minute of a client.
    pub client_rate: u32,
    /// Requests a minute from an address.
    pub address_rate: u32,
    /// How keys are made and replaced, and how long a token lasts.
    pub rules: Rules,
}

/// Makes and checks signed tokens; cheap to clone.
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

struct Inner {
    terms: Terms,
    keys: Keys,
    limits: Limits,
    epochs: Epochs,
}

impl Issuer {
    /// An issuer with its keys in `store`, sealed by `master`, that knows clients through `epochs`.
    pub fn new(terms: Terms, store: Store, clock: Clock, master: MasterKey, epochs: Epochs) -> Self {
        let keys = Keys::new(store, clock, master, terms.rules);
        let limits = Limits::new(terms.client_rate, terms.address_rate);
        Self(Arc::new(Inner { terms, keys, limits, epochs }))
    }

    /// Its terms.
    pub fn terms(&self) -> &Terms {
        &self.0.terms
    }

    /// Its keys.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Its allowances.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(super) fn epochs(&self) -> &Epochs {
        &self.0.epochs
    }

    /// The ways to authenticate that are offered.
    pub fn methods(&self) -> impl Iterator<Item = Method> + '_ {
        Method::ALL.into_iter().filter(|method| *method != Method::Post || self.0.terms.secret_in_body)
    }

    /// The audience of a token that is meant for `resource` (RFC 8707 §2).
    ///
    /// # Errors
    /// [`Kind::InvalidTarget`].
    pub fn audience(&self, resource: Option<&str>) -> Result<&str, Fault> {
        let Some(resource) = resource else { return Ok(&self.0.terms.audience) };
        self.audiences().find(|known| *known == resource).ok_or_else(|| Fault::of(Kind::InvalidTarget))
    }

    /// Every audience that tokens are made for.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        self.own().into_iter().chain(self.0.terms.resources.iter().map(String::as_str))
    }

    /// The audiences that this server's own APIs are.
    pub(super) fn own(&self) -> [&str; 2] {
        [&self.0.terms.audience, &self.0.terms.server]
    }
}
