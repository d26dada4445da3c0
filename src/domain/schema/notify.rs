//! What a type says of who is told of a change: `notifySelf`, `notify`, `notifyRelationships` (spec/idm.md §2.1).

use super::definition::Problem;
use super::registry::Registry;
use super::relationship::Relationship;

/// Checks that it can be done, and that it ends: what is passed on must not come back.
pub(super) fn check(registry: &Registry) -> Result<(), Problem> {
    for kind in registry.types() {
        for one in &kind.relationships {
            let at = |part: &str| format!("relationships.{}.{part}", one.name);
            if one.notify && one.reverse.is_empty() {
                return Err(Problem::new(at("notify"), "needs a relationship that is seen from both sides"));
            }
            if let Some(name) = one.notify_relationships.iter().find(|name| kind.relationship(name).is_none()) {
                return Err(Problem::new(at("notifyRelationships"), format!("'{}' has no relationship '{name}'", kind.name)));
            }
            if returns(registry, &kind.name, one, &mut Vec::new()) {
                return Err(Problem::new(at("notifyRelationships"), "what is passed on comes back to it"));
            }
        }
    }
    Ok(())
}

// Whether what reaches objects of a type through a relationship comes through it again.
fn returns<'r>(registry: &'r Registry, kind: &'r str, through: &'r Relationship, path: &mut Vec<(&'r str, &'r str)>) -> bool {
    let here = (kind, through.name.as_str());
    if path.contains(&here) {
        return true;
    }
    path.push(here);
    let of = registry.by_name(kind);
    let onward = through.notify_relationships.iter().filter_map(|name| of?.relationship(name));
    let found = onward.into_iter().any(|next| {
        next.types.iter().any(|far| {
            let reverse = registry.by_name(far).and_then(|far| far.relationship(&next.reverse));
            reverse.is_some_and(|reverse| returns(registry, far, reverse, path))
        })
    });
    path.pop();
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::registry::Own;
    use super::*;

    fn with(relationships: Value) -> Result<Registry, Problem> {
        let badge = json!({
            "name": "badge", "resource": "Badge", "endpoint": "/Badges", "label": "name",
            "schemas": [{"id": "urn:acme:badge:2.0:Badge", "name": "Badge", "attributes": [{"name": "name"}]}],
            "properties": [{"name": "name", "path": "name"}],
            "relationships": relationships,
        });
        Registry::shipped()?.with(&Own::from([("badge".to_owned(), badge)]), 1, &[])
    }

    fn rule(relationships: Value) -> String {
        with(relationships).unwrap_err().to_string()
    }

    #[test]
    fn a_relationship_may_be_seen_from_one_side_alone() {
        let registry = with(json!([{"name": "site", "types": ["group"]}])).unwrap();
        assert_eq!(registry.by_name("badge").unwrap().relationships.len(), 1);
        assert!(registry.by_name("group").unwrap().relationships.iter().all(|r| r.relation != "badge_site"));
        assert!(rule(json!([{"name": "site", "types": ["group"], "notify": true}])).contains("both sides"));
        assert!(rule(json!([{"name": "site", "types": ["group"], "reverseMany": false}])).contains("reverse"));
    }

    #[test]
    fn what_is_passed_on_exists_and_ends() {
        let owner = |passed: Value| {
            json!([
                {"name": "owner", "reverse": "badges", "types": ["user"], "notifySelf": true, "notifyRelationships": passed},
                {"name": "parts", "reverse": "whole", "types": ["badge"], "notify": true},
            ])
        };
        let registry = with(owner(json!(["parts"]))).unwrap();
        assert_eq!(registry.by_name("badge").unwrap().relationship("owner").unwrap().notify_relationships, ["parts"]);
        assert!(rule(owner(json!(["nothing"]))).contains("no relationship 'nothing'"));
        let circle = json!([
            {"name": "parts", "reverse": "whole", "types": ["badge"]},
            {"name": "twin", "reverse": "twins", "types": ["badge"], "notifyRelationships": ["twins"]},
        ]);
        assert!(rule(circle).contains("comes back"), "twin passes on to twins, whose badges are reached through twin");
    }
}
