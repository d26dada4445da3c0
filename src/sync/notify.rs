//! Who is looked at again because the type says so (`notifySelf`, `notify`, `notifyRelationships`, spec/idm.md §2.1), beside
//! those whose mappings read what changed. An object that is as it should be costs no call.

use super::backlog::Task;
use crate::domain::key::Key;
use crate::domain::schema::{Registry, Relationship, Side};

fn seen<'r>(types: &'r Registry, kind: &str, relation: &'r str, side: Side) -> impl Iterator<Item = &'r Relationship> {
    let all = types.by_name(kind).map_or(&[][..], |kind| kind.relationships.as_slice());
    all.iter().filter(move |r| r.relation == relation && r.side == side)
}

/// Whether the object of `kind` at `side` of an edge is told of a change there, with one of `far` at the other end.
pub fn is_told(types: &Registry, kind: &str, far: &str, relation: &str, side: Side) -> bool {
    seen(types, kind, relation, side).any(|r| r.notify_self) || seen(types, far, relation, side.other()).any(|r| r.notify)
}

/// The walks to those that are told of a change of an object itself.
pub fn of_object(types: &Registry, kind: &str, key: Key) -> Vec<Task> {
    let all = types.by_name(kind).map_or(&[][..], |kind| kind.relationships.as_slice());
    let told = |r: &&Relationship| {
        r.notify || r.types.iter().any(|far| seen(types, far, &r.relation, r.side.other()).any(|other| other.notify_self))
    };
    all.iter().filter(told).map(|r| Task::around(&r.relation, key, r.side)).collect()
}

/// The walks along which is passed on what reached an object of `kind` that stands at `side` of a relation.
pub fn onward(types: &Registry, kind: &str, relation: &str, side: Side, key: Key) -> Vec<Task> {
    let mut out = Vec::new();
    if let Some(kind) = types.by_name(kind) {
        let through = kind.relationships.iter().filter(|r| r.relation == relation && r.side == side);
        for next in through.flat_map(|r| &r.notify_relationships).filter_map(|name| kind.relationship(name)) {
            out.push(Task::around(&next.relation, key, next.side));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::schema::registry::Own;

    // Users have badges, badges have doors: a door is told of its badges, and of what they are told of their owners.
    fn types() -> Registry {
        let of = |name: &str, relationships| {
            json!({
                "name": name, "resource": name, "endpoint": format!("/{name}s"), "label": "name",
                "schemas": [{"id": format!("urn:acme:{name}:2.0:{name}"), "name": name, "attributes": [{"name": "name"}]}],
                "properties": [{"name": "name", "path": "name"}],
                "relationships": relationships,
            })
        };
        let badge = of(
            "badge",
            json!([
                {"name": "owner", "reverse": "badges", "types": ["user"], "notifySelf": true, "notifyRelationships": ["doors"]},
                {"name": "doors", "reverse": "badges", "types": ["door"], "notify": true},
            ]),
        );
        let own = Own::from([("badge".to_owned(), badge), ("door".to_owned(), of("door", json!([])))]);
        Registry::shipped().unwrap().with(&own, 1, &[]).unwrap()
    }

    #[test]
    fn what_the_type_says_decides() {
        let types = types();
        let key = Key::new(Uuid::from_u128(1));
        let told = |kind, far, relation, side| is_told(&types, kind, far, relation, side);
        assert!(told("badge", "user", "badge_owner", Side::From), "notifySelf");
        assert!(!told("user", "badge", "badge_owner", Side::To));
        assert!(told("door", "badge", "badge_doors", Side::To), "notify");
        assert!(!told("badge", "door", "badge_doors", Side::From));
        let walks = |found: Vec<Task>| found.iter().map(|task| json!(task)).collect::<Vec<_>>();
        let to = |relation: &str, side| json!(Task::around(relation, key, side));
        assert_eq!(walks(of_object(&types, "user", key)), [to("badge_owner", Side::To)]);
        assert_eq!(walks(of_object(&types, "badge", key)), [to("badge_doors", Side::From)]);
        assert_eq!(walks(of_object(&types, "door", key)), [] as [serde_json::Value; 0]);
        assert_eq!(walks(onward(&types, "badge", "badge_owner", Side::From, key)), [to("badge_doors", Side::From)]);
        assert_eq!(walks(onward(&types, "badge", "badge_doors", Side::From, key)), [] as [serde_json::Value; 0]);
    }
}
