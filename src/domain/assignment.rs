//! Assignments: what a role brings to the accounts of its holders at a target, on top of the property mapping (spec/idm.md §3.8).
//!
//! Pure, like the mapping: from what the mapping wants, what the account holds and what was assigned before comes what the
//! account shall hold. The same call again changes nothing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::mapping::{Desired, DocumentPath};
use crate::domain::plan::same;

/// Name of the object type.
pub const ASSIGNMENT: &str = "assignment";

/// The attribute that names the target.
pub const MAPPING: &str = "mapping";

/// The type whose accounts receive assignments.
pub const SUBJECT: &str = "user";

/// The one link that an object has at a target, in IDM's words.
const LINK_QUALIFIER: &str = "default";

/// What the engine writes itself.
const RESERVED: [&str; 5] = ["id", "externalId", "schemas", "meta", "members"];

/// What is done with a value at the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Lists are joined, objects laid over, anything else is set.
    MergeWithTarget,
    /// It takes the place of what is there; a second one for the same attribute is merged.
    ReplaceTarget,
    /// Listed elements go, and anything else that equals it.
    RemoveFromTarget,
    /// Nothing.
    NoOp,
}

/// One attribute of an assignment, as it is written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    name: String,
    value: Value,
    #[serde(default)]
    assignment_operation: Option<Operation>,
    #[serde(default)]
    unassignment_operation: Option<Operation>,
}

/// One attribute of one assignment for one account: wanted, or remembered as done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assigned {
    /// Key of the assignment.
    pub assignment: String,
    /// Name of the assignment, for people.
    pub by: String,
    /// Path at the target.
    pub name: String,
    /// The value.
    pub value: Value,
    /// What gives it.
    pub assign: Operation,
    /// What takes it back.
    pub unassign: Operation,
}

/// An assignment and the mapping that touch the same attribute without naming the same path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("assignment '{by}': '{name}' overlaps '{other}', which the mapping writes")]
pub struct Overlap {
    /// Name of the assignment.
    pub by: String,
    /// Its path.
    pub name: String,
    /// The path of the mapping.
    pub other: String,
}

fn wrong(rule: &str) -> Fault {
    Fault::new(Kind::Policy, format!("attributes: {rule}")).requirement("attributes", "VALID_TYPE")
}

/// Checks the attributes of an assignment.
///
/// # Errors
/// [`Kind::Policy`] that names the attribute and the rule.
pub fn check(doc: &Map<String, Value>) -> Result<(), Fault> {
    written(doc)?.iter().try_for_each(|one| {
        let path = DocumentPath::parse(&one.name).map_err(|why| wrong(&why))?;
        if path.urn.is_none() && RESERVED.iter().any(|name| name.eq_ignore_ascii_case(&path.attribute)) {
            return Err(wrong(&format!("'{}' is not written by assignments", path.attribute)));
        }
        if one.value.is_null() { Err(wrong(&format!("'{}' has no value", excerpt(&one.name)))) } else { Ok(()) }
    })
}

fn written(doc: &Map<String, Value>) -> Result<Vec<Written>, Fault> {
    let all = doc.get("attributes").and_then(Value::as_array).into_iter().flatten();
    all.map(|one| Written::deserialize(one).map_err(|why| wrong(&excerpt(&why.to_string())))).collect()
}

/// The target that a `mapping` names: `crm`, or `crm/user` for its mapping of users.
///
/// # Errors
/// The type that it names, when its accounts receive no assignments.
pub fn target(mapping: &str) -> Result<&str, &str> {
    match mapping.split_once('/') {
        None => Ok(mapping),
        Some((target, SUBJECT)) => Ok(target),
        Some((_, kind)) => Err(kind),
    }
}

