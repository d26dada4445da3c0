//! Whether a filter holds for a resource: the truth that every index must agree with.
//!
//! Resources are SCIM-shaped with canonical names: core and common attributes at the top, extensions under their URN.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{CompareOp, Filter, Operand, Pick, Target};
use crate::domain::normal;
use crate::domain::schema::{AttrPath, Home, ObjectType};

/// Whether `filter`, resolved against `kind`, holds for `resource`.
pub fn matches(filter: &Filter, kind: &ObjectType, resource: &Map<String, Value>) -> bool {
    holds(filter, kind, Subject::Resource(resource))
}

/// Whether a filter over the parts of `attribute` ([`resolve_element`](super::resolve_element)) holds for one of its elements.
/// A plain value counts as its own `value`.
pub fn matches_element(filter: &Filter, kind: &ObjectType, attribute: AttrPath, element: &Value) -> bool {
    holds(filter, kind, Subject::Element(attribute, element))
}

/// Calls `visit` with each value at `path`: every element's, and for lists within, each entry.
pub fn each_value<'a>(kind: &ObjectType, path: AttrPath, resource: &'a Map<String, Value>, mut visit: impl FnMut(&'a Value)) {
    any_value(path, Pick::Any, kind, Subject::Resource(resource), |value| {
        visit(value);
        false
    });
}

/// Whether a value counts as set: not null, not a list or object with nothing set inside (RFC 7643 §2.5).
pub fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(entries) => entries.iter().any(is_present),
        Value::Object(parts) => parts.values().any(is_present),
        _ => true,
    }
}

/// The element that stands for a list among IDM scalars: the primary one, else the `work` one, else the first (spec/types.md).
pub fn preferred(elements: &[Value]) -> Option<&Value> {
    let is_work = |e: &Value| e.get("type").and_then(Value::as_str).is_some_and(|t| t.eq_ignore_ascii_case("work"));
    let primary = elements.iter().find(|e| e.get("primary") == Some(&Value::Bool(true)));
    primary.or_else(|| elements.iter().find(|e| is_work(e))).or_else(|| elements.first())
}

