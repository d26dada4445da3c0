//! Clients of the token endpoint: from a proof to an account.

use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::bearer::{Authenticator, Refusal};
use super::issuer::Issuer;
use crate::domain::client::{self, ASSERTION_BYTES, Method};
use crate::domain::error::{Fault, Kind};
use crate::domain::jwt::{PublicKey, Unverified};
use crate::domain::key::{Key, TenantId};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::domain::token;
use crate::runtime::random;
use crate::store::clients::ClientRow;
use crate::store::credentials::{CredentialRow, KEY, SECRET};
use crate::store::objects::ObjectRow;
use crate::store::{StoreError, clients, credentials, objects};

/// The object type of service accounts.
const ACCOUNT: &str = "service_account";

/// What a client shows.
#[derive(Debug)]
pub enum Proof {
    /// Id and secret, in the head or in the body.
    Secret {
        /// Which of both.
        method: Method,
        /// The client.
        client_id: String,
        /// Its secret.
        secret: Secret,
    },
    /// A signed assertion.
    Assertion {
        /// The client, where the request names it.
        client_id: Option<String>,
        /// The assertion.
        text: String,
    },
}

/// A client that proved who it is.
#[derive(Debug, Clone)]
pub struct Client {
    /// The tenant of its account.
    pub tenant: TenantId,
    /// Name of that tenant.
    pub tenant_name: String,
    /// Its account.
    pub account: Key,
    /// Its name at the token endpoint.
    pub client_id: String,
    /// The generation of its tokens when it was asked.
    pub ver: i64,
    /// The assertion that is used up with this request.
    pub assertion: Option<Used>,
}

/// An assertion, by the digest of its name, and until when it has to be known.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// The digest.
    pub hash: [u8; 32],
    /// When it expires.
    pub expires: Timestamp,
}

/// A secret that is not stored yet.
#[derive(Debug)]
pub struct NewSecret {
    /// The text, shown once.
    pub text: Secret,
    /// What is stored.
    pub row: CredentialRow,
}

pub(super) struct Known {
    pub(super) row: ClientRow,
    pub(super) account: Option<ObjectRow>,
    pub(super) credentials: Vec<CredentialRow>,
}

impl Known {
    /// The account's document; empty when there is none.
    pub(super) fn document(&self) -> Result<Map<String, Value>, StoreError> {
        let Some(row) = &self.account else { return Ok(Map::new()) };
        serde_json::from_str(&row.doc).map_err(|e| StoreError::Corrupt(format!("account {}: {e}", row.key)))
    }
}

impl Authenticator {
    /// A new secret, to be stored.
    ///
    /// # Errors
    /// Without randomness.
    pub fn draft_secret(&self, expires: Option<Timestamp>) -> Result<NewSecret, Refusal> {
        let text = token::make_secret(&random::bytes().map_err(|e| StoreError::Unavailable(e.to_string()))?);
        let digest = self.pepper().digest(text.expose());
        let shown: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let row = CredentialRow {
            kind: SECRET.to_owned(),
            name: random::key().to_string(),
            shown,
            material: BASE64_URL_SAFE_NO_PAD.encode(digest),
            created: self.now(),
            expires,
            last_used: None,
        };
        Ok(NewSecret { text, row })
    }

