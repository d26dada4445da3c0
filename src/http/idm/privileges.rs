//! `privilege`: what the caller's own token lets it do (spec/idm.md §3.9).

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::query::Parameters;
use super::{Result, json as answer};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::privilege;
use crate::domain::schema::ObjectType;
use crate::http::caller::{Caller, IdmRead};
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::load::Needs;

/// `POST privilege?_action=listPrivileges`.
pub async fn list(req: HttpRequest, caller: Caller<IdmRead>) -> Result<HttpResponse> {
    match Parameters::read(&req)?.action.as_deref() {
        Some("listPrivileges") => Ok(answer(StatusCode::OK, &privilege::list(&caller))),
        other => {
            let text = format!("action '{}' is not offered here", excerpt(other.unwrap_or_default()));
            Err(Fault::new(Kind::NotImplemented, text).into())
        }
    }
}

/// `GET privilege/{resource}`.
pub async fn of_type(req: HttpRequest, caller: Caller<IdmRead>) -> Result<HttpResponse> {
    let kind = named(&caller, &req)?;
    Ok(answer(StatusCode::OK, &privilege::own(&caller, &kind, None)))
}

/// `GET privilege/{resource}/{id}`.
pub async fn of_object(state: web::Data<State>, req: HttpRequest, caller: Caller<IdmRead>) -> Result<HttpResponse> {
    let kind = named(&caller, &req)?;
    let found = state.service.get(&caller, kind, segment(&req, "id")?, Needs::nothing()).await?;
    Ok(answer(StatusCode::OK, &privilege::own(&caller, &found.kind, Some(&found.wire_id))))
}

fn named(caller: &Caller<IdmRead>, req: &HttpRequest) -> Result<Arc<ObjectType>> {
    let collection = format!("{}/{}", segment(req, "space")?, segment(req, "type")?);
    let found = caller.types.by_collection(&collection).cloned();
    Ok(found.ok_or_else(|| Fault::new(Kind::NotFound, "no such collection"))?)
}
