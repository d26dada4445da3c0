//! `/passport/admin/managed-identities`: service accounts, their roles and tags (rows P1 to P12, P67).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Page, Result, answer, created, members, precondition, warned, write};
use crate::domain::access::policy::check_token;
use crate::domain::actor::Actor;
use crate::domain::document::values;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::relation::{Reference, RelationshipChange, RelationshipWrite, STATIC};
use crate::domain::resource::{Resource, encode_segment};
use crate::domain::schema::ObjectType;
use crate::http::body;
use crate::http::caller::{Caller, PassportRead, PassportRoles};
use crate::http::path::segment;
use crate::http::query;
use crate::http::state::State;
use crate::service::identities::{HeldRoles, RolesChange};
use crate::service::load::Needs;
use crate::service::objects::{Address, Change, Draft};

/// What of an account is written as it is sent.
const PROPERTIES: [&str; 2] = ["name", "description"];

/// What a creation takes.
const CREATED: [&str; 4] = ["name", "description", "owner", "tags"];

/// What a PATCH takes; status, roles and tags have addresses of their own.
const CHANGED: [&str; 3] = ["name", "description", "owner"];

/// Most tags of one account.
const MOST_TAGS: usize = 100;

/// `GET /managed-identities`.
pub async fn list(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRead>) -> Result<HttpResponse> {
    let query = Page::read(&req)?.query(kind(&caller)?, needs());
    let page = state.service.list(&caller, query).await?;
    let next = page.resources.last().filter(|_| page.more).map(|account| account.key.to_string());
    let shown: Vec<Value> = page.resources.iter().map(show).collect();
    Ok(HttpResponse::Ok().json(json!({ "managedIdentities": shown, "next": next })))
}

/// `POST /managed-identities`: with an owner, who answers for it.
pub async fn create(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<PassportRoles>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let kind = kind(&caller)?;
    let body = members(body::json(&req, payload, state.limits).await?, &CREATED)?;
    let mut doc = write(&kind, &Map::new(), &body, &PROPERTIES, true)?;
    set_tags(&kind, &mut doc, body.get("tags").unwrap_or(&json!([])))?;
    let draft = Draft { doc, external_id: None, relationships: vec![owned_by(body.get("owner"))?] };
    let made = state.service.create(&caller, kind, None, draft, needs()).await?;
    let place = format!("managed-identities/{}", encode_segment(&made.wire_id));
    Ok(created(&state, &place, made.rev, show(&made)))
}

/// `GET /managed-identities/{id}`, with what it used of what it may do, and when last.
pub async fn get(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRead>) -> Result<HttpResponse> {
    let id = segment(&req, "id")?;
    let found = state.service.get(&caller, kind(&caller)?, id.clone(), needs()).await?;
    let uses = state.service.last_uses(&caller, id).await?;
    let mut body = show(&found);
    body["lastUsed"] = uses.account.map(|at| at.to_string()).into();
    body["permissionUses"] =
        uses.permissions.iter().map(|(name, at)| json!({ "permission": name, "lastUsed": at.to_string() })).collect();
    Ok(answer(StatusCode::OK, found.rev, body))
}

/// `PATCH /managed-identities/{id}`: the members that are sent.
pub async fn modify(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<PassportRoles>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = members(body::json(&req, payload, state.limits).await?, &CHANGED)?;
    let owner = if body.contains_key("owner") { vec![owned_by(body.get("owner"))?] } else { Vec::new() };
    let written = update(&state, &req, &caller, move |kind, doc| {
        *doc = write(kind, doc, &body, &PROPERTIES, false)?;
        Ok(owner.clone())
    });
    let written = written.await?;
    Ok(answer(StatusCode::OK, written.rev, show(&written)))
}

