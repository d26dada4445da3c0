//! Every attribute of every object type keeps to its characteristics (RFC 7643 §2.2), in every way of writing and reading.
//!
//! What is tried follows from what the server says of itself, so that a type of a tenant's own is walked as well.

mod reads;
pub mod types;
mod values;
mod writes;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::harness::gateway::{Answer, Client, Gateway, query};
use types::{Definition, Schema, Type};

/// What the characteristics alone do not say of an attribute (spec/types.md).
struct Special {
    name: &'static str,
    /// It shows relationships: `value` is the id of an object of this type, and the server decides on the other parts.
    to: Option<&'static str>,
    /// A PUT that does not speak of it leaves it as it is.
    kept: bool,
}

const SPECIAL: &[Special] = &[
    Special { name: "members", to: Some("User"), kept: false },
    Special { name: "manager", to: Some("User"), kept: false },
    // Of a type of a tenant's own.
    Special { name: "owner", to: Some("User"), kept: false },
    Special { name: "roles", to: Some("Role"), kept: true },
    Special { name: "active", to: None, kept: true },
];

/// Attributes that are tried at the same time.
const AT_ONCE: usize = 4;

/// Fewer cells than these for the shipped types: something was left out.
const FEWEST: usize = 4_000;

#[tokio::test]
async fn what_the_server_describes_is_what_the_schema_files_say() {
    let gateway = Gateway::start();
    let described: BTreeMap<String, Type> =
        types::described(&gateway.admin()).await.into_iter().map(|t| (t.name.clone(), t)).collect();
    assert_eq!(described, types::shipped());
}

#[tokio::test]
async fn every_attribute_keeps_to_its_characteristics_on_sqlite() {
    shipped(Gateway::start()).await;
}

#[tokio::test]
async fn every_attribute_keeps_to_its_characteristics_on_postgres() {
    shipped(Gateway::on_postgres()).await;
}

async fn shipped(gateway: Gateway) {
    let client = gateway.tenant("walked").await;
    let types = types::described(&client).await;
    let walked = walk(&client, &types).await;
    assert!(walked >= FEWEST, "only {walked} cells");
}

/// Walks these types with a client that may do everything, and says how many cells held.
///
/// # Panics
/// Naming each cell that did not.
pub async fn walk(client: &Client, types: &[Type]) -> usize {
    let config = client.get("/scim/v2/ServiceProviderConfig").await.body;
    let walk = Walk {
        client,
        types,
        sorts: config["sort"]["supported"] == true,
        next: Cell::new(0),
        held: Cell::new(0),
        failed: RefCell::default(),
    };
    let common = Schema { id: String::new(), attributes: types::common() };
    let mut places = Vec::new();
    for kind in types {
        let schemas = kind.schemas.iter().enumerate().map(|(n, schema)| ((n > 0).then_some(schema.id.as_str()), schema));
        for (urn, schema) in schemas.chain([(None, &common)]) {
            places.extend(schema.attributes.iter().map(|attribute| Place { kind, urn, attribute, sub: None }));
        }
    }
    futures_util::stream::iter(&places).for_each_concurrent(AT_ONCE, |place| walk.attribute(place)).await;
    let failed = walk.failed.into_inner();
    assert!(failed.is_empty(), "{} of {} cells failed\n{}", failed.len(), walk.held.get() + failed.len(), failed.join("\n"));
    walk.held.get()
}

struct Walk<'a> {
    client: &'a Client,
    types: &'a [Type],
    sorts: bool,
    next: Cell<usize>,
    held: Cell<usize>,
    failed: RefCell<Vec<String>>,
}

/// An attribute of a type, or a part of it.
#[derive(Clone, Copy)]
struct Place<'a> {
    kind: &'a Type,
    /// Of an extension.
    urn: Option<&'a str>,
    attribute: &'a Definition,
    sub: Option<&'a Definition>,
}

impl<'a> Place<'a> {
    fn leaf(&self) -> &'a Definition {
        self.sub.unwrap_or(self.attribute)
    }

    fn part(&self, sub: &'a Definition) -> Self {
        Self { sub: Some(sub), ..*self }
    }

    fn path(&self) -> String {
        let urn = self.urn.map(|urn| format!("{urn}:")).unwrap_or_default();
        let sub = self.sub.map(|sub| format!(".{}", sub.name)).unwrap_or_default();
        format!("{urn}{}{sub}", self.attribute.name)
    }

    fn special(&self) -> Option<&'static Special> {
        SPECIAL.iter().find(|s| s.name == self.attribute.name && !self.attribute.read_only())
    }

    /// The type that its values lead to.
    fn leads_to(&self) -> Option<&'static str> {
        self.special()?.to
    }

    fn kept(&self) -> bool {
        self.special().is_some_and(|s| s.kept)
    }

    /// The whole attribute in a resource.
    fn of<'v>(&self, resource: &'v Value) -> Option<&'v Value> {
        let home = self.urn.map_or(Some(resource), |urn| resource.get(urn))?;
        home.get(&self.attribute.name)
    }

    /// Every value at the place: of each element, or the one.
    fn values<'v>(&self, resource: &'v Value) -> Vec<&'v Value> {
        let elements = match self.of(resource) {
            None => Vec::new(),
            Some(Value::Array(list)) => list.iter().collect(),
            Some(one) => vec![one],
        };
        match self.sub {
            None => elements,
            Some(sub) => elements.into_iter().filter_map(|e| e.get(&sub.name)).collect(),
        }
    }
}

