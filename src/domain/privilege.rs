//! Privileges: what an internal role lets its holders do (spec/idm.md §3.9), checked when they are saved, and what a caller's
//! own token lets it do, in the same words.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::actor::Actor;
use super::document::check::property_of;
use super::error::{Fault, Kind, excerpt};
use super::filter::ast::{Expr, Op};
use super::filter::{self, Dialect};
use super::schema::relationship::{ASSIGNMENT, AUTHORIZATION, GRANT};
use super::schema::{IdmForm, Mutability, ObjectType, Registry, Returned};
use super::scope::Action;
use super::temporal::{Interval, PROPERTY};

/// Name of the object type.
pub const INTERNAL_ROLE: &str = "internal_role";

/// The internal roles that every tenant has, by id and name, with what IDM means them for.
pub const BUILT_IN: [(&str, &str); 5] = [
    ("openidm-admin", "Administrative access"),
    ("openidm-authorized", "Basic minimum user"),
    ("openidm-cert", "Authenticated by a client certificate"),
    ("openidm-reg", "Anonymous access"),
    ("openidm-tasks-manager", "Allowed to reassign workflow tasks"),
];

const PERMISSIONS: [&str; 5] = ["VIEW", "CREATE", "UPDATE", "DELETE", "ACTION"];

/// Whether an internal role is one that every tenant has.
pub fn is_built_in(kind: &ObjectType, wire_id: &str) -> bool {
    kind.name == INTERNAL_ROLE && BUILT_IN.iter().any(|(id, _)| *id == wire_id)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Privilege {
    name: String,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    path: String,
    #[serde(default)]
    permissions: Vec<String>,
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    access_flags: Vec<AccessFlag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AccessFlag {
    attribute: String,
    read_only: bool,
}

fn broken(policy: &'static str, text: String) -> Fault {
    Fault::new(Kind::Policy, format!("privileges: {text}")).requirement("privileges", policy)
}

/// Checks the privileges and temporal constraints of an internal role.
///
/// # Errors
/// [`Kind::Policy`] naming the privilege and the policy that it breaks; [`Kind::InvalidValue`] for a temporal constraint.
pub fn check(doc: &Map<String, Value>, registry: &Registry) -> Result<(), Fault> {
    let mut names = BTreeSet::new();
    for one in doc.get("privileges").and_then(Value::as_array).into_iter().flatten() {
        let read = Privilege::deserialize(one).map_err(|why| broken("VALID_TYPE", excerpt(&why.to_string())))?;
        if read.name.is_empty() || !names.insert(read.name.clone()) {
            return Err(broken("UNIQUE", format!("each has a name of its own, and not '{}' twice", excerpt(&read.name))));
        }
        read.check(registry)?;
    }
    // As for managed roles (spec/idm.md §3.7).
    Interval::of_property(doc.get(PROPERTY), "role").map(drop)
}

impl Privilege {
    fn check(&self, registry: &Registry) -> Result<(), Fault> {
        let about = |policy, text: String| broken(policy, format!("'{}': {text}", excerpt(&self.name)));
        let kind = registry.by_collection(&self.path);
        let kind = kind.ok_or_else(|| {
            about("VALID_PRIVILEGE_PATH", format!("path '{}' is no collection of objects", excerpt(&self.path)))
        })?;
        self.permissions(kind, &about)?;
        self.flags(kind, &about)?;
        match &self.filter {
            // What stands for the requester is known only when he asks.
            Some(text) if !text.contains("{{") => {
                // IDM takes `in` from administrators alone.
                let wrong = |fault: Fault| about("VALID_FILTER", format!("filter: {}", fault.detail));
                let expr = filter::idm::parse(text).map_err(wrong)?;
                if lists(&expr) {
                    return Err(about("VALID_FILTER", "filter: 'in' is not for privileges".to_owned()));
                }
                filter::resolve::resolve_known(&expr, kind, Dialect::Idm).map(drop).map_err(wrong)
            }
            _ => Ok(()),
        }
    }

    fn permissions(&self, kind: &ObjectType, about: &dyn Fn(&'static str, String) -> Fault) -> Result<(), Fault> {
        let about = |text: String| Err(about("VALID_PERMISSIONS", text));
        let mut seen = BTreeSet::new();
        if let Some(wrong) = self.permissions.iter().find(|p| !PERMISSIONS.contains(&p.as_str()) || !seen.insert(p.as_str())) {
            return about(format!("'{}': permissions are of {}, each once", excerpt(wrong), PERMISSIONS.join(", ")));
        }
        if seen.is_empty() {
            return about("it has at least one permission".to_owned());
        }
        if seen.contains("ACTION") == self.actions.is_empty() {
            return about("ACTION and a list of actions go together".to_owned());
        }
        if seen.contains("CREATE") {
            let required = kind.paths().filter(|(_, a)| a.required && a.mutability != Mutability::ReadOnly);
            let mut required = required.filter(|(path, _)| path.sub.is_none()).map(|(path, _)| property_of(kind, path));
            if let Some(name) = required.find(|name| !self.access_flags.iter().any(|f| f.attribute == *name && !f.read_only)) {
                return about(format!("CREATE needs write access to '{name}', which is required"));
            }
        }
        Ok(())
    }

    fn flags(&self, kind: &ObjectType, about: &dyn Fn(&'static str, String) -> Fault) -> Result<(), Fault> {
        let about = |text: String| Err(about("VALID_ACCESS_FLAGS_OBJECT", text));
        let mut seen = BTreeSet::new();
        for flag in &self.access_flags {
            let name = &flag.attribute;
            if kind.property(name).is_none() && kind.relationship(name).is_none() {
                return about(format!("accessFlags: '{}' is no property of {}", excerpt(name), kind.collection));
            }
            if !seen.insert(name) {
                return about(format!("accessFlags: '{name}' stands twice"));
            }
        }
        let writes = self.permissions.iter().any(|p| p == "CREATE" || p == "UPDATE");
        match self.access_flags.iter().find(|flag| !flag.read_only && !writes) {
            Some(flag) => about(format!("accessFlags: writing '{}' needs CREATE or UPDATE", flag.attribute)),
            None => Ok(()),
        }
    }
}

fn lists(expr: &Expr) -> bool {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(lists),
        Expr::Not(part) | Expr::Element { filter: part, .. } => lists(part),
        Expr::Compare { op, .. } => *op == Op::In,
        Expr::True | Expr::False | Expr::Present { .. } => false,
    }
}

/// What the caller may do with objects of a type, in IDM's words; `wire_id` of one of them narrows it to that one.
pub fn own(actor: &Actor, kind: &ObjectType, wire_id: Option<&str>) -> Value {
    let fixed = wire_id.is_some_and(|id| is_built_in(kind, id));
    let view = actor.may(Action::Read);
    let write = actor.may(Action::Write) && (!kind.privileged || actor.may(Action::Roles));
    let allowed = |allowed: bool, properties: Vec<&str>| {
        let properties = if allowed { properties } else { Vec::new() };
        json!({ "allowed": allowed, "properties": properties })
    };
    let actions: &[&str] = match (write, wire_id) {
        (false, _) => &[],
        (true, None) => &["create"],
        (true, Some(_)) => &["patch"],
    };
    let relationships = writable_relationships(actor, kind);
    let update = if fixed { relationships.clone() } else { writable(kind).chain(relationships.iter().copied()).collect() };
    json!({
        "VIEW": allowed(view, readable(kind).collect()),
        "CREATE": allowed(write && wire_id.is_none(), writable(kind).chain(relationships.iter().copied()).collect()),
        "UPDATE": allowed(write, update),
        "DELETE": { "allowed": write && !fixed },
        "ACTION": { "allowed": !actions.is_empty(), "actions": actions },
    })
}

/// The collections that the caller may do anything with, each with what.
pub fn list(actor: &Actor) -> Value {
    let one = |kind: &ObjectType| {
        let own = own(actor, kind, None);
        let allowed = |name: &&str| own[*name]["allowed"] == true;
        let permissions: Vec<&str> = PERMISSIONS.into_iter().filter(allowed).collect();
        (!permissions.is_empty()).then(|| {
            json!({
                "path": kind.collection,
                "title": kind.description,
                "permissions": permissions,
                "actions": own["ACTION"]["actions"],
            })
        })
    };
    actor.types.types().filter_map(|kind| one(kind)).collect()
}

fn readable(kind: &ObjectType) -> impl Iterator<Item = &str> {
    let shown = |path| kind.attribute(path).returned != Returned::Never && kind.leaf(path).returned != Returned::Never;
    let properties = kind.properties.iter().filter(move |p| p.form != IdmForm::Discarded && shown(p.path));
    properties.map(|p| p.name.as_str()).chain(kind.relationships.iter().map(|r| r.name.as_str()))
}

fn writable(kind: &ObjectType) -> impl Iterator<Item = &str> {
    kind.properties.iter().filter(|p| p.form != IdmForm::Shown).map(|p| p.name.as_str())
}

// Grants ask for the roles scope, from whichever side they are written.
fn writable_relationships<'k>(actor: &Actor, kind: &'k ObjectType) -> Vec<&'k str> {
    let roles = actor.may(Action::Roles);
    let open = kind.relationships.iter().filter(|r| roles || ![GRANT, ASSIGNMENT, AUTHORIZATION].contains(&r.relation.as_str()));
    open.map(|r| r.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(privilege: Value) -> Result<(), Fault> {
        let doc = json!({ "name": "support", "privileges": [privilege] });
        check(doc.as_object().unwrap(), &Registry::shipped().unwrap())
    }

    #[test]
    fn the_sample_of_the_specification_is_taken() {
        let sample = json!({
            "name": "support", "path": "managed/user", "permissions": ["VIEW", "UPDATE"], "actions": [],
            "filter": "userName sw \"a\"",
            "accessFlags": [{"attribute": "userName", "readOnly": true}, {"attribute": "mail", "readOnly": false}]
        });
        assert_eq!(check_one(sample), Ok(()));
    }

    #[test]
    fn each_policy_refuses_what_it_names() {
        let base = |changes: Value| {
            let mut out = json!({"name": "p", "path": "managed/user", "permissions": ["VIEW"], "actions": [], "accessFlags": []});
            for (name, value) in changes.as_object().unwrap() {
                out[name] = value.clone();
            }
            out
        };
        let flag = |attribute: &str, read_only: bool| json!([{"attribute": attribute, "readOnly": read_only}]);
        for (changes, policy, text) in [
            (json!({"path": "managed/nope"}), "VALID_PRIVILEGE_PATH", "is no collection"),
            (json!({"path": "managed/user/x"}), "VALID_PRIVILEGE_PATH", "is no collection"),
            (json!({"permissions": []}), "VALID_PERMISSIONS", "at least one"),
            (json!({"permissions": ["READ"]}), "VALID_PERMISSIONS", "each once"),
            (json!({"permissions": ["VIEW", "VIEW"]}), "VALID_PERMISSIONS", "each once"),
            (json!({"permissions": ["ACTION"]}), "VALID_PERMISSIONS", "go together"),
            (json!({"actions": ["patch"]}), "VALID_PERMISSIONS", "go together"),
            (json!({"permissions": ["CREATE"]}), "VALID_PERMISSIONS", "write access to 'userName'"),
            (json!({"permissions": ["CREATE"], "accessFlags": flag("userName", true)}), "VALID_PERMISSIONS", "'userName'"),
            (json!({"accessFlags": flag("nope", true)}), "VALID_ACCESS_FLAGS_OBJECT", "is no property"),
            (json!({"accessFlags": flag("mail", false)}), "VALID_ACCESS_FLAGS_OBJECT", "needs CREATE or UPDATE"),
            (json!({"accessFlags": [{"attribute": "mail"}]}), "VALID_TYPE", "missing field"),
            (json!({"filter": "userName eq"}), "VALID_FILTER", "filter"),
            (json!({"colour": 1}), "VALID_TYPE", "unknown field"),
            (json!({"name": ""}), "UNIQUE", "name of its own"),
        ] {
            let fault = check_one(base(changes.clone())).unwrap_err();
            assert_eq!((fault.kind, fault.requirements[0].policy), (Kind::Policy, policy), "{changes}: {fault}");
            assert!(fault.detail.contains(text), "{changes}: {fault}");
        }
        let create = json!({"permissions": ["CREATE"], "accessFlags": flag("userName", false)});
        assert_eq!(check_one(base(create)), Ok(()));
        assert_eq!(check_one(base(json!({"filter": "/_id eq \"{{_id}}\""}))), Ok(()));
    }

    #[test]
    fn a_role_has_one_temporal_constraint() {
        let check = |list: Value| {
            let doc = json!({ "name": "r", "temporalConstraints": list });
            check(doc.as_object().unwrap(), &Registry::shipped().unwrap())
        };
        let one = json!({"duration": "2026-03-01T00:00:00Z/2026-08-31T00:00:00Z"});
        assert_eq!(check(json!([one])), Ok(()));
        for wrong in [json!([one, one]), json!([{"duration": "tomorrow"}]), json!(["x"]), json!([{"duration": "a/b", "x": 1}])] {
            assert_eq!(check(wrong).unwrap_err().kind, Kind::InvalidValue);
        }
    }
}
