//! Who is calling, in which dialect, and what the caller may do.

use std::sync::Arc;

use super::dialect::Dialect;
use super::effects::Rehearsal;
use super::key::{Key, TenantId};
use super::profile::Profile;
use super::schema::Registry;
use super::scope::{Action, Permission, Scopes};

/// The caller of a use-case.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The tenant that the token belongs to; every query carries it.
    pub tenant: TenantId,
    /// The token's name, as it stands in change rows; never its text.
    pub name: Arc<str>,
    /// The object types of the tenant as they were when the request came.
    pub types: Arc<Registry>,
    /// The token's id; none for the program itself.
    pub token: Option<Key>,
    /// The upstream that the token stands for; `externalId` belongs to it.
    pub source: Arc<str>,
    /// What the client's dialect tolerates and wants back.
    pub profile: Profile,
    /// What it may do.
    pub scopes: Scopes,
    /// The dialect of this request.
    pub dialect: Dialect,
    /// The id of this request, as in the log and the `X-Request-Id` header.
    pub request_id: Arc<str>,
    /// For a dry run: where its effects are noted. Nothing is written then.
    pub rehearsal: Option<Rehearsal>,
}

impl Actor {
    /// The program itself, under a name for its own work: it has no token and no scopes.
    pub fn internal(tenant: TenantId, types: Arc<Registry>, name: &str) -> Self {
        Self {
            tenant,
            name: name.into(),
            types,
            token: None,
            source: "default".into(),
            profile: Profile::GENERIC,
            scopes: Scopes::default(),
            dialect: Dialect::Admin,
            request_id: "".into(),
            rehearsal: None,
        }
    }

    /// Whether the caller may do `action` in the dialect of this request.
    pub fn may(&self, action: Action) -> bool {
        self.scopes.allows(Permission::new(self.dialect, action))
    }
}
