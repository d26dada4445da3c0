//! A role's condition: a filter over users; whoever matches holds the role (spec/idm.md §3.3).
//!
//! A condition says what it needs ([`Condition::anchors`]) and a user says what it has ([`anchors_of`]). Where the two have
//! nothing in common the condition cannot match, so that a write to a user meets only the few conditions that might.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::domain::document::values;
use crate::domain::error::{Fault, Kind};
use crate::domain::filter::idm::Refusal;
use crate::domain::filter::resolve::resolve_known;
use crate::domain::filter::{CompareOp, Dialect, Filter, Operand, Target, eval, idm, scim};
use crate::domain::schema::{AttrPath, Attribute, AttributeType, Backing, Home, ObjectType};

/// The anchor that every user has.
pub const ANY: &str = "*";

/// A condition, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// As it was written.
    pub source: String,
    /// What it means for a user.
    pub filter: Filter,
    reads: Vec<String>,
    anchors: Vec<String>,
}

impl Condition {
    /// Reads a condition: an IDM query filter over IDM properties, else a SCIM filter over SCIM attributes.
    ///
    /// # Errors
    /// `InvalidValue` when it is neither, or reads what would make it go round in circles, change by itself, or differ from
    /// caller to caller.
    pub fn parse(text: &str, user: &ObjectType) -> Result<Self, Fault> {
        let text = text.trim();
        if text.is_empty() {
            return Err(invalid("it is empty; a role without condition has none, or null"));
        }
        if text.starts_with('{') {
            return Err(invalid("expressions ({\"type\":\"rhai\"}) are not supported here; write a filter"));
        }
        let filter = read(text, user)?;
        let attributes = filter.attributes();
        for path in &attributes {
            if let Some(reason) = barred(user, *path) {
                return Err(invalid(&format!("'{}' {reason}", user.path_text(*path))));
            }
        }
        let reads = attributes.into_iter().map(|path| user.path_text(path)).collect();
        let anchors = needed(&filter, user).anchors.into_iter().collect();
        Ok(Self { source: text.to_owned(), filter, reads, anchors })
    }

    /// Canonical texts of the paths it reads; with a sub-attribute also the attribute it belongs to.
    pub fn reads(&self) -> &[String] {
        &self.reads
    }

    /// It can match only a user that has one of these among [`anchors_of`]; none when it never matches.
    pub fn anchors(&self) -> &[String] {
        &self.anchors
    }

    /// Whether `user`, a resource of `kind`, meets it.
    pub fn matches(&self, kind: &ObjectType, user: &Map<String, Value>) -> bool {
        eval::matches(&self.filter, kind, user)
    }
}

/// The anchor of a value at a path; an empty value stands for any.
pub fn anchor(path: &str, value: &str) -> String {
    format!("{path}\u{1f}{value}")
}

/// The paths, down to sub-attributes, of the attributes in which two documents differ.
pub fn changed_paths(kind: &ObjectType, before: &Map<String, Value>, after: &Map<String, Value>) -> BTreeSet<String> {
    let differs = |path: AttrPath| values::get(kind, before, path.parent()) != values::get(kind, after, path.parent());
    kind.paths().filter(|(path, _)| differs(*path)).map(|(path, _)| kind.path_text(path)).collect()
}

/// Every anchor that a user answers to.
pub fn anchors_of(kind: &ObjectType, user: &Map<String, Value>) -> BTreeSet<String> {
    let mut out = BTreeSet::from([ANY.to_owned()]);
    let common = (0..kind.common.len()).map(|attribute| AttrPath { home: Home::Common, attribute, sub: None });
    let common = common.map(|path| (path, kind.attribute(path)));
    for (path, definition) in kind.paths().chain(common).filter(|(path, _)| barred(kind, *path).is_none()) {
        let mut text = None;
        eval::each_value(kind, path, user, |value| {
            if !eval::is_present(value) {
                return;
            }
            let text = text.get_or_insert_with(|| kind.path_text(path));
            out.insert(anchor(text, ""));
            out.extend(own(definition, value).map(|value| anchor(text, &value)));
        });
    }
    out
}

fn own(definition: &Attribute, value: &Value) -> Option<String> {
    Operand::of_value(definition.kind, definition.compares_exactly(), value).map(|operand| operand.index_form())
}

fn invalid(detail: &str) -> Fault {
    Fault::new(Kind::InvalidValue, format!("condition: {detail}"))
}