/// `DELETE /managed-identities/{id}`, for good.
pub async fn delete(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRoles>) -> Result<HttpResponse> {
    let address = Address { kind: kind(&caller)?, wire_id: segment(&req, "id")?, precondition: precondition(&req) };
    state.service.delete(&caller, address).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `PUT /managed-identities/{id}/tags`. What policies except by tag makes this a privilege of its own.
pub async fn tag(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<PassportRoles>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = members(body::json(&req, payload, state.limits).await?, &["tags"])?;
    let tags = body.get("tags").cloned().unwrap_or_default();
    let written = update(&state, &req, &caller, move |kind, doc| {
        set_tags(kind, doc, &tags)?;
        Ok(Vec::new())
    });
    let written = written.await?;
    Ok(answer(StatusCode::OK, written.rev, show(&written)))
}

/// `POST /managed-identities/{id}/disable`.
pub async fn disable(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRoles>) -> Result<HttpResponse> {
    set_active(&state, &req, &caller, false).await
}

/// `POST /managed-identities/{id}/enable`.
pub async fn enable(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRoles>) -> Result<HttpResponse> {
    set_active(&state, &req, &caller, true).await
}

/// `PUT /managed-identities/{id}/roles`: these and no others.
pub async fn replace_roles(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<PassportRoles>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = members(body::json(&req, payload, state.limits).await?, &["roles"])?;
    let wrong = || Fault::new(Kind::InvalidValue, "'roles' is required, a list of names of roles");
    let list = body.get("roles").and_then(Value::as_array).ok_or_else(wrong)?;
    let names = list.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>().ok_or_else(wrong)?;
    change_roles(&state, &req, &caller, RolesChange::Replace(names)).await
}

/// `POST /managed-identities/{id}/roles/{roleName}`: this one too.
pub async fn add_role(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRoles>) -> Result<HttpResponse> {
    change_roles(&state, &req, &caller, RolesChange::Add(segment(&req, "roleName")?)).await
}

/// `DELETE /managed-identities/{id}/roles/{roleName}`: not this one.
pub async fn remove_role(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRoles>) -> Result<HttpResponse> {
    change_roles(&state, &req, &caller, RolesChange::Remove(segment(&req, "roleName")?)).await
}

async fn change_roles(
    state: &State,
    req: &HttpRequest,
    caller: &Caller<PassportRoles>,
    change: RolesChange,
) -> Result<HttpResponse> {
    #[derive(Deserialize)]
    struct Parameters {
        #[serde(default, rename = "revokeTokens")]
        revoke_tokens: bool,
    }
    let id = segment(req, "id")?;
    let Parameters { revoke_tokens } = query::read(req)?;
    let done = state.service.change_roles(caller, id.clone(), change, precondition(req), revoke_tokens).await?;
    let HeldRoles { names, updated } = done;
    let body = json!({ "managedIdentityId": id, "roles": names, "updatedAt": updated.to_string() });
    Ok(HttpResponse::Ok().json(warned(body)))
}

async fn set_active(state: &State, req: &HttpRequest, caller: &Caller<PassportRoles>, active: bool) -> Result<HttpResponse> {
    let was = Arc::new(AtomicBool::new(false));
    let seen = was.clone();
    let written = update(state, req, caller, move |kind, doc| {
        let attribute = attribute(kind, "active")?;
        seen.store(doc.get("active") == Some(&Value::Bool(true)), Ordering::Relaxed);
        values::set(kind, doc, attribute, Some(active.into()));
        Ok(Vec::new())
    });
    let written = written.await?;
    // Enabling revives none of the tokens that disabling ended; of an account that was enabled already it ends none.
    let ended = !active || !was.load(Ordering::Relaxed);
    let mut body = json!({ "managedIdentityId": written.wire_id, "status": status(&written), "tokensInvalidated": ended });
    body[if active { "enabledAt" } else { "disabledAt" }] = written.modified.to_string().into();
    Ok(answer(StatusCode::OK, written.rev, body))
}

async fn update(
    state: &State,
    req: &HttpRequest,
    caller: &Caller<PassportRoles>,
    change: impl Fn(&ObjectType, &mut Map<String, Value>) -> std::result::Result<Vec<RelationshipWrite>, Fault>
    + Send
    + Sync
    + 'static,
) -> Result<Resource> {
    let kind = kind(caller)?;
    let of = kind.clone();
    let change: Change = Arc::new(move |now: &Resource| {
        let mut doc = now.doc.clone();
        let relationships = change(&of, &mut doc)?;
        Ok(Draft { doc, external_id: now.external_id.clone(), relationships })
    });
    let address = Address { kind, wire_id: segment(req, "id")?, precondition: precondition(req) };
    Ok(state.service.update(caller, address, change, Needs::nothing(), needs()).await?)
}

fn kind(caller: &Actor) -> Result<Arc<ObjectType>> {
    Ok(caller.types.by_name("service_account").cloned().ok_or_else(|| Fault::of(Kind::Internal))?)
}

fn needs() -> Needs {
    Needs::nothing().and("owner").and("roles")
}

fn attribute(kind: &ObjectType, name: &str) -> std::result::Result<crate::domain::schema::AttrPath, Fault> {
    kind.resolve_attribute(name).ok_or_else(|| Fault::of(Kind::Internal))
}

fn set_tags(kind: &ObjectType, doc: &mut Map<String, Value>, tags: &Value) -> std::result::Result<(), Fault> {
    let wrong = || Fault::new(Kind::InvalidValue, format!("'tags' is a list of at most {MOST_TAGS} texts"));
    let list = tags.as_array().filter(|list| list.len() <= MOST_TAGS).ok_or_else(wrong)?;
    let mut out: Vec<&str> = Vec::with_capacity(list.len());
    for tag in list {
        let tag = tag.as_str().ok_or_else(wrong)?;
        check_token("tags", tag)?;
        if !out.contains(&tag) {
            out.push(tag);
        }
    }
    values::set(kind, doc, attribute(kind, "tags")?, Some(json!(out)));
    Ok(())
}

/// `{type, id}`: a user or a group.
fn owned_by(owner: Option<&Value>) -> std::result::Result<RelationshipWrite, Fault> {
    let wrong = |text: &str| Fault::new(Kind::InvalidValue, format!("'owner' {text}"));
    let owner = owner.filter(|owner| !owner.is_null()).ok_or_else(|| wrong("is required: who answers for the account"))?;
    let text = |name: &str| owner.get(name).and_then(Value::as_str);
    let kind = match text("type") {
        Some(kind @ ("user" | "group")) => kind,
        Some(other) => return Err(wrong(&format!("has the type 'user' or 'group', not '{}'", excerpt(other)))),
        None => return Err(wrong("is {\"type\": \"user\" or \"group\", \"id\": …}")),
    };
    let id = text("id").ok_or_else(|| wrong("has an 'id'"))?;
    let reference = Reference::Exact {
        kind: kind.to_owned(),
        id: id.to_owned(),
        edge: None,
        grant_type: STATIC.to_owned(),
        properties: None,
    };
    Ok(RelationshipWrite { property: "owner".to_owned(), change: RelationshipChange::Replace(vec![reference]) })
}

fn status(account: &Resource) -> &'static str {
    if account.doc.get("active") == Some(&Value::Bool(true)) { "active" } else { "disabled" }
}

fn show(account: &Resource) -> Value {
    let mut out = super::show(account, "managedIdentityId", &["name", "description", "clientId"]);
    let related = |name: &str| account.related.get(name).into_iter().flatten();
    let owner = related("owner").next().map(|owner| json!({ "type": owner.kind.name, "id": owner.wire_id, "name": owner.label }));
    let mut roles: Vec<&str> = related("roles").filter_map(|role| role.label.as_deref()).collect();
    roles.sort_unstable();
    roles.dedup();
    out.insert("status".to_owned(), status(account).into());
    out.insert("owner".to_owned(), owner.unwrap_or_default());
    out.insert("tags".to_owned(), account.doc.get("tags").cloned().unwrap_or_else(|| json!([])));
    out.insert("roles".to_owned(), json!(roles));
    Value::Object(out)
}
