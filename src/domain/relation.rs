//! What a client asks of an object's relationships, in one form for all dialects.

use serde_json::{Map, Value};

use super::document::reference::{Amend, ReferenceChange, ReferenceInput, ReferenceWrite};
use super::filter::Filter;
use super::key::Key;

/// `_grantType` and edge variant of a grant that a role's condition gives.
pub const CONDITIONAL: &str = "conditional";

/// Edge variant of everything else that has no properties (`domain::edge`).
pub const STATIC: &str = "";

/// One wish about one relationship property; wishes are carried out in order.
#[derive(Debug, Clone)]
pub struct RelationshipWrite {
    /// Property name on the object's type (`members`, `roles`, `manager`).
    pub property: String,
    /// What to do.
    pub change: RelationshipChange,
}

/// What to do with a relationship property.
#[derive(Debug, Clone)]
pub enum RelationshipChange {
    /// These and no others; conditional grants stay.
    Replace(Vec<Reference>),
    /// These too; what is there already is left as it is.
    Add(Vec<Reference>),
    /// Not these; what is not there is no error.
    Remove(Vec<Reference>),
    /// None whose SCIM element matches.
    RemoveMatching(Filter),
    /// The elements that a filter matches are changed in place.
    Amend(Amend),
    /// None but conditional grants.
    Clear,
    /// This edge leads there from now on, with the properties of the reference.
    Change(Key, Reference),
}

/// A reference to another object, as a client wrote it.
#[derive(Debug, Clone)]
pub enum Reference {
    /// SCIM: a value, to be resolved with the help of its hints.
    Loose {
        /// `value`: an id, for roles also a name.
        value: String,
        /// `type`: a resource name.
        kind: Option<String>,
        /// `$ref`.
        address: Option<String>,
        /// The element as sent.
        element: Map<String, Value>,
    },
    /// IDM: `_ref`, naming collection and id.
    Exact {
        /// Object type.
        kind: String,
        /// Wire id.
        id: String,
        /// `_refProperties._id`, naming an edge that is there.
        edge: Option<Key>,
        /// `_refProperties._grantType`.
        grant_type: String,
        /// The rest of `_refProperties`; none when nothing is said of them, which is the same as empty but for removals.
        properties: Option<Map<String, Value>>,
    },
}

impl From<ReferenceInput> for Reference {
    fn from(input: ReferenceInput) -> Self {
        Reference::Loose { value: input.value, kind: input.kind_hint, address: input.ref_hint, element: input.element }
    }
}

impl From<ReferenceWrite> for RelationshipWrite {
    fn from(write: ReferenceWrite) -> Self {
        let list = |inputs: Vec<ReferenceInput>| inputs.into_iter().map(Reference::from).collect();
        let change = match write.change {
            ReferenceChange::Replace(inputs) => RelationshipChange::Replace(list(inputs)),
            ReferenceChange::Add(inputs) => RelationshipChange::Add(list(inputs)),
            ReferenceChange::Remove(inputs) => RelationshipChange::Remove(list(inputs)),
            ReferenceChange::RemoveMatching(filter) => RelationshipChange::RemoveMatching(filter),
            ReferenceChange::Amend(amend) => RelationshipChange::Amend(amend),
            ReferenceChange::Clear => RelationshipChange::Clear,
        };
        Self { property: write.relationship, change }
    }
}

/// What a client demands of an object's revision before it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// That it exists.
    Exists,
    /// That it does not.
    Absent,
    /// One of these revisions.
    Revision(Vec<i64>),
    /// None of these revisions.
    Unlike(Vec<i64>),
}

impl Precondition {
    /// Whether an object at revision `rev` meets it.
    pub fn admits(&self, rev: i64) -> bool {
        match self {
            Precondition::None | Precondition::Exists => true,
            Precondition::Absent => false,
            Precondition::Revision(revs) => revs.contains(&rev),
            Precondition::Unlike(revs) => !revs.contains(&rev),
        }
    }
}
