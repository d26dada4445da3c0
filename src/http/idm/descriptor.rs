//! What a collection offers, made from its object type: `_api` answers OpenAPI, `_crestapi` the descriptor of CREST
//! (spec/idm.md §1.1).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::domain::document::idm::json_type;
use crate::domain::schema::{IdmForm, ObjectType, Relationship};
use crate::http::openapi;
use crate::http::openapi::actions::{self, Action};

/// In which form it is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// OpenAPI.
    OpenApi,
    /// CREST.
    Crest,
}

/// The description of a collection and its objects.
fn describe(form: Form, kind: &ObjectType, server: &str) -> Value {
    match form {
        Form::OpenApi => openapi::of_collection(kind, server),
        Form::Crest => crest(kind),
    }
}

/// The same as an answer.
pub fn answer(form: Form, kind: &ObjectType, server: &str) -> HttpResponse {
    super::json(StatusCode::OK, &describe(form, kind, server))
}

fn crest(kind: &ObjectType) -> Value {
    let named = |all: Vec<Action>| all.into_iter().map(|action| json!({ "name": action.name })).collect::<Vec<_>>();
    let queries = [
        json!({ "type": "FILTER", "queryableFields": queryable(kind), "pagingModes": ["COOKIE", "OFFSET"],
                "countPolicies": ["NONE", "ESTIMATE", "EXACT"], "supportedSortKeys": sortable(kind) }),
        json!({ "type": "ID", "queryId": "query-all" }),
        json!({ "type": "ID", "queryId": "query-all-ids" }),
    ];
    let by_name = json!({ "type": "ID", "queryId": "for-userName", "parameters": [{ "name": "uid", "type": "string", "source": "ADDITIONAL" }] });
    let queries: Vec<Value> = queries.into_iter().chain(kind.property("userName").map(|_| by_name)).collect();
    let operations = ["add", "remove", "replace", "increment", "copy", "move"].map(str::to_ascii_uppercase);
    json!({
        "id": format!("provost:{}", kind.collection.replace('/', ":")),
        "version": "1.0",
        "description": kind.description,
        "paths": { format!("/{}", kind.collection): { "1.0": {
            "title": kind.resource,
            "description": kind.description,
            "mvccSupported": true,
            "resourceSchema": schema(kind),
            "create": { "mode": "ID_FROM_SERVER", "singleton": false },
            "queries": queries,
            "actions": named(actions::of_list(kind)),
            "items": {
                "pathParameter": { "name": "id", "type": "string", "source": "PATH", "required": true },
                "create": { "mode": "ID_FROM_CLIENT", "singleton": false },
                "read": {},
                "update": {},
                "delete": {},
                "patch": { "operations": operations },
                "actions": named(actions::of_one(kind)),
            },
            "subresources": kind.relationships.iter().map(|r| (format!("/{}", r.name), subresource(r))).collect::<Map<_, _>>(),
        }}},
    })
}

fn queryable(kind: &ObjectType) -> Vec<&str> {
    let open = kind.properties.iter().filter(|property| property.form != IdmForm::Discarded);
    std::iter::once("_id").chain(open.map(|property| property.name.as_str())).collect()
}

fn sortable(kind: &ObjectType) -> Vec<&str> {
    let simple = |name: &&str| crate::domain::sort::Sort::idm(kind, name).is_ok();
    queryable(kind).into_iter().filter(simple).collect()
}

fn subresource(relationship: &Relationship) -> Value {
    json!({
        "title": relationship.name,
        "description": relationship.description,
        "collection": relationship.many,
        "resourceCollection": relationship.types.iter().map(|name| json!({ "path": format!("managed/{name}") })).collect::<Vec<_>>(),
    })
}

/// The properties of a type as a JSON schema.
fn schema(kind: &ObjectType) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    properties.insert("_id".to_owned(), json!({ "type": "string" }));
    properties.insert("_rev".to_owned(), json!({ "type": "string", "readOnly": true }));
    for property in &kind.properties {
        let leaf = kind.leaf(property.path);
        let mut about = json!({ "type": json_type(leaf, property.form), "description": leaf.description });
        if property.form == IdmForm::Shown {
            about["readOnly"] = true.into();
        }
        if property.form == IdmForm::Discarded {
            about["writeOnly"] = true.into();
        }
        properties.insert(property.name.clone(), about);
        if leaf.required {
            required.push(property.name.as_str());
        }
    }
    for relationship in &kind.relationships {
        let one = json!({ "type": "relationship", "properties": { "_ref": { "type": "string" }, "_refProperties": { "type": "object" } } });
        let about = if relationship.many { json!({ "type": "array", "items": one }) } else { one };
        properties.insert(relationship.name.clone(), about);
    }
    json!({ "type": "object", "title": kind.resource, "properties": properties, "required": required })
}