// Why a condition may not read an attribute.
fn barred(kind: &ObjectType, path: AttrPath) -> Option<&'static str> {
    let definition = kind.attribute(path);
    if let Some(relationship) = definition.relationship.as_deref().and_then(|name| kind.relationship(name)) {
        return Some(match relationship.backing {
            Backing::Grant => "may not be read: roles would depend on roles",
            Backing::Reference => "is a relationship, which conditions cannot read",
        });
    }
    match (path.home, definition.name.as_str()) {
        (Home::Common, "id") | (Home::Schema(_), _) => None,
        (Home::Common, "externalId") => Some("may not be read: each source has its own"),
        (Home::Common, _) => Some("may not be read: the server changes it"),
    }
}

fn read(text: &str, user: &ObjectType) -> Result<Filter, Fault> {
    let said = |fault: &Fault| fault.detail.strip_prefix("filter: ").unwrap_or(&fault.detail).to_owned();
    let as_scim = scim::read(text);
    match idm::read(text) {
        Ok(expr) => resolve_known(&expr, user, Dialect::Idm).or_else(|first| {
            let Ok(expr) = as_scim else { return Err(invalid(&said(&first))) };
            resolve_known(&expr, user, Dialect::Scim)
                .map_err(|second| invalid(&format!("{}; as a SCIM filter: {}", said(&first), said(&second))))
        }),
        Err(refusal) => match (as_scim, refusal) {
            (Ok(expr), _) => resolve_known(&expr, user, Dialect::Scim).map_err(|e| invalid(&said(&e))),
            (Err(_), Refusal::Operator(op)) => Err(invalid(&idm::unsupported(&op))),
            // The reading that came further was likelier meant.
            (Err(scim), Refusal::Syntax(idm)) => Err(invalid(&if scim.at > idm.at { scim } else { idm }.to_string())),
        },
    }
}

// Anchors, and how many users they let through: the better, the smaller.
#[derive(Debug, Default)]
struct Needed {
    reach: Reach,
    anchors: BTreeSet<String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    #[default]
    Value,
    Flag,
    Presence,
    Everyone,
}

impl Needed {
    fn one(reach: Reach, anchor: String) -> Self {
        Self { reach, anchors: BTreeSet::from([anchor]) }
    }

    fn everyone() -> Self {
        Self::one(Reach::Everyone, ANY.to_owned())
    }

    fn present(kind: &ObjectType, path: AttrPath) -> Self {
        Self::one(Reach::Presence, anchor(&kind.path_text(path), ""))
    }
}

fn needed(filter: &Filter, kind: &ObjectType) -> Needed {
    match filter {
        Filter::Const(false) => Needed::default(),
        Filter::Const(true) | Filter::Not(_) => Needed::everyone(),
        Filter::And(parts) => {
            let parts = parts.iter().map(|part| needed(part, kind));
            parts.min_by_key(|n| (n.reach, n.anchors.len())).unwrap_or_else(Needed::everyone)
        }
        Filter::Or(parts) => {
            let mut out = Needed::default();
            for part in parts {
                let part = needed(part, kind);
                if part.reach == Reach::Everyone {
                    return part;
                }
                out.reach = out.reach.max(part.reach);
                out.anchors.extend(part.anchors);
            }
            out
        }
        Filter::Compare { target, op: CompareOp::Eq, operand } if own_kind(target, operand) => {
            let reach = if target.kind == AttributeType::Boolean { Reach::Flag } else { Reach::Value };
            Needed::one(reach, anchor(&kind.path_text(target.path), &operand.index_form()))
        }
        Filter::Compare { target, .. } | Filter::Present(target) => Needed::present(kind, target.path),
        Filter::Element { attribute, filter } => match needed(filter, kind) {
            Needed { reach: Reach::Everyone, .. } => Needed::present(kind, *attribute),
            inner => inner,
        },
    }
}

