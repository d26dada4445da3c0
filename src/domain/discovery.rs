//! What SCIM tells of itself: `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas` (RFC 7643 §5 to §7, spec/scim.md §7).
//!
//! Strict clients refuse a document with a key that they do not know, so there is nothing here beyond the RFCs.

use serde_json::{Value, json};

use crate::domain::schema::{ObjectType, Registry, Schema};

const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// What this server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Most resources that one filter answers.
    pub max_results: usize,
    /// Whether lists are sorted on demand.
    pub sort: bool,
    /// Bulk, if it is offered.
    pub bulk: Option<Bulk>,
    /// Paging (RFC 9865 §4), if cursors are offered.
    pub pagination: Option<Pagination>,
}

/// Limits of a bulk request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bulk {
    /// Most operations.
    pub max_operations: usize,
    /// Largest body, in bytes.
    pub max_payload_size: usize,
}

/// Sizes of pages, in resources, and life of a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pagination {
    /// Size of a page when none is asked for.
    pub default_page_size: usize,
    /// Largest page.
    pub max_page_size: usize,
    /// Seconds that a cursor can be used.
    pub cursor_timeout: u64,
}

/// The ServiceProviderConfig. `base` is the URL of the SCIM root, without a slash at its end, here and below.
pub fn service_provider_config(offer: &Offer, base: &str) -> Value {
    let bulk = offer.bulk.unwrap_or(Bulk { max_operations: 0, max_payload_size: 0 });
    let mut out = json!({
        "schemas": [CONFIG],
        "patch": {"supported": true},
        "bulk": {
            "supported": offer.bulk.is_some(),
            "maxOperations": bulk.max_operations,
            "maxPayloadSize": bulk.max_payload_size
        },
        "filter": {"supported": true, "maxResults": offer.max_results},
        "changePassword": {"supported": false},
        "sort": {"supported": offer.sort},
        "etag": {"supported": true},
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "OAuth Bearer Token",
            "description": "A bearer token in the Authorization header",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true
        }]
    });
    if let Some(pages) = offer.pagination {
        out["pagination"] = json!({
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": pages.default_page_size,
            "maxPageSize": pages.max_page_size,
            "cursorTimeout": pages.cursor_timeout
        });
    }
    out["meta"] = meta("ServiceProviderConfig", format!("{base}/ServiceProviderConfig"));
    out
}

/// All resource types, as a ListResponse.
pub fn resource_types(registry: &Registry, base: &str) -> Value {
    list(offered(registry).map(|kind| of_type(kind, base)).collect())
}

/// One resource type, by its id (`User`), compared exactly.
pub fn resource_type(registry: &Registry, id: &str, base: &str) -> Option<Value> {
    offered(registry).find(|kind| kind.resource == id).map(|kind| of_type(kind, base))
}

/// All schemas, as a ListResponse.
pub fn schemas(registry: &Registry, base: &str) -> Value {
    list(distinct(registry).into_iter().map(|schema| of_schema(schema, base)).collect())
}

/// One schema, by its URN, compared without case.
pub fn schema(registry: &Registry, urn: &str, base: &str) -> Option<Value> {
    distinct(registry).into_iter().find(|schema| schema.id.eq_ignore_ascii_case(urn)).map(|schema| of_schema(schema, base))
}

// A type without endpoint is not on offer here.
fn offered(registry: &Registry) -> impl Iterator<Item = &ObjectType> {
    registry.types().map(AsRef::as_ref).filter(|kind| !kind.endpoint.is_empty())
}

// Types may share an extension.
fn distinct(registry: &Registry) -> Vec<&Schema> {
    let mut out: Vec<&Schema> = Vec::new();
    for schema in offered(registry).flat_map(|kind| &kind.schemas) {
        if !out.iter().any(|known| known.id == schema.id) {
            out.push(schema);
        }
    }
    out
}

fn list(resources: Vec<Value>) -> Value {
    let count = resources.len();
    json!({"schemas": [LIST], "totalResults": count, "startIndex": 1, "itemsPerPage": count, "Resources": resources})
}

fn meta(resource: &str, location: String) -> Value {
    json!({"resourceType": resource, "location": location})
}

