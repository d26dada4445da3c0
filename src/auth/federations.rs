//! Workloads of elsewhere that ask for a token of a service account (RFC 7523 §2.1).

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use super::bearer::{Authenticator, Refusal};
use super::clients::{Client, Used};
use super::issuer::Issuer;
use super::trusted::Shown;
use crate::domain::error::{Fault, Kind};
use crate::domain::federation::Federation;
use crate::domain::jwt::Unverified;
use crate::domain::trusted::BYTES;
use crate::store::clients::ClientRow;
use crate::store::credentials::FEDERATION;
use crate::store::{StoreError, issuers};

impl Authenticator {
    /// The account `client_id`, if it trusts the workload that a token is about, which was shown from an address. What the token
    /// uses up is left to who acts on it.
    ///
    /// # Errors
    /// [`Kind::InvalidGrant`], with one text, whatever is wrong; [`Kind::TooManyRequests`]; those of the store.
    pub async fn federated(&self, issuer: &Issuer, client_id: &str, text: &str, from: IpAddr) -> Result<Client, Refusal> {
        issuer.limits().address(from)?;
        let token = Some(text).filter(|text| text.len() <= BYTES).and_then(Unverified::parse).ok_or_else(refused)?;
        let known = self.known(client_id.to_owned()).await?;
        issuer.limits().client(client_id)?;
        let named = token.issuer().ok_or_else(refused)?.to_owned();
        let mut trusted = Vec::new();
        for row in known.credentials.iter().filter(|row| row.kind == FEDERATION && row.shown == named) {
            let damaged = |text: String| StoreError::Corrupt(format!("federation {}: {text}", row.name));
            let body: Value = serde_json::from_str(&row.material).map_err(|e| damaged(e.to_string()))?;
            trusted.push((&row.name, Federation::parse(&body, "").map_err(|fault| damaged(fault.to_string()))?));
        }
        // Nobody is asked for keys in the name of an account that does not trust him.
        if trusted.is_empty() || known.document()?.get("active") != Some(&true.into()) {
            return Err(refused());
        }
        let ClientRow { tenant, tenant_name, account, ver } = known.row;
        let record = self.store().read_short(move |conn| issuers::named(conn, tenant, &named)).await?.ok_or_else(refused)?;
        let vouched = self.checked(tenant, tenant_name, &record, token, Shown::Grant).await?.ok_or_else(refused)?;
        let (name, federation) = trusted.iter().find(|(_, one)| one.fits(&vouched.claims)).ok_or_else(refused)?;
        let assertion = match vouched.claims.get("jti") {
            _ if federation.reusable => None,
            None => None,
            Some(Value::String(jti)) => {
                let mut hash = [0; 32];
                // Names belong to their issuer.
                let named = format!("{}\0{jti}", vouched.trusted.issuer);
                hash.copy_from_slice(digest(&SHA256, named.as_bytes()).as_ref());
                Some(Used { hash, expires: vouched.expires })
            }
            Some(_) => return Err(refused()),
        };
        self.used_credential((tenant, account, FEDERATION.to_owned(), (*name).clone()));
        Ok(Client { tenant, tenant_name: vouched.tenant_name, account, client_id: client_id.to_owned(), ver, assertion })
    }
}

fn refused() -> Refusal {
    Fault::of(Kind::InvalidGrant).into()
}
