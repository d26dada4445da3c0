//! What a condition reads, as texts that a write can ask for.
//!
//! A route is how objects are reached from the user: names of relationships, each followed by `>`; the user's own is empty.
//! What is read at the end of a route is the text of a path, `*` for all of it, or, with nothing after the route, the edge itself.

use std::collections::BTreeSet;

use crate::domain::schema::{AttrPath, ObjectType, Relationship};

/// All attributes at the end of a route.
pub const ALL: &str = "*";

/// One thing that a condition reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watch {
    /// As it stands in a condition's `reads`: route and path, or route and relationship with `>` at the end.
    pub read: String,
    /// The route.
    pub route: String,
    /// What a write asks for: `type` and `path` of an object, or the relation of an edge.
    pub subject: String,
}

impl Watch {
    pub(super) fn attribute(route: &str, kind: &ObjectType, path: AttrPath) -> Self {
        let path = kind.path_text(path);
        Self { read: format!("{route}{path}"), route: route.to_owned(), subject: of_attribute(&kind.name, &path) }
    }

    pub(super) fn all(route: &str, kind: &ObjectType) -> Self {
        Self { read: format!("{route}{ALL}"), route: route.to_owned(), subject: of_attribute(&kind.name, ALL) }
    }

    pub(super) fn edge(route: &str, relationship: &Relationship) -> Self {
        let route = step(route, &relationship.name);
        Self { read: route.clone(), subject: of_relation(&relationship.relation), route }
    }

    /// Whether it is of the user's own attributes.
    pub fn is_own(&self) -> bool {
        self.route.is_empty()
    }
}

/// A route one step further.
pub fn step(route: &str, relationship: &str) -> String {
    format!("{route}{relationship}>")
}

/// The names of the relationships of a route.
pub fn steps(route: &str) -> impl DoubleEndedIterator<Item = &str> {
    route.split_terminator('>')
}

/// What a write of an attribute asks for.
pub fn of_attribute(kind: &str, path: &str) -> String {
    format!("{kind}\u{1f}{path}")
}

/// What a write of an edge asks for.
pub fn of_relation(relation: &str) -> String {
    format!("\u{1f}{relation}")
}

/// Whether something that changed is among what a condition reads.
pub fn touches<'r>(mut reads: impl Iterator<Item = &'r str>, changed: &BTreeSet<String>) -> bool {
    reads.any(|read| {
        changed.contains(read)
            || read.strip_suffix(ALL).is_some_and(|route| {
                changed
                    .iter()
                    .any(|changed| changed.strip_prefix(route).is_some_and(|path| !path.is_empty() && !path.contains('>')))
            })
    })
}