/// What an assignment brings to an account at a target of this name, in order; nothing when it is for another.
///
/// # Errors
/// As [`check`], for a document that was never checked.
pub fn brought(key: &str, doc: &Map<String, Value>, at: &str) -> Result<Vec<Assigned>, Fault> {
    let text = |name: &str| doc.get(name).and_then(Value::as_str).unwrap_or_default();
    let qualifiers = doc.get("linkQualifiers").and_then(Value::as_array);
    let qualified = qualifiers.is_none_or(|all| all.is_empty() || all.iter().any(|one| one == LINK_QUALIFIER));
    if target(text(MAPPING)) != Ok(at) || !qualified {
        return Ok(Vec::new());
    }
    let assigned = |one: Written| Assigned {
        assignment: key.to_owned(),
        by: text("name").to_owned(),
        name: one.name,
        value: one.value,
        assign: one.assignment_operation.unwrap_or(Operation::ReplaceTarget),
        unassign: one.unassignment_operation.unwrap_or(Operation::RemoveFromTarget),
    };
    Ok(written(doc)?.into_iter().map(assigned).collect())
}

/// Finds an assignment and the mapping in each other's way.
///
/// # Errors
/// The first such pair.
pub fn disjoint(desired: &Desired, assigned: &[Assigned]) -> Result<(), Overlap> {
    for one in assigned {
        let Ok(path) = DocumentPath::parse(&one.name) else { continue };
        let other = desired.owned.iter().find(|owned| owned.overlaps(&path) && !alike(owned, &path));
        if let Some(other) = other {
            return Err(Overlap { by: one.by.clone(), name: one.name.clone(), other: other.to_string() });
        }
    }
    Ok(())
}

fn alike(a: &DocumentPath, b: &DocumentPath) -> bool {
    a.to_string().eq_ignore_ascii_case(&b.to_string())
}

/// What the account shall hold: what was assigned `before` and is no more so is taken back, then `now` is given, over what the
/// mapping wants and, where it is silent, over what the account holds.
pub fn lay(desired: &Desired, held: &Map<String, Value>, before: &[Assigned], now: &[Assigned]) -> Desired {
    let mut out = desired.clone();
    let mut slots: Vec<Slot> = Vec::new();
    let gone = before.iter().filter(|old| !now.iter().any(|new| continues(old, new)));
    for one in gone {
        if let Some(slot) = slot(&mut slots, desired, held, &one.name) {
            slot.apply(one.unassign, &one.value);
        }
    }
    slots.iter_mut().for_each(|slot| slot.replaced = false);
    for one in now {
        if let Some(slot) = slot(&mut slots, desired, held, &one.name) {
            slot.apply(one.assign, &one.value);
        }
    }
    for Slot { path, value, .. } in slots {
        match value {
            Some(value) => path.put(&mut out.document, value),
            None => path.remove(&mut out.document),
        }
        if !out.owned.iter().any(|owned| alike(owned, &path)) {
            out.owned.push(path);
        }
    }
    out
}

// Whether a value that was assigned still is, by the same means.
fn continues(old: &Assigned, new: &Assigned) -> bool {
    (&old.assignment, &old.name, old.assign, &old.value) == (&new.assignment, &new.name, new.assign, &new.value)
}

struct Slot {
    path: DocumentPath,
    value: Option<Value>,
    // Whether a replacement was made already.
    replaced: bool,
}

fn slot<'s>(slots: &'s mut Vec<Slot>, desired: &Desired, held: &Map<String, Value>, name: &str) -> Option<&'s mut Slot> {
    // Names were read when they were saved.
    let path = DocumentPath::parse(name).ok()?;
    let at = match slots.iter().position(|slot| alike(&slot.path, &path)) {
        Some(at) => at,
        None => {
            let owned = desired.owned.iter().any(|owned| alike(owned, &path));
            let mapped = path.get(&desired.document);
            let value = if owned { mapped } else { mapped.or_else(|| path.get(held)) };
            slots.push(Slot { value: value.cloned(), path, replaced: false });
            slots.len() - 1
        }
    };
    slots.get_mut(at)
}

