//! Who asks for what, as far as a decision needs to know.

use serde_json::{Map, Value, json};

use crate::domain::time::Timestamp;

/// Whoever wants to do something: a user or a service account, by the same rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// `user` or `service_account`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Whether it may do anything at all.
    pub active: bool,
    /// Labels that are stored with it; those a caller sends are never among them.
    pub tags: Vec<String>,
    /// Ids of the groups it is in, directly or not.
    pub groups: Vec<String>,
    /// Roles in effect at the instant of the question.
    pub roles: Vec<Held>,
}

/// A role in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Id of the role.
    pub id: String,
    /// Name of the role.
    pub name: String,
    /// How it is held: `direct`, `group`, `bundle`, `conditional`.
    pub via: &'static str,
    /// What it gives.
    pub permissions: Vec<String>,
    /// Id of the grant that it comes from; none of one that is only thought of.
    pub grant: Option<String>,
    /// From the grant to the role: `group:` with its name if a group holds it, `bundle:`s, `role:`.
    pub path: Vec<String>,
    /// Until when, if nothing changes; none without end.
    pub until: Option<Timestamp>,
}

impl Held {
    /// A role as it would be held by a grant without end.
    pub fn direct(id: &str, name: &str, permissions: Vec<String>) -> Self {
        let path = vec![format!("role:{name}")];
        Self { id: id.to_owned(), name: name.to_owned(), via: "direct", permissions, grant: None, path, until: None }
    }
}

/// A thing that is acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its type, as `workflow`.
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The permission.
    pub permission: &'a str,
    /// The resource and what it lies in, from the inside out; empty when none is named.
    pub resource: &'a [Node],
    /// The instant, the same for the whole decision.
    pub now: Timestamp,
}

impl Principal {
    /// What conditions see of it.
    pub(super) fn bindings(&self) -> Value {
        json!({
            "type": self.kind,
            "id": self.id,
            "name": self.name,
            "isServiceAccount": self.kind == "service_account",
            "tags": self.tags,
            "groups": self.groups,
            "roles": self.roles.iter().map(|role| &role.name).collect::<Vec<_>>(),
        })
    }
}

impl Node {
    pub(super) fn bindings(node: Option<&Self>) -> Value {
        let mut out = Map::new();
        if let Some(node) = node {
            out.insert("type".into(), node.kind.as_str().into());
            out.insert("id".into(), node.id.as_str().into());
        }
        Value::Object(out)
    }
}
