//! The admin API, over HTTP against a real gateway.

mod changes;
mod inbound;
mod jobs;
mod matrix;
mod refused;
mod types;

use serde_json::{Value, json};

/// The URN of the extension that the tests add to users.
pub const ACME: &str = "urn:acme:scim:schemas:extension:2.0:User";

/// An addition to the user: these attributes, each with an IDM property of its name.
pub fn extension(attributes: &[Value]) -> Value {
    let properties: Vec<Value> = attributes
        .iter()
        .map(|a| json!({ "name": a["name"], "path": format!("{ACME}:{}", a["name"].as_str().unwrap()) }))
        .collect();
    json!({ "schemas": [{ "id": ACME, "name": "Acme", "attributes": attributes }], "properties": properties })
}
