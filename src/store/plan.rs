//! What of a filter the database can answer, and the rows of the attribute index that let it.
//!
//! The evaluator in `domain::filter` is the truth. A plan selects a superset of what it accepts; an exact plan selects
//! neither more nor less.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::query::{Bounds, Predicate, Test};
use crate::domain::filter::eval::each_value;
use crate::domain::filter::{CompareOp, Filter, Operand, Pick, Target};
use crate::domain::normal::{self, INDEX_BYTES};
use crate::domain::schema::relationship::MEMBERSHIP;
use crate::domain::schema::{AttrPath, Attribute, AttributeType, Backing, Home, ObjectType, Side};

/// Longest text whose order against cut values is that against whole ones: a value is cut at most three bytes short.
const ORDERED_BYTES: usize = INDEX_BYTES - 3;

/// A filter as far as the database can answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What to select by.
    pub predicate: Predicate,
    /// Whether that is all; if not, each hit is evaluated.
    pub exact: bool,
}

impl Plan {
    const ANY: Self = Self { predicate: Predicate::All, exact: false };

    const fn exactly(predicate: Predicate) -> Self {
        Self { predicate, exact: true }
    }
}

/// Plans a filter over a type whose indexed paths have these numbers, for a caller with this source.
pub fn plan(filter: &Filter, kind: &ObjectType, paths: &HashMap<AttrPath, i32>, source: &str) -> Plan {
    Planner { kind, paths, source }.plan(filter, false)
}

struct Planner<'a> {
    kind: &'a ObjectType,
    paths: &'a HashMap<AttrPath, i32>,
    source: &'a str,
}

