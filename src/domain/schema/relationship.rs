//! Relationships: edges between objects, seen as a property from either side (spec/idm.md §2).

use serde::{Deserialize, Serialize};

/// The end of an edge that an object stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// The edge starts here: `from_key` is this object.
    #[default]
    From,
    /// The edge ends here: `to_key` is this object.
    To,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Side::From => Side::To,
            Side::To => Side::From,
        }
    }
}

/// Where a view of related objects comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub enum Backing {
    /// Plain edges; SCIM elements are `{value, $ref, type, display}`.
    #[default]
    Reference,
    /// Role grants: effective roles in SCIM, edges in IDM (spec/types.md, `User.roles`).
    Grant,
}

/// One relationship property of an object type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Relationship {
    /// IDM property name on this type (`roles`, `members`, `manager`, …).
    pub name: String,
    /// Name of the relation, shared by both sides: `membership`, `grant`, `manager`.
    #[serde(default)]
    pub relation: String,
    /// The end at which objects of this type stand.
    #[serde(default)]
    pub side: Side,
    /// Property name on the other side; empty when it is seen from this side alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reverse: String,
    /// Names of the object types at the other end.
    pub types: Vec<String>,
    /// Whether this side holds many.
    #[serde(default = "yes")]
    pub many: bool,
    /// Of a tenant's relationship, whether the other side holds many.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub reverse_many: bool,
    /// Whether it follows from what the type at the other end says.
    #[serde(default, skip_serializing_if = "is_false")]
    pub derived: bool,
    /// Whether a change moves this object's `rev`.
    #[serde(default)]
    pub moves_rev: bool,
    /// Whether the relation may not form a cycle; then at most 16 deep.
    #[serde(default)]
    pub acyclic: bool,
    /// What the edges are.
    #[serde(default)]
    pub backing: Backing,
    /// Whether clients may write it from this side in SCIM.
    #[serde(default)]
    pub scim_writable: bool,
    /// Whether an object of this type cannot be deleted while it has edges here (roles that are held, spec/idm.md §3.6).
    #[serde(default)]
    pub blocks_deletion: bool,
    /// Whether targets look again at the object here when an edge or the object at its other end changes, whether or not a
    /// mapping reads the property (spec/idm.md §2.1).
    #[serde(default, skip_serializing_if = "is_false")]
    pub notify_self: bool,
    /// Whether they look again at the object at the other end when an edge or the object here changes.
    #[serde(default, skip_serializing_if = "is_false")]
    pub notify: bool,
    /// Relationships of this type along which is passed on what reaches an object through this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify_relationships: Vec<String>,
    /// For people.
    #[serde(default)]
    pub description: String,
}

const fn is_true(value: &bool) -> bool {
    *value
}

const fn is_false(value: &bool) -> bool {
    !*value
}

const fn yes() -> bool {
    true
}

/// Longest chain of an acyclic relation.
pub const MAX_DEPTH: i32 = 16;

/// Name of the relation that gives roles.
pub const GRANT: &str = "grant";

/// Name of the relation from a bundle to the roles it is made of.
pub const BUNDLE: &str = "bundle";

/// Name of the relation from roles to what they bring to accounts.
pub const ASSIGNMENT: &str = "assignment";

/// Name of the relation that gives authorization roles.
pub const AUTHORIZATION: &str = "authorization";

/// Name of the relation between groups and members.
pub const MEMBERSHIP: &str = "membership";
