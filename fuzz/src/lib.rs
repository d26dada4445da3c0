//! What holds of any input, one module a target. A check that does not hold panics.
//!
//! `cargo fuzz run -s none filter` looks for such an input; the integration tests of the gateway include this file and play
//! the seeds in `corpus/` through the same checks.

pub mod bulk;
pub mod filter;
pub mod patch;
pub mod path;
pub mod request;

use std::sync::{Arc, LazyLock};

use provost::domain::document::{self, Map, check};
use provost::domain::profile::Profile;
use provost::domain::schema::{Attribute, AttributeType, ObjectType, Registry};
use serde_json::{Value, json};

/// A check of one target.
pub type Check = fn(&[u8]);

/// The targets by name, which are the names of their folders in `corpus/`.
pub const TARGETS: [(&str, Check); 5] = [
    ("bulk", bulk::check),
    ("filter", filter::check),
    ("path", path::check),
    ("patch", patch::check),
    ("request", request::check),
];

/// The profiles that read differently.
const PROFILES: [&Profile; 3] = [&Profile::GENERIC, &Profile::STRICT, &Profile::ENTRA];

/// An object type, and a document of it in which every attribute is set that can be.
struct Sample {
    kind: Arc<ObjectType>,
    doc: Map,
}

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let registry = Registry::shipped().expect("the shipped types hold together");
    registry.types().map(|kind| Sample { kind: kind.clone(), doc: sample(kind) }).collect()
});

impl Sample {
    /// The document with its common attributes.
    fn resource(&self) -> Map {
        whole(&self.kind, self.doc.clone())
    }

    /// What the gateway would store must be in its canonical form.
    fn assert_canonical(&self, doc: &Map) {
        if let Err(fault) = check::canonical(&self.kind, doc) {
            panic!("{fault}: {doc:?}");
        }
    }
}

fn whole(kind: &ObjectType, doc: Map) -> Map {
    let meta = json!({ "resourceType": kind.resource, "version": "W/\"1\"" });
    document::resource(kind, doc, "6a1c0f6e", Some("e1"), meta)
}

fn sample(kind: &ObjectType) -> Map {
    let mut body = json!({ "schemas": kind.schemas.iter().map(|s| &s.id).collect::<Vec<_>>() });
    for (n, schema) in kind.schemas.iter().enumerate() {
        let attributes: Map = schema.attributes.iter().map(|a| (a.name.clone(), value(a))).collect();
        if n > 0 {
            body[&schema.id] = Value::Object(attributes);
        } else {
            attributes.into_iter().for_each(|(name, value)| body[name] = value);
        }
    }
    document::create(kind, &Profile::GENERIC, body).expect("a sample is read").doc
}

fn value(of: &Attribute) -> Value {
    let one = match of.kind {
        AttributeType::String | AttributeType::Reference => of.canonical_values.first().map_or(json!("aB"), |known| json!(known)),
        AttributeType::Boolean => json!(true),
        AttributeType::Decimal => json!(1.5),
        AttributeType::Integer => json!(1),
        AttributeType::DateTime => json!("2026-01-31T08:00:00Z"),
        AttributeType::Binary => json!("YQ=="),
        AttributeType::Complex => of.sub_attributes.iter().map(|sub| (sub.name.clone(), value(sub))).collect::<Map>().into(),
    };
    if of.multi_valued { json!([one]) } else { one }
}
