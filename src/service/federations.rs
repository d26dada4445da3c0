//! Workloads of elsewhere that a service account trusts; they are listed and removed as its credentials are.

use serde_json::json;

use super::credentials::{ACCOUNT, Credential, FEDERATION};
use super::load::document;
use super::warnings::Touch;
use super::{Context, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::federation::Federation;
use crate::runtime::random;
use crate::store::{Conn, clients, credentials, issuers};

/// Most of one account.
const MOST: usize = 20;

impl Service {
    /// Lets an account trust a workload.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; [`Kind::InvalidValue`] when the tenant does not trust the issuer; [`Kind::Conflict`] beyond the number.
    pub async fn add_federation(&self, actor: &Actor, id: String, federation: &Federation) -> Result<Credential> {
        let row = Credential {
            kind: FEDERATION.to_owned(),
            name: random::key().to_string(),
            shown: federation.issuer.clone(),
            material: federation.to_json().to_string(),
            created: self.clock().now(),
            expires: None,
            last_used: None,
        };
        self.write(actor, move |ctx, tx| ctx.add_federation(tx, &id, &row).map(|()| row.clone())).await
    }
}

impl Context {
    fn add_federation(&self, conn: &mut Conn, id: &str, row: &Credential) -> Result<()> {
        self.demand_roles()?;
        let tenant = self.actor.tenant;
        let account = self.find(conn, &*self.kind(ACCOUNT)?, id)?;
        self.guard_account(conn, account.key)?;
        if issuers::named(conn, tenant, &row.shown)?.is_none() {
            return Err(Fault::new(Kind::InvalidValue, "'issuer' names none that the tenant trusts").into());
        }
        let known = credentials::list(conn, tenant, account.key)?;
        if known.iter().filter(|known| known.kind == FEDERATION).count() >= MOST {
            return Err(Fault::new(Kind::Conflict, format!("the account trusts {MOST} workloads; remove one first")).into());
        }
        let doc = document(&account)?;
        let client_id = doc.get("clientId").and_then(|value| value.as_str());
        let client_id = client_id.ok_or_else(|| Fault::new(Kind::Conflict, "the account has no client id"))?;
        credentials::insert(conn, tenant, account.key, row)?;
        clients::ensure(conn, tenant, account.key, client_id)?;
        self.touched.note(Touch::Credentials(account.key));
        self.record_credential(conn, &account, &json!({ "added": row.kind, "name": row.name, "fingerprint": row.shown }))
    }
}