    /// The client behind a proof that came from an address. What an assertion uses up is left to who acts on it.
    ///
    /// # Errors
    /// [`Kind::InvalidClient`], with one text, whatever is wrong; [`Kind::TooManyRequests`]; those of the store.
    pub async fn client(&self, issuer: &Issuer, proof: &Proof, from: IpAddr) -> Result<Client, Refusal> {
        issuer.limits().address(from)?;
        let assertion = match proof {
            Proof::Secret { .. } => None,
            Proof::Assertion { text, .. } if text.len() > ASSERTION_BYTES => return Err(refused()),
            Proof::Assertion { text, .. } => Some(Unverified::parse(text).ok_or_else(refused)?),
        };
        let client_id = match (proof, &assertion) {
            (Proof::Secret { client_id, .. } | Proof::Assertion { client_id: Some(client_id), .. }, _) => client_id.clone(),
            (_, Some(assertion)) => assertion.subject().ok_or_else(refused)?.to_owned(),
            (_, None) => return Err(refused()),
        };
        let known = self.known(client_id.clone()).await?;
        // Also of one that there is not, so that the limit does not tell.
        issuer.limits().client(&client_id)?;
        let now = self.now();
        let document = known.document()?;
        let method = document.get("authenticationMethod").and_then(Value::as_str).and_then(Method::parse);
        let current = |kind: &'static str| {
            let of_kind = known.credentials.iter().filter(move |row| row.kind == kind);
            of_kind.filter(move |row| row.expires.is_none_or(|at| at > now))
        };
        // Everything is worked out before anything is told, so that an unknown client costs what a known one does.
        let (shown, used, fits) = match (proof, assertion) {
            (Proof::Secret { method, secret, .. }, _) => {
                let digest = self.pepper().digest(secret.expose());
                let same = |row: &&CredentialRow| {
                    let stored = BASE64_URL_SAFE_NO_PAD.decode(&row.material).unwrap_or_default();
                    verify_slices_are_equal(&digest, &stored).is_ok()
                };
                (*method, current(SECRET).find(same), None)
            }
            (_, Some(assertion)) => {
                let key = match &assertion.kid {
                    Some(kid) => current(KEY).find(|row| row.name == *kid),
                    // Without a name there must be no choice.
                    None => Some(current(KEY)).and_then(|mut keys| keys.next().filter(|_| keys.next().is_none())),
                };
                let outcome = self.asserted(issuer, assertion, key, &client_id, now);
                (Method::PrivateKeyJwt, key, outcome)
            }
            (Proof::Assertion { .. }, None) => return Err(refused()),
        };
        let active = document.get("active") == Some(&true.into());
        let proved = shown != Method::PrivateKeyJwt || fits.is_some();
        let Some(used) = used.filter(|_| active && proved && method == Some(shown) && issuer.methods().any(|m| m == shown))
        else {
            return Err(refused());
        };
        self.used_credential((known.row.tenant, known.row.account, used.kind.clone(), used.name.clone()));
        let ClientRow { tenant, tenant_name, account, ver } = known.row;
        Ok(Client { tenant, tenant_name, account, client_id, ver, assertion: fits })
    }

    fn asserted(
        &self,
        issuer: &Issuer,
        assertion: Unverified<'_>,
        key: Option<&CredentialRow>,
        client_id: &str,
        now: Timestamp,
    ) -> Option<Used> {
        let typed = matches!(assertion.kind.as_deref(), None | Some("jwt" | "client-authentication+jwt"));
        let jwk = key.map_or(STRANGER, |row| &row.material);
        let key = PublicKey::parse(&serde_json::from_str(jwk).ok()?).ok()?;
        let claims = assertion.verify(&key)?;
        let terms = issuer.terms();
        let checked = client::check(&claims, client_id, &terms.name, now, terms.assertion_life).ok()?;
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, checked.jti.as_bytes()).as_ref());
        typed.then_some(Used { hash, expires: checked.expires })
    }

    // The same questions, whether there is such a client or not.
    pub(super) async fn known(&self, client_id: String) -> Result<Known, StoreError> {
        let read = move |conn: &mut crate::store::Conn| {
            let nobody = || ClientRow { tenant: TenantId(0), tenant_name: String::new(), account: Key::new(Uuid::nil()), ver: 0 };
            let row = clients::get(conn, &client_id)?.unwrap_or_else(nobody);
            let account = objects::get(conn, row.tenant, ACCOUNT, row.account)?;
            let credentials = credentials::list(conn, row.tenant, row.account)?;
            Ok::<_, StoreError>(Known { row, account, credentials })
        };
        self.store().read_short(read).await
    }
}

/// The key of nobody, for clients that have none: the example of RFC 8037, appendix A.
const STRANGER: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn refused() -> Refusal {
    Fault::of(Kind::InvalidClient).into()
}