fn of_type(kind: &ObjectType, base: &str) -> Value {
    let extensions = kind.schemas.iter().skip(1).map(|schema| json!({"schema": schema.id, "required": schema.required}));
    let mut out = json!({
        "schemas": [RESOURCE_TYPE],
        "id": kind.resource,
        "name": kind.resource,
        "endpoint": kind.endpoint,
        "description": kind.description,
        "schema": kind.urn()
    });
    if kind.schemas.len() > 1 {
        out["schemaExtensions"] = extensions.collect();
    }
    out["meta"] = meta("ResourceType", format!("{base}/ResourceTypes/{}", kind.resource));
    out
}

fn of_schema(schema: &Schema, base: &str) -> Value {
    json!({
        "schemas": [SCHEMA],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes,
        "meta": meta("Schema", format!("{base}/Schemas/{}", schema.id))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://id.example/scim/v2";
    const OFFER: Offer = Offer { max_results: 200, sort: true, bulk: None, pagination: None };

    fn has_null(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(items) => items.iter().any(has_null),
            Value::Object(parts) => parts.values().any(has_null),
            _ => false,
        }
    }

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn documents_hold_what_the_rfc_knows_and_no_nulls() {
        let registry = Registry::shipped().unwrap();
        let config = service_provider_config(&OFFER, BASE);
        let expected = ["schemas", "patch", "bulk", "filter", "changePassword", "sort", "etag", "authenticationSchemes", "meta"];
        assert_eq!(keys(&config), expected);
        assert_eq!(config["bulk"], json!({"supported": false, "maxOperations": 0, "maxPayloadSize": 0}));
        for (document, name) in [(resource_types(&registry, BASE), "ResourceType"), (schemas(&registry, BASE), "Schema")] {
            assert!(!has_null(&document));
            let resources = document["Resources"].as_array().unwrap();
            assert_eq!(document["totalResults"], resources.len());
            for resource in resources {
                assert_eq!(resource["meta"]["resourceType"], name);
                let id = resource["id"].as_str().unwrap();
                assert_eq!(resource["meta"]["location"], format!("{BASE}/{name}s/{id}"));
            }
        }
    }

    #[test]
    fn attributes_carry_their_characteristics_and_nothing_of_provost() {
        let registry = Registry::shipped().unwrap();
        let known = [
            "name",
            "type",
            "multiValued",
            "description",
            "required",
            "canonicalValues",
            "caseExact",
            "mutability",
            "returned",
            "uniqueness",
            "referenceTypes",
            "subAttributes",
        ];
        fn check(attributes: &Value, known: &[&str]) {
            for attribute in attributes.as_array().unwrap() {
                assert!(keys(attribute).iter().all(|key| known.contains(key)), "{attribute}");
                if let Some(subs) = attribute.get("subAttributes") {
                    check(subs, known);
                }
            }
        }
        for resource in schemas(&registry, BASE)["Resources"].as_array().unwrap() {
            check(&resource["attributes"], &known);
        }
        let user = schema(&registry, "URN:ietf:params:scim:schemas:core:2.0:User", BASE).unwrap();
        assert_eq!(user["attributes"][0]["name"], "userName");
        assert_eq!(user["attributes"][0]["uniqueness"], "server");
    }

    #[test]
    fn one_is_found_by_its_id() {
        let registry = Registry::shipped().unwrap();
        let user = resource_type(&registry, "User", BASE).unwrap();
        assert_eq!(user["endpoint"], "/Users");
        assert_eq!(user["schemaExtensions"][0]["required"], false);
        assert_eq!(resource_type(&registry, "Nope", BASE), None);
        assert_eq!(schema(&registry, "urn:nope", BASE), None);
        assert!(resource_type(&registry, "Role", BASE).unwrap().get("schemaExtensions").is_none());
    }

    #[test]
    fn what_is_offered_shows() {
        let offer = Offer {
            bulk: Some(Bulk { max_operations: 1000, max_payload_size: 8 << 20 }),
            pagination: Some(Pagination { default_page_size: 100, max_page_size: 1000, cursor_timeout: 3600 }),
            ..OFFER
        };
        let config = service_provider_config(&offer, BASE);
        assert_eq!(config["bulk"]["supported"], true);
        assert_eq!(config["pagination"]["defaultPaginationMethod"], "index");
    }
}