impl Slot {
    fn apply(&mut self, operation: Operation, value: &Value) {
        let current = self.value.take();
        self.value = match operation {
            Operation::NoOp => current,
            Operation::RemoveFromTarget => current.and_then(|current| removed(current, value)),
            Operation::ReplaceTarget if !self.replaced => {
                self.replaced = true;
                merged(None, value)
            }
            Operation::MergeWithTarget | Operation::ReplaceTarget => merged(current, value),
        };
    }
}

fn merged(current: Option<Value>, value: &Value) -> Option<Value> {
    match (current, value) {
        (Some(Value::Object(mut members)), Value::Object(given)) => {
            members.extend(given.clone());
            Some(Value::Object(members))
        }
        (Some(Value::Array(list)), given) => Some(joined(list, elements(given))),
        // One value is a list of one.
        (current, Value::Array(given)) => {
            Some(joined(current.into_iter().collect(), given)).filter(|list| list != &Value::Array(Vec::new()))
        }
        (_, given) => Some(given.clone()),
    }
}

fn joined(mut list: Vec<Value>, given: &[Value]) -> Value {
    for one in given {
        if !list.iter().any(|held| covers(held, one)) {
            list.push(one.clone());
        }
    }
    Value::Array(list)
}

fn removed(current: Value, value: &Value) -> Option<Value> {
    match (current, value) {
        (Value::Array(mut list), given) => {
            list.retain(|held| !elements(given).iter().any(|one| covers(held, one)));
            (!list.is_empty()).then_some(Value::Array(list))
        }
        (Value::Object(mut members), Value::Object(given)) => {
            given.keys().for_each(|name| _ = members.shift_remove(name));
            (!members.is_empty()).then_some(Value::Object(members))
        }
        (current, given) => (!same(&current, given)).then_some(current),
    }
}

fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        one => std::slice::from_ref(one),
    }
}

