//! Object types as a client sees them: `/ResourceTypes` and `/Schemas`, with the defaults of RFC 7643 §2.2.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::harness::gateway::Client;

/// An attribute with its characteristics.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Definition {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub multi_valued: bool,
    pub description: String,
    pub required: bool,
    pub case_exact: bool,
    pub mutability: String,
    pub returned: String,
    pub uniqueness: String,
    pub canonical_values: Vec<String>,
    pub reference_types: Vec<String>,
    pub sub_attributes: Vec<Definition>,
}

impl Default for Definition {
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            name: String::new(),
            kind: text("string"),
            multi_valued: false,
            description: String::new(),
            required: false,
            case_exact: false,
            mutability: text("readWrite"),
            returned: text("default"),
            uniqueness: text("none"),
            canonical_values: Vec::new(),
            reference_types: Vec::new(),
            sub_attributes: Vec::new(),
        }
    }
}

impl Definition {
    pub fn sub(&self, name: &str) -> Option<&Self> {
        self.sub_attributes.iter().find(|sub| sub.name == name)
    }

    pub fn read_only(&self) -> bool {
        self.mutability == "readOnly"
    }

    pub fn complex(&self) -> bool {
        self.kind == "complex"
    }

    /// References and binary compare exactly whatever `caseExact` says (RFC 7643 §2.3.6, §2.3.7).
    pub fn exact(&self) -> bool {
        self.case_exact || self.kind == "reference" || self.kind == "binary"
    }
}

/// A schema: a URN and its attributes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Schema {
    pub id: String,
    pub attributes: Vec<Definition>,
}

/// A resource type.
#[derive(Debug, Clone, PartialEq)]
pub struct Type {
    pub name: String,
    /// From the root of the server.
    pub endpoint: String,
    /// Core first.
    pub schemas: Vec<Schema>,
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(rename = "Resources")]
    resources: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceType {
    name: String,
    endpoint: String,
    schema: String,
    #[serde(default)]
    schema_extensions: Vec<Extension>,
}

#[derive(Deserialize)]
struct Extension {
    schema: String,
}

/// The types that a server describes, in its order.
pub async fn described(client: &Client) -> Vec<Type> {
    let schemas: List<Schema> = serde_json::from_value(client.get("/scim/v2/Schemas").await.body).unwrap();
    let schemas: BTreeMap<_, _> = schemas.resources.into_iter().map(|schema| (schema.id.clone(), schema)).collect();
    let types: List<ResourceType> = serde_json::from_value(client.get("/scim/v2/ResourceTypes").await.body).unwrap();
    let urns = |of: &ResourceType| -> Vec<String> {
        std::iter::once(of.schema.clone()).chain(of.schema_extensions.iter().map(|e| e.schema.clone())).collect()
    };
    let of = |t: ResourceType| Type {
        schemas: urns(&t).iter().map(|urn| schemas[urn].clone()).collect(),
        endpoint: format!("/scim/v2{}", t.endpoint),
        name: t.name,
    };
    types.resources.into_iter().map(of).collect()
}

#[derive(Deserialize)]
struct File {
    resource: String,
    #[serde(default)]
    endpoint: String,
    schemas: Vec<Schema>,
}

/// The types that stand in `schema/`, by name.
pub fn shipped() -> BTreeMap<String, Type> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.filter(|path| path.extension().is_some_and(|e| e == "json") && !path.ends_with("common.json"));
    let read = |path| serde_json::from_str::<File>(&std::fs::read_to_string(path).unwrap()).unwrap();
    let offered = texts.map(read).filter(|file| !file.endpoint.is_empty());
    offered
        .map(|file| {
            let endpoint = format!("/scim/v2{}", file.endpoint);
            (file.resource.clone(), Type { name: file.resource, endpoint, schemas: file.schemas })
        })
        .collect()
}

/// The attributes of every resource, which no schema lists.
pub fn common() -> Vec<Definition> {
    serde_json::from_str(&std::fs::read_to_string(folder().join("common.json")).unwrap()).unwrap()
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema")
}