impl Planner<'_> {
    // Within an element, conditions must meet in the same element, which the index does not know.
    fn plan(&self, filter: &Filter, within: bool) -> Plan {
        match filter {
            Filter::Const(true) => Plan::exactly(Predicate::All),
            Filter::Const(false) => Plan::exactly(Predicate::None),
            Filter::And(parts) => self.all(parts, within),
            Filter::Or(parts) => self.any(parts, within),
            Filter::Not(inner) => match self.plan(inner, within) {
                Plan { predicate, exact: true } if !within => Plan::exactly(Predicate::Not(Box::new(predicate))),
                _ => Plan::ANY,
            },
            Filter::Compare { target, op, operand } => self.compare(target, *op, operand),
            Filter::Present(target) => self.present(target),
            Filter::Element { filter, .. } => self.plan(filter, true),
        }
    }

    fn all(&self, parts: &[Filter], within: bool) -> Plan {
        let mut exact = !within || parts.len() < 2;
        let mut out = Vec::new();
        for part in parts {
            let plan = self.plan(part, within);
            exact &= plan.exact;
            match plan.predicate {
                Predicate::All => {}
                Predicate::None => return Plan { predicate: Predicate::None, exact: true },
                predicate => out.push(predicate),
            }
        }
        let predicate = match out.len() {
            0 => Predicate::All,
            1 => out.swap_remove(0),
            _ => Predicate::And(out),
        };
        Plan { predicate, exact }
    }

    fn any(&self, parts: &[Filter], within: bool) -> Plan {
        let mut exact = true;
        let mut out = Vec::new();
        let mut everything = false;
        for part in parts {
            let plan = self.plan(part, within);
            exact &= plan.exact;
            match plan.predicate {
                Predicate::All => everything = true,
                Predicate::None => {}
                predicate => out.push(predicate),
            }
        }
        let predicate = match out.len() {
            _ if everything => Predicate::All,
            0 => Predicate::None,
            1 => out.swap_remove(0),
            _ => Predicate::Or(out),
        };
        Plan { predicate, exact }
    }

    fn compare(&self, target: &Target, op: CompareOp, operand: &Operand) -> Plan {
        if target.path.home == Home::Common {
            return self.compare_common(target, op, operand);
        }
        if let Some(plan) = self.compare_edge(target, op, operand) {
            return plan;
        }
        let Some(path) = self.number(target) else { return Plan::ANY };
        let plan = match operand {
            Operand::Text(text) => text_test(op, text),
            Operand::Boolean(_) if op != CompareOp::Eq => None,
            value => value_test(op, value.index_form()),
        };
        let Some((test, exact)) = plan else { return Plan::ANY };
        Plan { predicate: Predicate::Indexed { path, test }, exact: exact && target.pick == Pick::Any }
    }

    fn present(&self, target: &Target) -> Plan {
        if target.path.home == Home::Common {
            return match self.common_name(target.path) {
                ("id", None) | ("meta", Some("created" | "lastModified")) => Plan::exactly(Predicate::All),
                _ => Plan::ANY,
            };
        }
        let Some(path) = self.number(target) else { return Plan::ANY };
        let predicate = Predicate::Indexed { path, test: Test::Present };
        Plan { predicate, exact: target.pick == Pick::Any }
    }

    // An index row exists for each value of an indexed leaf, and for nothing else.
    fn number(&self, target: &Target) -> Option<i32> {
        let leaf = self.kind.leaf(target.path);
        let indexed = covered(leaf) && leaf.is_searchable();
        self.paths.get(&target.path).copied().filter(|_| indexed)
    }

    fn common_name(&self, path: AttrPath) -> (&str, Option<&str>) {
        let sub = path.sub.map(|_| self.kind.leaf(path).name.as_str());
        (self.kind.attribute(path).name.as_str(), sub)
    }

    fn compare_common(&self, target: &Target, op: CompareOp, operand: &Operand) -> Plan {
        match (self.common_name(target.path), op, operand) {
            // Ids are stored as they are; only of ASCII is it sure that the normal form is the same.
            (("id", None), CompareOp::Eq, Operand::Text(id)) if id.is_ascii() => Plan::exactly(Predicate::WireId(id.clone())),
            (("externalId", None), CompareOp::Eq, Operand::Text(value)) => {
                let predicate = Predicate::External { source: self.source.to_owned(), value: value.clone() };
                Plan { predicate, exact: value.len() <= INDEX_BYTES }
            }
            (("meta", Some(name @ ("created" | "lastModified"))), op, Operand::Instant(at)) => match bounds(op, *at) {
                Some(range) if name == "created" => Plan::exactly(Predicate::Created(range)),
                Some(range) => Plan::exactly(Predicate::Modified(range)),
                None => Plan::ANY,
            },
            _ => Plan::ANY,
        }
    }

    // `members.value eq`, `manager.value eq`: the edge, through the id at its other end. Roles may be held through groups,
    // so their edges do not tell.
    fn compare_edge(&self, target: &Target, op: CompareOp, operand: &Operand) -> Option<Plan> {
        let relationship = self.kind.relationship(self.kind.attribute(target.path).relationship.as_deref()?)?;
        if relationship.backing != Backing::Reference || target.path.sub.is_none() {
            return None;
        }
        match (self.kind.leaf(target.path).name.as_str(), op, operand) {
            ("value", CompareOp::Eq, Operand::Text(id)) if id.is_ascii() => {
                let predicate = Predicate::EdgeToId {
                    relation: relationship.relation.clone(),
                    side: relationship.side,
                    kinds: relationship.types.clone(),
                    wire_id: id.clone(),
                    // `groups` names those reached through other groups too.
                    through: relationship.relation == MEMBERSHIP && relationship.side == Side::To,
                };
                Some(Plan { predicate, exact: target.pick == Pick::Any })
            }
            _ => None,
        }
    }
}

fn text_test(op: CompareOp, text: &str) -> Option<(Test, bool)> {
    let ordered = text.len() <= ORDERED_BYTES;
    match op {
        CompareOp::Eq => Some((Test::Eq(normal::index_text(text)), text.len() <= INDEX_BYTES)),
        CompareOp::Sw if ordered => Some((Test::Prefix(text.to_owned()), true)),
        CompareOp::Sw => Some((Test::Prefix(cut(text).to_owned()), false)),
        CompareOp::Co | CompareOp::Ew if text.is_empty() => Some((Test::Present, false)),
        CompareOp::Co | CompareOp::Ew => Some((Test::Contains(text.to_owned()), false)),
        CompareOp::Gt | CompareOp::Ge | CompareOp::Lt | CompareOp::Le if ordered => {
            bounds(op, text.to_owned()).map(|range| (Test::Range(range), true))
        }
        CompareOp::Gt | CompareOp::Ge | CompareOp::Lt | CompareOp::Le => None,
    }
}

fn value_test(op: CompareOp, value: String) -> Option<(Test, bool)> {
    match op {
        CompareOp::Eq => Some((Test::Eq(value), true)),
        _ => bounds(op, value).map(|range| (Test::Range(range), true)),
    }
}

