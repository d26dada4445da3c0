//! `/admin/v1/profiles`.

use actix_web::HttpResponse;
use serde_json::{Map, Value, json};

use super::Result;
use crate::domain::profile::{KEYS, Profile};
use crate::http::caller::{AdminAll, Caller};

/// `GET /profiles`: the client profiles that a token may name, with every key.
pub async fn list(_: Caller<AdminAll>) -> Result<HttpResponse> {
    let profiles: Vec<Value> = Profile::ALL.iter().map(|p| json!({ "name": p.name, "keys": p.keys() })).collect();
    let keys: Map<String, Value> = KEYS.iter().map(|(name, about)| ((*name).to_owned(), about.trim().into())).collect();
    Ok(HttpResponse::Ok().json(json!({ "profiles": profiles, "keys": keys })))
}
