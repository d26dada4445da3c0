//! From a method, an address and a body to the command that it asks for: the same for a request of its own and for an
//! operation of a bulk.

use std::sync::Arc;

use serde_json::Value;

use crate::domain::bulk::Method;
use crate::domain::document::parse::{self, Parsed};
use crate::domain::error::{Fault, Kind};
use crate::domain::patch;
use crate::domain::profile::Profile;
use crate::domain::relation::Precondition;
use crate::domain::resource::Resource;
use crate::domain::schema::ObjectType;
use crate::service::command::Command;
use crate::service::objects::{Address, Change, Draft};

/// A write as it came in.
#[derive(Debug, Clone)]
pub struct Wish {
    /// How.
    pub method: Method,
    /// The type that the endpoint stands for.
    pub kind: Arc<ObjectType>,
    /// The id in the address.
    pub id: Option<String>,
    /// What the version must be; a POST has none.
    pub precondition: Precondition,
    /// How the client is met.
    pub profile: Profile,
    /// How large a PATCH may be.
    pub limits: patch::Limits,
    /// The body; DELETE has none.
    pub body: Value,
}

impl Wish {
    /// What it asks for.
    ///
    /// # Errors
    /// What is wrong with the body; [`Kind::MethodNotAllowed`] when the method does not fit the address.
    pub fn command(self) -> Result<Command, Fault> {
        let Self { method, kind, id, precondition, profile, limits, body } = self;
        let Some(wire_id) = id else {
            return match method {
                Method::Post => create(kind, profile, body),
                _ => Err(Fault::new(Kind::MethodNotAllowed, "this method needs the address of a resource")),
            };
        };
        let address = Address { kind: kind.clone(), wire_id, precondition };
        match method {
            Method::Post => Err(Fault::new(Kind::MethodNotAllowed, "POST needs the address of an endpoint")),
            Method::Put => Ok(Command::Update { address, change: replacement(kind, profile, body) }),
            Method::Patch => Ok(Command::Update { address, change: modification(kind, profile, limits, body)? }),
            Method::Delete => Ok(Command::Delete { address }),
        }
    }
}

fn create(kind: Arc<ObjectType>, profile: Profile, body: Value) -> Result<Command, Fault> {
    let revive = profile.revive_on_post.then(|| replacement(kind.clone(), profile, body.clone()));
    Ok(Command::Create { draft: draft(parse::create(&kind, &profile, body)?), kind, revive })
}

fn replacement(kind: Arc<ObjectType>, profile: Profile, body: Value) -> Change {
    Arc::new(move |now: &Resource| Ok(draft(parse::replace(&kind, &profile, &now.doc, body.clone())?)))
}

fn modification(kind: Arc<ObjectType>, profile: Profile, limits: patch::Limits, body: Value) -> Result<Change, Fault> {
    let operations = patch::scim::parse(&profile, limits, body)?;
    Ok(Arc::new(move |now: &Resource| {
        let mut doc = now.doc.clone();
        let mut external_id = now.external_id.clone();
        let references = patch::apply::apply(&kind, &profile, &mut doc, &mut external_id, operations.clone())?;
        Ok(Draft { doc, external_id, relationships: references.into_iter().map(Into::into).collect() })
    }))
}

fn draft(parsed: Parsed) -> Draft {
    if !parsed.ignored.is_empty() {
        log::debug!(attributes = parsed.ignored.join(", ").as_str(); "unknown attributes were left out");
    }
    Draft {
        doc: parsed.doc,
        external_id: parsed.external_id.flatten(),
        relationships: parsed.references.into_iter().map(Into::into).collect(),
    }
}