impl Walk<'_> {
    async fn attribute(&self, place: &Place<'_>) {
        if place.attribute.read_only() {
            self.read_only(place).await;
        } else {
            self.created(place).await;
            self.refused(place).await;
            self.replaced(place).await;
            self.patched(place).await;
            for sub in &place.attribute.sub_attributes {
                self.part_written(&place.part(sub)).await;
            }
        }
        self.read(place).await;
    }

    fn fresh(&self) -> usize {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }

    /// One cell: what must be so.
    fn see(&self, place: &Place<'_>, what: &str, answer: &Answer, so: bool) -> bool {
        if so {
            self.held.set(self.held.get() + 1);
        } else {
            let line = format!("{} {}: {what}: {} {}", place.kind.name, place.path(), answer.status, answer.text);
            self.failed.borrow_mut().push(line);
        }
        so
    }

    /// A cell that must be refused in this way, naming the attribute.
    fn refuses(&self, place: &Place<'_>, what: &str, answer: &Answer, scim_type: &str) {
        let status = if scim_type == "uniqueness" { 409 } else { 400 };
        let named = answer.body["detail"].as_str().is_some_and(|detail| detail.contains(&place.attribute.name));
        self.see(place, what, answer, answer.status == status && answer.body["scimType"] == scim_type && named);
    }

    /// A resource with what is required and nothing else.
    fn least(&self, kind: &Type) -> Value {
        let mut body = json!({ "schemas": kind.schemas.iter().map(|s| &s.id).collect::<Vec<_>>() });
        for (n, schema) in kind.schemas.iter().enumerate() {
            for attribute in schema.attributes.iter().filter(|a| a.required && !a.read_only()) {
                let urn = (n > 0).then_some(schema.id.as_str());
                values::put(&mut body, urn, &attribute.name, values::whole(attribute, self.fresh()));
            }
        }
        body
    }

    /// The same with the place set.
    fn with(&self, place: &Place<'_>, value: &Value) -> Value {
        let mut body = self.least(place.kind);
        values::put(&mut body, place.urn, &place.attribute.name, value.clone());
        body
    }

    async fn post(&self, kind: &Type, body: &Value) -> Answer {
        self.client.post(&kind.endpoint, body).await
    }

    /// A fresh value for a whole attribute; what it leads to is made.
    async fn value(&self, place: &Place<'_>) -> Value {
        let n = self.fresh();
        let Some(to) = place.leads_to() else { return values::whole(place.attribute, n) };
        let to = self.types.iter().find(|t| t.name == to).unwrap_or_else(|| panic!("no type {to}"));
        let count = if place.attribute.multi_valued { 2 } else { 1 };
        let mut out = Vec::new();
        for _ in 0..count {
            out.push(json!({ "value": self.post(to, &self.least(to)).await.id() }));
        }
        if place.attribute.multi_valued { Value::Array(out) } else { out.remove(0) }
    }

    async fn read_back(&self, kind: &Type, id: &str, attributes: Option<&str>) -> Answer {
        let path = format!("{}/{id}", kind.endpoint);
        match attributes {
            Some(names) => self.client.get(&query(&path, &[("attributes", names)])).await,
            None => self.client.get(&path).await,
        }
    }

    async fn operate(&self, kind: &Type, id: &str, op: &str, path: Option<&str>, value: Option<&Value>) -> Answer {
        let mut operation = json!({ "op": op });
        if let Some(path) = path {
            operation["path"] = json!(path);
        }
        if let Some(value) = value {
            operation["value"] = value.clone();
        }
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
        self.client.patch(&format!("{}/{id}", kind.endpoint), &body).await
    }

    /// A cell: an object shows this value at the place, as its `returned` says, in an answer and when it is read again.
    async fn shows(&self, place: &Place<'_>, what: &str, answer: &Answer, value: Option<&Value>) {
        if !self.see(place, what, answer, matches!(answer.status, 200 | 201)) {
            return;
        }
        let again = self.read_back(place.kind, answer.id(), None).await;
        let named = self.read_back(place.kind, answer.id(), Some(&Place { sub: None, ..*place }.path())).await;
        let says = |answer: &Answer| match (value, place.of(&answer.body)) {
            (Some(sent), Some(back)) => values::says(place.attribute, sent, back),
            (None, back) => back.is_none(),
            (Some(_), None) => false,
        };
        let hidden = |answer: &Answer| place.of(&answer.body).is_none();
        let (by_default, by_name) = match place.attribute.returned.as_str() {
            "never" => (false, false),
            "request" => (false, true),
            _ => (true, true),
        };
        for (at, answer, shown) in [("answered", answer, by_default), ("read", &again, by_default), ("named", &named, by_name)] {
            self.see(place, &format!("{what}, {at}"), answer, if shown { says(answer) } else { hidden(answer) });
        }
    }

    async fn delete(&self, kind: &Type, id: &str) {
        self.client.delete(&format!("{}/{id}", kind.endpoint)).await;
    }
}
