//! Who a request is from: a token made here, or one of an issuer that a tenant trusts.

use std::sync::Arc;

use super::state::State;
use crate::auth::{Principal, Refusal};

impl State {
    /// The principal behind an `Authorization` header.
    ///
    /// # Errors
    /// One and the same refusal for a token that is missing, malformed, unknown, expired or revoked, and for one of another issuer
    /// that means nobody here.
    pub async fn principal(&self, header: Option<&str>) -> Result<Arc<Principal>, Refusal> {
        if let Some(vouched) = self.auth.vouched(header).await? {
            let found = self.service.person(vouched.tenant, &vouched.tenant_name, &vouched.trusted, &vouched.claims).await;
            if let Some((user, person)) = found.map_err(|error| Refusal::Credentials(error.into_fault()))? {
                return Ok(Arc::new(Principal::of_user(vouched.tenant, user, &person, vouched.expires)));
            }
        }
        self.auth.authenticate(header).await
    }
}