#[derive(Clone, Copy)]
enum Subject<'a> {
    Resource(&'a Map<String, Value>),
    Element(AttrPath, &'a Value),
}

fn holds(filter: &Filter, kind: &ObjectType, subject: Subject) -> bool {
    match filter {
        Filter::Const(value) => *value,
        Filter::And(parts) => parts.iter().all(|part| holds(part, kind, subject)),
        Filter::Or(parts) => parts.iter().any(|part| holds(part, kind, subject)),
        Filter::Not(inner) => !holds(inner, kind, subject),
        Filter::Compare { target, op, operand } => {
            any_value(target.path, target.pick, kind, subject, |value| compares(target, value, *op, operand))
        }
        Filter::Present(target) => any_value(target.path, target.pick, kind, subject, is_present),
        Filter::Element { attribute, filter } => {
            // An element with nothing set is none (RFC 7643 §2.5), whatever a negation inside the brackets says of it.
            let inside = |element| is_present(element) && holds(filter, kind, Subject::Element(*attribute, element));
            any_value(*attribute, Pick::Any, kind, subject, inside)
        }
    }
}

fn compares(target: &Target, value: &Value, op: CompareOp, operand: &Operand) -> bool {
    // Text is most of what is asked for, and most of it is in normal form already.
    if let (Operand::Text(wanted), Value::String(text)) = (operand, value) {
        let plain = text.is_ascii() && (target.exact || !text.bytes().any(|b| b.is_ascii_uppercase()));
        let text = if plain { Cow::Borrowed(text.as_str()) } else { Cow::Owned(normal::text(text, target.exact)) };
        return op.holds_for_text(&text, wanted);
    }
    Operand::of_value(target.kind, target.exact, value).is_some_and(|value| value.compares(op, operand))
}

// Whether `test` holds for some value at `path`; null is none.
fn any_value<'a>(
    path: AttrPath,
    pick: Pick,
    kind: &ObjectType,
    subject: Subject<'a>,
    mut test: impl FnMut(&'a Value) -> bool,
) -> bool {
    let definition = kind.attribute(path);
    let elements = match subject {
        Subject::Resource(resource) => {
            let home = match path.home {
                Home::Common | Home::Schema(0) => Some(resource),
                Home::Schema(extension) => resource.get(&kind.schemas[extension].id).and_then(Value::as_object),
            };
            entries(home.and_then(|home| home.get(&definition.name)).unwrap_or(&Value::Null))
        }
        Subject::Element(attribute, element) if attribute == path.parent() => entries(element),
        Subject::Element(..) => &[],
    };
    let elements = match pick {
        Pick::Any => elements,
        Pick::Preferred => preferred(elements).map_or(&[] as &[_], std::slice::from_ref),
    };
    let sub = path.sub.map(|sub| definition.sub_attributes[sub].name.as_str());
    elements.iter().filter_map(|element| part(element, sub)).flat_map(entries).any(|v| !v.is_null() && test(v))
}

fn entries(value: &Value) -> &[Value] {
    match value {
        Value::Array(entries) => entries,
        one => std::slice::from_ref(one),
    }
}

fn part<'a>(element: &'a Value, sub: Option<&str>) -> Option<&'a Value> {
    match (element, sub) {
        (element, None) => Some(element),
        (Value::Object(parts), Some(sub)) => parts.get(sub),
        (Value::Array(_), Some(_)) => None,
        (plain, Some(sub)) => (sub == "value").then_some(plain),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::ast::Expr;
    use super::super::{Dialect, idm, random, resolve, resolve_element, scim};
    use super::*;
    use crate::domain::schema::Registry;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn kind(name: &str) -> ObjectType {
        (**Registry::shipped().unwrap().by_name(name).unwrap()).clone()
    }

    fn person() -> Map<String, Value> {
        let person = json!({
            "id": "Ab1",
            "externalId": "E-1",
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
            "meta": {"created": "2026-05-01T10:00:00.000000Z", "lastModified": "2026-05-02T10:00:00.500000Z"},
            "userName": "Ada",
            "name": {"familyName": "Straße"},
            "nickName": "",
            "profileUrl": "https://X.example/a",
            "active": true,
            "emails": [
                {"value": "home@x.example", "type": "home"},
                {"value": "ada@x.example", "type": "work", "primary": true},
            ],
            "phoneNumbers": [{"value": "1"}, {"value": "2", "type": "Work"}],
            "addresses": [{"country": "GB"}, {"country": "FR"}],
            "x509Certificates": [{"value": "YQ=="}],
            "photos": [],
            "ims": [{}],
            "groups": [{"value": "g1", "display": "Staff"}],
            "roles": [{"value": "r1"}],
            ENTERPRISE: {"department": "Sales", "manager": {"value": "M1"}},
        });
        person.as_object().unwrap().clone()
    }

    #[test]
    fn scim_filters_hold() {
        let (kind, person) = (kind("user"), person());
        for (text, expected) in [
            // Text, in any case unless caseExact.
            ("userName eq \"aDA\"", true),
            ("userName ne \"ada\"", false),
            ("userName co \"D\"", true),
            ("userName sw \"ad\"", true),
            ("userName ew \"DA\"", true),
            ("userName sw \"da\"", false),
            ("userName gt \"ABC\"", true),
            ("userName ge \"ada\"", true),
            ("userName lt \"ada\"", false),
            ("userName le \"ADA\"", true),
            ("id eq \"Ab1\"", true),
            ("id eq \"ab1\"", false),
            ("externalId eq \"E-1\"", true),
            ("externalId eq \"e-1\"", false),
            ("name.familyName eq \"STRASSE\"", true),
            ("profileUrl eq \"https://x.example/a\"", false),
            ("profileUrl sw \"https://X\"", true),
            ("nickName eq \"\"", true),
            ("nickName pr", true),
            ("userName co \"%\"", false),
            ("userName co \"\"", true),
            // Booleans, quoted or not.
            ("active eq true", true),
            ("active eq \"True\"", true),
            ("active eq \"FALSE\"", false),
            ("active ne false", true),
            // Instants.
            ("meta.created eq \"2026-05-01T12:00:00+02:00\"", true),
            ("meta.lastModified ge \"2026-05-02T10:00:00.5Z\"", true),
            ("meta.lastModified gt \"2026-05-02T10:00:00.5Z\"", false),
            ("meta.lastModified lt \"2026-05-02T10:00:00.500001Z\"", true),
            // Binary.
            ("x509Certificates eq \"YQ==\"", true),
            ("x509Certificates.value eq \"yq==\"", false),
            // Missing: every comparison is false, its negation true.
            ("title eq \"x\"", false),
            ("title ne \"x\"", true),
            ("not (title eq \"x\")", true),
            ("title co \"\"", false),
            ("title gt \"\" or title le \"zzz\"", false),
            ("title pr", false),
            ("title eq null", true),
            ("title ne null", false),
            ("userName eq null", false),
            ("userName ne null", true),
            ("name.givenName ne \"x\"", true),
            // Lists.
            ("emails co \"HOME@\"", true),
            ("emails.type eq \"home\" and emails.value sw \"ada\"", true),
            ("emails[type eq \"home\" and value sw \"ada\"]", false),
            ("emails[type eq \"work\" and value sw \"ada\"]", true),
            ("emails[type eq \"work\"].value eq \"ada@x.example\"", true),
            ("emails[type eq \"work\"].value eq \"home@x.example\"", false),
            ("emails[primary eq \"True\"]", true),
            ("emails[not (primary eq true)]", true),
            ("emails[not (value pr)]", false),
            ("emails pr", true),
            ("emails.primary pr", true),
            ("emails.display pr", false),
            ("photos pr", false),
            ("photos[not (value pr)]", false),
            ("ims pr", false),
            ("ims[not (value pr)]", false),
            ("name pr", true),
            ("groups eq \"g1\"", true),
            ("groups.display eq \"staff\"", true),
            ("roles.value eq \"r1\"", true),
            ("schemas eq \"urn:ietf:params:scim:schemas:core:2.0:User\"", true),
            // Extensions.
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"sales\"", true),
            ("URN:IETF:params:scim:schemas:extension:enterprise:2.0:user:Manager eq \"M1\"", true),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"m1\"", false),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager[value eq \"M1\"]", true),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr", true),
            ("urn:provost:scim:schemas:extension:2.0:User pr", false),
            ("urn:example:absent:1.0:User:x eq 5", false),
            ("urn:example:absent:1.0:User:x ne 5", true),
            ("urn:example:absent:1.0:User:x pr", false),
            ("urn:example:absent:1.0:User:x eq null", true),
            ("urn:example:absent:1.0:User:x[y eq 1]", false),
            ("urn:ietf:params:scim:schemas:core:2.0:Group:displayName pr", false),
        ] {
            let filter = resolve(&scim::parse(text).unwrap(), &kind, Dialect::Scim).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(matches(&filter, &kind, &person), expected, "{text}");
        }
    }

    #[test]
    fn idm_filters_hold() {
        let (kind, person) = (kind("user"), person());
        for (text, expected) in [
            ("_id eq 'Ab1'", true),
            ("/userName eq 'ada'", true),
            ("sn co 'ss'", true),
            ("mail eq 'ada@x.example'", true),
            ("mail eq 'home@x.example'", false),
            ("telephoneNumber eq '2'", true),
            ("country eq 'gb'", true),
            ("country eq 'fr'", false),
            ("accountStatus eq 'active'", true),
            ("accountStatus eq 'inactive'", false),
            ("accountStatus eq 'other'", false),
            ("! accountStatus eq 'other'", true),
            ("accountStatus sw 'ac'", true),
            ("accountStatus pr", true),
            ("department in '[\"x\",\"SALES\"]'", true),
            ("department in '[]'", false),
            ("/manager/_refResourceId eq 'M1'", true),
            ("/manager/_ref eq 'managed/user/M1'", true),
            ("/manager/_ref eq 'managed/user/M%31'", true),
            ("/manager/_ref eq 'managed/group/M1'", false),
            ("manager pr", true),
            ("/groups/_refResourceId eq 'g1'", true),
            ("/groups[/_refResourceId eq 'g1']", true),
            ("/groups[/_ref eq 'managed/group/g2']", false),
            ("/groups[true]", true),
            ("true", true),
            ("false or ! true", false),
        ] {
            let filter = resolve(&idm::parse(text).unwrap(), &kind, Dialect::Idm).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(matches(&filter, &kind, &person), expected, "{text}");
        }
    }

    #[test]
    fn elements_may_be_plain_values() {
        let role = kind("role");
        let permissions = role.resolve_attribute("permissions").unwrap();
        let filter = resolve_element(&scim::parse("value sw \"a.\"").unwrap(), &role, permissions).unwrap();
        assert!(matches_element(&filter, &role, permissions, &json!("a.b")));
        assert!(!matches_element(&filter, &role, permissions, &json!("b")));
        let group = kind("group");
        let members = group.resolve_attribute("members").unwrap();
        let filter = resolve_element(&scim::parse("value eq \"m1\" and type ne \"Group\"").unwrap(), &group, members).unwrap();
        for (element, expected) in [
            (json!("m1"), true),
            (json!({"value": "m1"}), true),
            (json!({"value": "m1", "type": "group"}), false),
            (json!({"value": "M1"}), false),
            (json!(null), false),
        ] {
            assert_eq!(matches_element(&filter, &group, members, &element), expected, "{element}");
        }
    }

    fn negated(expr: &Expr) -> Expr {
        Expr::Not(Box::new(expr.clone()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn logic_holds(
            (a, b, person) in (random::expression(&kind("user")), random::expression(&kind("user")), random::resource(&kind("user"))),
        ) {
            let kind = kind("user");
            let ask = |expr: &Expr| matches(&resolve(expr, &kind, Dialect::Scim).unwrap(), &kind, &person);
            prop_assert_eq!(ask(&negated(&a)), !ask(&a));
            prop_assert_eq!(ask(&Expr::And(vec![a.clone(), b.clone()])), ask(&a) && ask(&b));
            prop_assert_eq!(ask(&Expr::Or(vec![a.clone(), b.clone()])), ask(&a) || ask(&b));
            prop_assert_eq!(
                ask(&negated(&Expr::And(vec![a.clone(), b.clone()]))),
                ask(&Expr::Or(vec![negated(&a), negated(&b)])),
            );
            prop_assert_eq!(scim::parse(&a.to_string()), Ok(a));
        }
    }
}