// Whether stored values have the operand's form: an integer never equals 1.5, and has no such anchor.
fn own_kind(target: &Target, operand: &Operand) -> bool {
    !(target.kind == AttributeType::Integer && matches!(operand, Operand::Decimal(_)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::filter::{random, resolve};
    use crate::domain::schema::Registry;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn user() -> ObjectType {
        (**Registry::shipped().unwrap().by_name("user").unwrap()).clone()
    }

    #[test]
    fn both_grammars_are_read() {
        let kind = user();
        let person = json!({"id": "1", "userName": "ada", "active": true, "name": {"familyName": "Byron"},
            "addresses": [{"type": "home", "country": "GB"}, {"type": "work", "country": "FR"}],
            ENTERPRISE: {"department": "Sales"}});
        let person = person.as_object().unwrap();
        for (text, expected) in [
            ("/country eq \"FR\"", true),
            ("country eq 'fr'", true),
            ("country eq 'GB'", false),
            ("addresses.country eq \"GB\"", true),
            ("addresses[type eq \"home\" and country eq \"FR\"]", false),
            ("department eq \"sales\" and accountStatus eq \"active\"", true),
            ("! (department eq \"sales\")", false),
            ("not (name.familyName eq \"x\") and active eq true", true),
            ("/sn sw \"by\" or /sn pr", true),
            ("sn in '[\"x\",\"byron\"]'", true),
            (&format!("{ENTERPRISE}:department ew \"les\""), true),
            ("true", true),
            ("false", false),
        ] {
            let condition = Condition::parse(text, &kind).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(condition.matches(&kind, person), expected, "{text}");
            assert_eq!(condition.source, text);
        }
    }

    #[test]
    fn what_it_may_not_read_is_refused() {
        let kind = user();
        for (text, said) in [
            ("roles eq \"admin\"", "roles would depend on roles"),
            ("/roles/_refResourceId eq \"x\"", "roles would depend on roles"),
            ("roles[value eq \"x\"]", "roles would depend on roles"),
            ("groups[/_refResourceId eq \"x\"]", "is a relationship"),
            ("groups.display eq \"x\" or userName pr", "is a relationship"),
            ("/manager/_ref eq \"managed/user/x\"", "is a relationship"),
            ("meta.created gt \"2026-01-01T00:00:00Z\"", "the server changes it"),
            ("externalId eq \"x\"", "each source has its own"),
            ("password eq \"x\"", "may not be filtered on"),
            ("nope eq \"x\"", "'nope' is no property of User; as a SCIM filter: 'nope' is no attribute of User"),
            ("urn:example:absent:x eq \"x\"", "is no attribute"),
            ("active gt true", "does not compare"),
            ("userName eq", "expected a value"),
            ("/sn ew \"x\"", "operator 'ew' is not supported"),
            ("/sn eq \"x\" and", "expected a property at character 15, found the end"),
            ("emails[type eq \"x\"", "expected ']'"),
            ("  ", "it is empty"),
            ("{\"type\":\"rhai\",\"source\":\"true\"}", "not supported"),
        ] {
            let fault = Condition::parse(text, &kind).unwrap_err();
            assert_eq!(fault.kind, Kind::InvalidValue, "{text}");
            assert!(fault.detail.starts_with("condition: ") && fault.detail.contains(said), "{text}: {fault}");
        }
    }

    #[test]
    fn it_says_what_it_reads_and_needs() {
        let kind = user();
        let department = format!("{ENTERPRISE}:department");
        let sales = anchor(&department, "sales");
        for (text, reads, anchors) in [
            ("department eq \"Sales\"", vec![department.as_str()], vec![sales.clone()]),
            (
                "department eq \"Sales\" and accountStatus eq \"active\" and sn pr",
                vec!["name", "name.familyName", "active", department.as_str()],
                vec![sales.clone()],
            ),
            ("accountStatus eq \"active\" and sn pr", vec!["name", "name.familyName", "active"], vec![anchor("active", "true")]),
            (
                "department eq \"Sales\" or title co \"x\"",
                vec!["title", department.as_str()],
                vec![anchor("title", ""), sales.clone()],
            ),
            ("department eq \"Sales\" or ! title pr", vec!["title", department.as_str()], vec![ANY.to_owned()]),
            ("department eq \"Sales\" and false", vec![], vec![]),
            (
                "emails[type eq \"work\" and not (primary eq true)]",
                vec!["emails", "emails.type", "emails.primary"],
                vec![anchor("emails.type", "work")],
            ),
            ("emails[not (primary eq true)]", vec!["emails", "emails.primary"], vec![anchor("emails", "")]),
        ] {
            let condition = Condition::parse(text, &kind).unwrap();
            let sorted = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
            assert_eq!(sorted(condition.reads()), reads.iter().map(|s| (*s).to_owned()).collect(), "{text}");
            assert_eq!(sorted(condition.anchors()), anchors.into_iter().collect(), "{text}");
        }
    }

    #[test]
    fn anchors_stay_small() {
        let kind = user();
        let condition = Condition::parse(&format!("title eq \"{}\"", "x".repeat(9_000)), &kind).unwrap();
        assert!(condition.anchors()[0].len() < 300);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn who_matches_has_an_anchor(
            (expr, person) in (random::expression(&user()), random::resource(&user())),
        ) {
            let kind = user();
            let filter = resolve(&expr, &kind, Dialect::Scim).unwrap();
            if eval::matches(&filter, &kind, &person) {
                let anchors = needed(&filter, &kind).anchors;
                let own = anchors_of(&kind, &person);
                prop_assert!(anchors.iter().any(|a| own.contains(a)), "{expr} needs {anchors:?}, has {own:?}");
            }
        }
    }
}
