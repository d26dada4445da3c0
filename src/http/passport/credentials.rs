//! `/passport/admin/managed-identities/{id}/secrets`, `/keys` and `/revoke-tokens`.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Result, warned};
use crate::domain::duration;
use crate::domain::error::{Fault, Kind};
use crate::domain::jwt::PublicKey;
use crate::domain::secret::HIDDEN;
use crate::domain::time::Timestamp;
use crate::http::caller::{Caller, PassportRead, PassportRoles};
use crate::http::path::segment;
use crate::http::state::State;
use crate::http::{body, query};
use crate::service::credentials::{Credential, PUBLIC_KEY, SECRET};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct SecretWish {
    /// A duration from now, like `90d`, or an instant.
    expires: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyWish {
    jwk: Value,
    expires: Option<String>,
}

#[derive(Deserialize)]
struct Removal {
    #[serde(default)]
    compromised: bool,
}

/// Removes a credential of a kind, which the address names at `place`; with `compromised=true` every token of the account ends as
/// well.
pub(super) async fn remove(
    state: &State,
    req: &HttpRequest,
    caller: &Caller<PassportRoles>,
    kind: &'static str,
    place: &str,
) -> Result<HttpResponse> {
    let asked: Removal = query::read(req)?;
    let (id, name) = (segment(req, "id")?, segment(req, place)?);
    state.service.remove_credential(caller, id, kind, name, asked.compromised).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET …/secrets`.
pub async fn secrets(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRead>) -> Result<HttpResponse> {
    let found = state.service.credentials(&caller, segment(&req, "id")?, SECRET).await?;
    Ok(HttpResponse::Ok().json(json!({ "secrets": found.iter().map(show).collect::<Vec<_>>() })))
}

/// `POST …/secrets`: the answer holds the secret, this once.
pub async fn add_secret(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<PassportRoles>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let wish = match body::optional(&req, payload, state.limits).await? {
        Some(body) => serde_json::from_value(body).map_err(|e| Fault::new(Kind::InvalidSyntax, e.to_string()))?,
        None => SecretWish::default(),
    };
    let made = state.auth.draft_secret(expiry(&state, wish.expires.as_deref())?)?;
    state.service.add_credential(&caller, segment(&req, "id")?, made.row.clone()).await?;
    let mut shown = show(&made.row);
    // One that was only tried opens nothing.
    shown["secret"] = if caller.rehearsal.is_some() { HIDDEN } else { made.text.expose() }.into();
    Ok(HttpResponse::Created().insert_header((CACHE_CONTROL, "no-store")).json(warned(shown)))
}

/// `DELETE …/secrets/{sid}`.
pub async fn remove_secret(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRoles>) -> Result<HttpResponse> {
    remove(&state, &req, &caller, SECRET, "sid").await
}

/// `GET …/keys`.
pub async fn keys(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRead>) -> Result<HttpResponse> {
    let found = state.service.credentials(&caller, segment(&req, "id")?, PUBLIC_KEY).await?;
    Ok(HttpResponse::Ok().json(json!({ "keys": found.iter().map(show).collect::<Vec<_>>() })))
}

/// `POST …/keys`: registers a public key.
pub async fn add_key(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<PassportRoles>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = body::json(&req, payload, state.limits).await?;
    let wish: KeyWish = serde_json::from_value(body).map_err(|e| Fault::new(Kind::InvalidSyntax, e.to_string()))?;
    let key = PublicKey::parse(&wish.jwk)?;
    let row = Credential {
        kind: PUBLIC_KEY.to_owned(),
        shown: key.algorithm().to_owned(),
        material: key.jwk.to_string(),
        name: key.kid,
        created: state.service.clock().now(),
        expires: expiry(&state, wish.expires.as_deref())?,
        last_used: None,
    };
    let shown = show(&row);
    state.service.add_credential(&caller, segment(&req, "id")?, row).await?;
    Ok(HttpResponse::Created().json(warned(shown)))
}

/// `DELETE …/keys/{kid}`, as for secrets.
pub async fn remove_key(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRoles>) -> Result<HttpResponse> {
    remove(&state, &req, &caller, PUBLIC_KEY, "kid").await
}

/// `POST …/revoke-tokens`: ends every token of the account.
pub async fn revoke_tokens(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRoles>) -> Result<HttpResponse> {
    let id = segment(&req, "id")?;
    state.service.revoke_tokens(&caller, id.clone()).await?;
    Ok(HttpResponse::Ok().json(json!({ "managedIdentityId": id, "tokensInvalidated": true })))
}

fn expiry(state: &State, text: Option<&str>) -> Result<Option<Timestamp>> {
    let now = state.service.clock().now();
    let Some(text) = text else { return Ok(None) };
    let at = duration::instant(now, text)?;
    if at <= now {
        return Err(Fault::new(Kind::InvalidValue, "'expires' lies in the future").into());
    }
    Ok(Some(at))
}

fn show(row: &Credential) -> Value {
    let at = |t: Option<Timestamp>| t.map(|t| t.to_string());
    let mut out = json!({ "created": row.created.to_string(), "expires": at(row.expires), "lastUsed": at(row.last_used) });
    if row.kind == SECRET {
        out["id"] = row.name.as_str().into();
        out["fingerprint"] = row.shown.as_str().into();
    } else {
        out["kid"] = row.name.as_str().into();
        out["algorithm"] = row.shown.as_str().into();
        out["jwk"] = serde_json::from_str(&row.material).unwrap_or(Value::Null);
    }
    out
}
