//! `/admin/v1/signing-keys`, for operators: the keys belong to the installation.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::Result;
use crate::auth::Refusal;
use crate::auth::keys::KeyView;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::http::caller::{Caller, Operate};
use crate::http::path::segment;
use crate::http::state::State;

/// `GET /signing-keys`.
pub async fn list(state: web::Data<State>, _: Caller<Operate>) -> Result<HttpResponse> {
    let keys = state.issuer.keys().list().await.map_err(Refusal::from)?;
    Ok(HttpResponse::Ok().json(json!({ "keys": keys.iter().map(show).collect::<Vec<_>>() })))
}

/// `POST /signing-keys`: the next key, now rather than in its time.
pub async fn rotate(state: web::Data<State>, caller: Caller<Operate>) -> Result<HttpResponse> {
    let key = state.issuer.keys().rotate(caller.rehearsal.is_some()).await.map_err(Refusal::from)?;
    Ok(HttpResponse::Accepted().json(show(&key)))
}

/// `DELETE /signing-keys/{id}`: gone at once, with all that it signed.
pub async fn remove(state: web::Data<State>, req: HttpRequest, caller: Caller<Operate>) -> Result<HttpResponse> {
    let missing = || Fault::new(Kind::NotFound, "no such key");
    let id = Key::parse(&segment(&req, "id")?).ok_or_else(missing)?;
    if !state.issuer.keys().remove(id, caller.rehearsal.is_some()).await.map_err(Refusal::from)? {
        return Err(missing().into());
    }
    Ok(HttpResponse::NoContent().finish())
}

fn show(key: &KeyView) -> Value {
    json!({
        "id": key.id.to_string(),
        "algorithm": key.algorithm,
        "state": key.state.name(),
        "created": key.created.to_string(),
        "signsFrom": key.signs_from.to_string(),
    })
}
