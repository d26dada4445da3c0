//! `/admin/v1/tokens`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Result;
use crate::auth::tokens::{NewToken, Token, overrides};
use crate::domain::duration;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::domain::profile::{Overrides, Profile};
use crate::domain::scope::{Scope, Scopes};
use crate::domain::secret::HIDDEN;
use crate::domain::source::SourceName;
use crate::domain::time::Timestamp;
use crate::http::body;
use crate::http::caller::{AdminAll, Caller};
use crate::http::path::segment;
use crate::http::state::State;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wish {
    name: String,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    profile: Option<String>,
    /// Single keys of the profile that shall be otherwise for this token.
    #[serde(default)]
    profile_overrides: Map<String, Value>,
    scopes: Vec<String>,
    /// A duration from now, like `90d`, or an instant.
    #[serde(default)]
    expires: Option<String>,
}

/// `POST /tokens`: the answer holds the token's text, this once.
pub async fn create(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<AdminAll>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = body::json(&req, payload, state.limits).await?;
    let wish: Wish = serde_json::from_value(body).map_err(|e| Fault::new(Kind::InvalidSyntax, e.to_string()))?;
    let scopes = Scopes::parse(&wish.scopes.join(" "))?;
    // Nobody gives what he does not hold.
    if scopes.iter().any(|s| s == Scope::OPERATOR) && !caller.scopes.iter().any(|s| s == Scope::OPERATOR) {
        return Err(Fault::new(Kind::Forbidden, "only an operator gives the scope 'operator'").into());
    }
    let profile = wish.profile.as_deref().unwrap_or("generic");
    let names = || Profile::names().collect::<Vec<_>>().join(", ");
    let token = NewToken {
        name: wish.name,
        source: SourceName::parse(wish.source.as_deref().unwrap_or("default"))?.as_str().to_owned(),
        profile: Profile::by_name(profile)
            .ok_or_else(|| Fault::new(Kind::InvalidValue, format!("'profile' is one of {}", names())))?,
        overrides: Overrides::parse(&wish.profile_overrides)?,
        scopes,
        expires: wish.expires.as_deref().map(|text| expiry(state.service.clock().now(), text)).transpose()?,
    };
    let (row, secret) = state.auth.create(caller.tenant, token, caller.rehearsal.is_some()).await?;
    let mut shown = show(&row);
    // One that was only tried opens nothing.
    shown["token"] = if caller.rehearsal.is_some() { HIDDEN } else { secret.expose() }.into();
    Ok(HttpResponse::Created().json(shown))
}

/// When a token ends that is to last for `text`, or until then.
///
/// # Errors
/// [`Kind::InvalidValue`].
pub fn expiry(now: Timestamp, text: &str) -> std::result::Result<Timestamp, Fault> {
    duration::instant(now, text)
}

/// `GET /tokens`.
pub async fn list(state: web::Data<State>, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let rows = state.auth.list(caller.tenant).await?;
    Ok(HttpResponse::Ok().json(json!({ "tokens": rows.iter().map(show).collect::<Vec<_>>() })))
}

/// `GET /tokens/{id}`.
pub async fn get(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let id = id(&req)?;
    let found = state.auth.list(caller.tenant).await?.into_iter().find(|row| row.id == id);
    Ok(HttpResponse::Ok().json(show(&found.ok_or_else(missing)?)))
}

/// `DELETE /tokens/{id}`: revoked at once.
pub async fn revoke(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    state.auth.revoke(caller.tenant, id(&req)?, caller.rehearsal.is_some()).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn id(req: &HttpRequest) -> std::result::Result<Key, Fault> {
    Key::parse(&segment(req, "id")?).ok_or_else(missing)
}

fn missing() -> Fault {
    Fault::new(Kind::NotFound, "no such token")
}

fn show(row: &Token) -> Value {
    let at = |t: Option<Timestamp>| t.map(|t| t.to_string());
    // What cannot be read here lets nobody in either; it is shown as it is.
    let overrides = overrides(row).unwrap_or_default();
    let named = Profile::by_name(&row.profile);
    let recognised = named.filter(|p| p.detects()).and_then(|_| Profile::by_name(row.recognised.as_deref()?));
    let met = recognised.or(named);
    json!({
        "id": row.id.to_string(),
        "name": row.name,
        "source": row.source,
        "profile": row.profile,
        "profileOverrides": overrides.keys(),
        "recognised": row.recognised,
        "profileKeys": met.map(|profile| profile.with(&overrides).keys()),
        "scopes": row.scopes.split(' ').collect::<Vec<_>>(),
        "created": row.created.to_string(),
        "expires": at(row.expires),
        "revoked": at(row.revoked),
        "lastUsed": at(row.last_used),
    })
}