// Whether an element at the account is the given one: a target may know more of it than was given.
fn covers(held: &Value, given: &Value) -> bool {
    match (held, given) {
        (Value::Object(held), Value::Object(given)) => {
            given.iter().all(|(name, value)| held.get(name).is_some_and(|held| same(held, value)))
        }
        (held, given) => same(held, given),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn one(assignment: &str, name: &str, value: Value, assign: Operation, unassign: Operation) -> Assigned {
        Assigned { assignment: assignment.to_owned(), by: assignment.to_owned(), name: name.to_owned(), value, assign, unassign }
    }

    fn shall(desired: &Value, owned: &[&str], held: &Value, before: &[Assigned], now: &[Assigned]) -> Value {
        let desired = Desired {
            document: desired.as_object().unwrap().clone(),
            owned: owned.iter().map(|path| DocumentPath::parse(path).unwrap()).collect(),
            ..Desired::default()
        };
        Value::Object(lay(&desired, held.as_object().unwrap(), before, now).document)
    }

    #[test]
    fn the_four_operations_in_both_directions() {
        use Operation::{MergeWithTarget, NoOp, RemoveFromTarget, ReplaceTarget};
        for (operation, held, value, want) in [
            (MergeWithTarget, json!(["a"]), json!(["b", "a", "b"]), json!(["a", "b"])),
            (MergeWithTarget, json!(["a"]), json!("b"), json!(["a", "b"])),
            (MergeWithTarget, json!({"x": 1, "y": 1}), json!({"y": 2}), json!({"x": 1, "y": 2})),
            (MergeWithTarget, json!("a"), json!("b"), json!("b")),
            (MergeWithTarget, json!(null), json!(["b", "b"]), json!(["b"])),
            (
                MergeWithTarget,
                json!([{"value": "a", "display": "A"}]),
                json!([{"value": "a"}]),
                json!([{"value": "a", "display": "A"}]),
            ),
            (ReplaceTarget, json!(["a"]), json!(["b", "b"]), json!(["b"])),
            (ReplaceTarget, json!("a"), json!("b"), json!("b")),
            (ReplaceTarget, json!({"x": 1}), json!({"y": 2}), json!({"y": 2})),
            (RemoveFromTarget, json!(["a", "b"]), json!(["b", "c"]), json!(["a"])),
            (RemoveFromTarget, json!(["b"]), json!(["b"]), json!(null)),
            (RemoveFromTarget, json!({"x": 1, "y": 1}), json!({"y": 2}), json!({"x": 1})),
            (RemoveFromTarget, json!("a"), json!("a"), json!(null)),
            (RemoveFromTarget, json!("theirs"), json!("a"), json!("theirs")),
            (RemoveFromTarget, json!([{"value": "a", "display": "A"}]), json!([{"value": "a"}]), json!(null)),
            (NoOp, json!(["a"]), json!(["b"]), json!(["a"])),
        ] {
            let (account, case) = (json!({"p": held}), format!("{operation:?} {held} {value}"));
            let found = shall(&json!({}), &[], &account, &[], &[one("a", "p", value.clone(), operation, NoOp)]);
            assert_eq!(found.get("p").cloned().unwrap_or_default(), want, "assigned: {case}");
            let found = shall(&json!({}), &[], &account, &[one("a", "p", value, NoOp, operation)], &[]);
            assert_eq!(found.get("p").cloned().unwrap_or_default(), want, "unassigned: {case}");
        }
    }

    #[test]
    fn the_first_replaces_and_the_others_merge_without_duplicates() {
        use Operation::{RemoveFromTarget, ReplaceTarget};
        let list = |by: &str, value: Value| one(by, "p", value, ReplaceTarget, RemoveFromTarget);
        let now = [list("a", json!(["x", "y"])), list("b", json!(["y", "z"]))];
        assert_eq!(shall(&json!({}), &[], &json!({"p": ["old"]}), &[], &now), json!({"p": ["x", "y", "z"]}));
        // One of two is lost: what both gave stays.
        assert_eq!(shall(&json!({}), &[], &json!({"p": ["x", "y", "z"]}), &now, &now[1..]), json!({"p": ["y", "z"]}));
        assert_eq!(shall(&json!({}), &[], &json!({"p": ["y", "z"]}), &now, &[]), json!({}));
    }

    #[test]
    fn assignments_go_over_the_mapping_and_leave_what_it_says() {
        use Operation::{MergeWithTarget, RemoveFromTarget, ReplaceTarget};
        let desired = json!({"title": "mapped", "list": ["m"]});
        let owned = ["title", "list"];
        let now = [
            one("a", "title", json!("given"), ReplaceTarget, RemoveFromTarget),
            one("a", "list", json!(["g"]), MergeWithTarget, RemoveFromTarget),
        ];
        let held = json!({"title": "old", "list": ["theirs"]});
        assert_eq!(shall(&desired, &owned, &held, &[], &now), json!({"title": "given", "list": ["m", "g"]}));
        assert_eq!(shall(&desired, &owned, &held, &now, &[]), desired);
    }

    #[test]
    fn a_changed_value_is_taken_back_and_given_anew() {
        use Operation::{MergeWithTarget, RemoveFromTarget};
        let before = [one("a", "p", json!(["x"]), MergeWithTarget, RemoveFromTarget)];
        let now = [one("a", "p", json!(["y"]), MergeWithTarget, RemoveFromTarget)];
        assert_eq!(shall(&json!({}), &[], &json!({"p": ["theirs", "x"]}), &before, &now), json!({"p": ["theirs", "y"]}));
    }

    #[test]
    fn what_is_half_the_mappings_is_told() {
        let desired = Desired { owned: vec![DocumentPath::parse("name.givenName").unwrap()], ..Desired::default() };
        let of = |name: &str| [one("a", name, json!(1), Operation::NoOp, Operation::NoOp)];
        assert_eq!(disjoint(&desired, &of("name")).unwrap_err().other, "name.givenName");
        assert_eq!(disjoint(&desired, &of("NAME.givenname")), Ok(()));
        assert_eq!(disjoint(&desired, &of("title")), Ok(()));
    }

    #[test]
    fn attributes_are_checked() {
        let check = |attributes: Value| check(json!({"attributes": attributes}).as_object().unwrap());
        assert_eq!(check(json!([{"name": "title", "value": "x"}])), Ok(()));
        for (attributes, text) in [
            (json!([{"name": "title"}]), "missing field `value`"),
            (json!([{"value": 1}]), "missing field `name`"),
            (json!(["title"]), "invalid type"),
            (json!([{"name": "a b", "value": 1}]), "is no path"),
            (json!([{"name": "externalId", "value": "x"}]), "is not written by assignments"),
            (json!([{"name": "title", "value": null}]), "has no value"),
            (json!([{"name": "title", "value": 1, "assignmentOperation": "explode"}]), "unknown variant"),
            (json!([{"name": "title", "value": 1, "onAssignment": "x"}]), "unknown field"),
        ] {
            let fault = check(attributes.clone()).unwrap_err();
            assert_eq!((fault.kind, fault.requirements[0].property.as_str()), (Kind::Policy, "attributes"));
            assert!(fault.detail.contains(text), "{attributes}: {fault}");
        }
    }

    #[test]
    fn a_mapping_names_a_target_and_its_users() {
        assert_eq!((target("crm"), target("crm/user"), target("crm/group")), (Ok("crm"), Ok("crm"), Err("group")));
        let doc = |mapping: &str, qualifiers: Value| {
            let doc = json!({"name": "a", "mapping": mapping, "linkQualifiers": qualifiers,
                "attributes": [{"name": "title", "value": "x"}]});
            brought("k", doc.as_object().unwrap(), "crm").unwrap().len()
        };
        assert_eq!((doc("crm", json!(null)), doc("crm/user", json!(["default"])), doc("crm", json!([]))), (1, 1, 1));
        assert_eq!((doc("erp", json!(null)), doc("crm", json!(["other"])), doc("crm/group", json!(null))), (0, 0, 0));
    }

    fn any_operation() -> impl Strategy<Value = Operation> {
        use Operation::{MergeWithTarget, NoOp, RemoveFromTarget, ReplaceTarget};
        prop_oneof![Just(MergeWithTarget), Just(ReplaceTarget), Just(RemoveFromTarget), Just(NoOp)]
    }

    // At each path values of one shape: what is a list in one assignment and a single value in another has no one meaning.
    fn any_assigned() -> impl Strategy<Value = Vec<Assigned>> {
        let list = proptest::collection::vec(0..4, 0..4).prop_map(|list| ("p0", json!(list)));
        let value = prop_oneof![list, (0..4).prop_map(|n| ("p1", json!(n))), (0..4).prop_map(|n| ("p2", json!({ "value": n })))];
        let of = (0..3, value, any_operation(), any_operation());
        let build = |(by, (name, value), assign, unassign)| one(&format!("a{by}"), name, value, assign, unassign);
        proptest::collection::vec(of.prop_map(build), 0..5)
    }

    proptest! {
        #[test]
        fn once_done_it_stays_done(before in any_assigned(), now in any_assigned(), held in proptest::collection::vec(0..4, 0..3)) {
            let held = json!({"p0": held, "p1": "theirs", "other": 1});
            let first = shall(&json!({}), &[], &held, &before, &now);
            let mut account = held.as_object().unwrap().clone();
            let touched = before.iter().chain(&now);
            touched.for_each(|one| _ = account.shift_remove(&one.name));
            account.extend(first.as_object().unwrap().clone());
            let again = shall(&json!({}), &[], &Value::Object(account.clone()), &now, &now);
            for one in &now {
                let (again, account) = (&again[&one.name], account.get(&one.name).unwrap_or(&Value::Null));
                prop_assert!(same(again, account), "{} {}", again, account);
            }
            prop_assert_eq!(&account["other"], &json!(1));
        }

        #[test]
        fn lists_hold_no_duplicates(now in any_assigned()) {
            let given = shall(&json!({}), &[], &json!({}), &[], &now);
            for list in given.as_object().unwrap().values().filter_map(Value::as_array) {
                for (at, one) in list.iter().enumerate() {
                    prop_assert!(!list[..at].contains(one), "{:?}", list);
                }
            }
        }
    }
}