fn bounds<T: Clone>(op: CompareOp, value: T) -> Option<Bounds<T>> {
    let (lower, upper) = match op {
        CompareOp::Eq => (Some((value.clone(), true)), Some((value, true))),
        CompareOp::Gt => (Some((value, false)), None),
        CompareOp::Ge => (Some((value, true)), None),
        CompareOp::Lt => (None, Some((value, false))),
        CompareOp::Le => (None, Some((value, true))),
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => return None,
    };
    Some(Bounds { lower, upper })
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(ORDERED_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Whether the attribute index holds the values of a leaf. Edges are found as edges; a complex attribute has no value of its own.
pub(crate) fn covered(leaf: &Attribute) -> bool {
    leaf.indexed && leaf.relationship.is_none() && leaf.kind != AttributeType::Complex
}

/// The rows that a document has in the attribute index: number of the path and index form, one for each distinct value.
/// A value that does not fit its type has none; validation lets none in.
pub fn index_rows(kind: &ObjectType, doc: &Map<String, Value>, paths: &HashMap<AttrPath, i32>) -> BTreeSet<(i32, String)> {
    let mut out = BTreeSet::new();
    for (path, leaf) in kind.indexed().filter(|(path, leaf)| path.home != Home::Common && covered(leaf)) {
        let Some(&number) = paths.get(&path) else { continue };
        each_value(kind, path, doc, |value| {
            out.extend(Operand::of_value(leaf.kind, leaf.compares_exactly(), value).map(|form| (number, form.index_form())));
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::domain::schema::{Registry, Side};
    use crate::domain::time::Timestamp;

    fn kind(name: &str) -> Arc<ObjectType> {
        Arc::clone(Registry::shipped().unwrap().by_name(name).unwrap())
    }

    fn numbers(kind: &ObjectType) -> HashMap<AttrPath, i32> {
        kind.indexed().map(|(path, _)| path).zip(1..).collect()
    }

    fn target(kind: &ObjectType, path: &str) -> Target {
        let path = kind.resolve_attribute(path).unwrap();
        let leaf = kind.leaf(path);
        Target { path, pick: Pick::Any, kind: leaf.kind, exact: leaf.compares_exactly() }
    }

    fn compare(kind: &ObjectType, path: &str, op: CompareOp, text: &str) -> Filter {
        Filter::Compare { target: target(kind, path), op, operand: Operand::Text(text.to_owned()) }
    }

    fn planned(kind: &ObjectType, filter: &Filter) -> Plan {
        plan(filter, kind, &numbers(kind), "hr")
    }

    fn number(kind: &ObjectType, path: &str) -> i32 {
        numbers(kind)[&kind.resolve_attribute(path).unwrap()]
    }

    #[test]
    fn tests_of_text_follow_the_cut_of_the_index() {
        let user = kind("user");
        let path = number(&user, "userName");
        let (short, long) = ("x".repeat(253), "x".repeat(300));
        let at_most = |value: &str| Test::Range(Bounds { lower: None, upper: Some((value.to_owned(), true)) });
        for (op, text, expected) in [
            (CompareOp::Eq, "jane", Some((Test::Eq("jane".to_owned()), true))),
            (CompareOp::Eq, &long, Some((Test::Eq(normal::index_text(&long)), false))),
            (CompareOp::Sw, &short, Some((Test::Prefix(short.clone()), true))),
            (CompareOp::Sw, &long, Some((Test::Prefix(short.clone()), false))),
            (CompareOp::Co, "a", Some((Test::Contains("a".to_owned()), false))),
            (CompareOp::Ew, "", Some((Test::Present, false))),
            (CompareOp::Le, "m", Some((at_most("m"), true))),
            (CompareOp::Le, &long, None),
        ] {
            let expected =
                expected.map_or(Plan::ANY, |(test, exact)| Plan { predicate: Predicate::Indexed { path, test }, exact });
            assert_eq!(planned(&user, &compare(&user, "userName", op, text)), expected, "{op:?}");
        }
    }

    #[test]
    fn what_has_no_index_is_left_to_the_evaluator() {
        let user = kind("user");
        let indexed = compare(&user, "userName", CompareOp::Eq, "a");
        let other = compare(&user, "nickName", CompareOp::Eq, "a");
        let hit = planned(&user, &indexed).predicate;
        assert_eq!(planned(&user, &other), Plan::ANY);
        assert_eq!(planned(&user, &Filter::Not(Box::new(other.clone()))), Plan::ANY);
        let both = Filter::And(vec![indexed.clone(), other.clone()]);
        assert_eq!(planned(&user, &both), Plan { predicate: hit.clone(), exact: false });
        assert_eq!(planned(&user, &Filter::Or(vec![indexed.clone(), other])), Plan::ANY);
        let not = planned(&user, &Filter::Not(Box::new(indexed.clone())));
        assert_eq!(not, Plan::exactly(Predicate::Not(Box::new(hit.clone()))));
        let never = Filter::And(vec![indexed.clone(), Filter::Const(false)]);
        assert_eq!(planned(&user, &never), Plan::exactly(Predicate::None));
        let mut preferred = target(&user, "emails.value");
        preferred.pick = Pick::Preferred;
        let preferred = planned(&user, &Filter::Present(preferred));
        let path = number(&user, "emails.value");
        assert_eq!(preferred, Plan { predicate: Predicate::Indexed { path, test: Test::Present }, exact: false });
    }

    #[test]
    fn an_element_must_meet_all_at_once() {
        let user = kind("user");
        let attribute = user.resolve_attribute("emails").unwrap();
        let element = |filter| Filter::Element { attribute, filter: Box::new(filter) };
        let one = compare(&user, "emails.value", CompareOp::Eq, "a");
        let two = compare(&user, "emails.value", CompareOp::Sw, "b");
        assert!(planned(&user, &element(one.clone())).exact);
        assert!(planned(&user, &element(Filter::Or(vec![one.clone(), two.clone()]))).exact);
        let both = planned(&user, &element(Filter::And(vec![one.clone(), two])));
        assert!(!both.exact && matches!(both.predicate, Predicate::And(_)));
        assert_eq!(planned(&user, &element(Filter::Not(Box::new(one)))), Plan::ANY, "another element may not match");
    }

    #[test]
    fn what_every_resource_has_is_in_its_row() {
        let (user, group) = (kind("user"), kind("group"));
        let id = planned(&user, &compare(&user, "id", CompareOp::Eq, "abc"));
        assert_eq!(id, Plan::exactly(Predicate::WireId("abc".to_owned())));
        assert_eq!(planned(&user, &compare(&user, "id", CompareOp::Eq, "é")), Plan::ANY);
        let external = planned(&user, &compare(&user, "externalId", CompareOp::Eq, "E1"));
        let expected = Predicate::External { source: "hr".to_owned(), value: "E1".to_owned() };
        assert_eq!(external, Plan::exactly(expected));
        let instant = Timestamp::from_micros(5);
        let changed =
            Filter::Compare { target: target(&user, "meta.lastModified"), op: CompareOp::Gt, operand: Operand::Instant(instant) };
        let after = Bounds { lower: Some((instant, false)), upper: None };
        assert_eq!(planned(&user, &changed), Plan::exactly(Predicate::Modified(after)));
        let member = planned(&group, &compare(&group, "members.value", CompareOp::Eq, "abc"));
        let expected = Predicate::EdgeToId {
            relation: "membership".to_owned(),
            side: Side::From,
            kinds: ["user", "group", "service_account"].map(str::to_owned).into(),
            wire_id: "abc".to_owned(),
            through: false,
        };
        assert_eq!(member, Plan::exactly(expected));
    }

    #[test]
    fn a_document_has_a_row_for_each_distinct_value() {
        let user = kind("user");
        let enterprise = user.schemas[1].id.clone();
        let doc = json!({
            "userName": "JANE",
            "displayName": "not indexed",
            "emails": [{"value": "A@x"}, {"value": "a@X", "type": "work"}, {"type": "home"}, {"value": "b@x"}],
            "name": {"familyName": "Doe"},
            (enterprise.as_str()): {"department": "Straße"},
        });
        let rows = index_rows(&user, doc.as_object().unwrap(), &numbers(&user));
        let department = format!("{enterprise}:department");
        let mut expected: BTreeSet<_> = [("userName", "jane"), ("emails.value", "a@x"), ("emails.value", "b@x")]
            .map(|(path, value)| (number(&user, path), value.to_owned()))
            .into();
        let path = user.resolve_attribute(&department).unwrap();
        expected.extend(numbers(&user).get(&path).map(|n| (*n, "strasse".to_owned())));
        assert_eq!(rows, expected);
        assert_eq!(index_rows(&user, doc.as_object().unwrap(), &HashMap::new()), BTreeSet::new());
    }
}
