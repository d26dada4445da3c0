//! What a write does, or in a dry run would do: attributes, relationships, grants, and calls to targets.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

use super::key::Key;
use super::plan::Change;

/// Most entries of one list; what goes beyond is counted.
pub const MOST: usize = 100;

/// A list that is cut at [`MOST`] entries.
#[derive(Debug, Clone, Serialize)]
pub struct Listed<T> {
    /// The first ones.
    pub list: Vec<T>,
    /// How many more there are.
    pub more: usize,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { list: Vec::new(), more: 0 }
    }
}

impl<T> Listed<T> {
    /// Adds one, or counts it.
    pub fn push(&mut self, item: T) {
        if self.list.len() < MOST { self.list.push(item) } else { self.more += 1 }
    }

    /// All of them.
    pub const fn count(&self) -> usize {
        self.list.len() + self.more
    }

    fn append(&mut self, other: Self) {
        self.more += other.more;
        other.list.into_iter().for_each(|item| self.push(item));
    }
}

/// An object as people know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id that clients see; the key of one that is not there.
    pub id: String,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// An attribute that changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttributeEffect {
    /// Whose.
    pub object: Named,
    /// What becomes of the object: `create`, `update`, `delete`.
    pub op: String,
    /// Its path.
    pub path: String,
    /// Its value before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Its value afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether its values are never shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// An edge that is made or taken away, or gets other properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdgeEffect {
    /// `add`, `remove` or `update`.
    pub op: &'static str,
    /// Name of the relation.
    pub relation: String,
    /// Where it starts.
    pub from: Named,
    /// Where it ends.
    pub to: Named,
}

/// Why a principal holds a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// By hand.
    Static,
    /// By the role's condition.
    Conditional,
    /// Through a group.
    Group,
    /// Through a bundle that is held.
    Bundle,
}

/// A role that a principal gains or loses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrantEffect {
    /// Who.
    pub principal: Named,
    /// Which role.
    pub role: Named,
    /// Why.
    pub why: Why,
    /// The condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// Roles gained and lost.
#[derive(Debug, Clone, Default, Serialize)]
pub struct GrantEffects {
    /// Gained.
    pub gained: Listed<GrantEffect>,
    /// Lost.
    pub lost: Listed<GrantEffect>,
}

/// A call that a target would get.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// About which object.
    #[serde(flatten)]
    pub object: Named,
    /// Its key.
    #[serde(skip)]
    pub key: Key,
    /// `create`, `update`, `enable`, `disable`, `delete`, `unlink`, `members`, or `park` when it cannot be worked out.
    pub action: &'static str,
    /// The planned difference; the values of sensitive paths are hidden.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Members that a group there gains.
    #[serde(skip_serializing_if = "is_zero")]
    pub members_added: usize,
    /// Members that it loses.
    #[serde(skip_serializing_if = "is_zero")]
    pub members_removed: usize,
    /// Why, where it does not go without saying.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the serializer hands out references")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What a target would be told.
#[derive(Debug, Clone, Serialize)]
pub struct TargetEffect {
    /// The target.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its state: one that is not `active` is told later.
    pub state: String,
    /// The calls.
    pub calls: Listed<Call>,
    /// Whether objects beyond the bound were left unlooked at, so that there may be more calls.
    pub incomplete: bool,
}

/// Everything that a write does.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Effects {
    /// Attributes.
    pub attributes: Listed<AttributeEffect>,
    /// Relationships.
    pub edges: Listed<EdgeEffect>,
    /// Roles gained and lost.
    pub grants: GrantEffects,
    /// Whether members of groups beyond the bound were not asked for their roles.
    pub incomplete: bool,
    /// Targets that would be called.
    pub targets: Vec<TargetEffect>,
}

impl fmt::Display for Effects {
    /// The header `Provost-Effects`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "attributes={}, grants-gained={}, grants-lost={}, targets={}, edges={}",
            self.attributes.count(),
            self.grants.gained.count(),
            self.grants.lost.count(),
            self.targets.len(),
            self.edges.count()
        )
    }
}

impl Effects {
    fn append(&mut self, other: Self) {
        self.attributes.append(other.attributes);
        self.edges.append(other.edges);
        self.grants.gained.append(other.grants.gained);
        self.grants.lost.append(other.grants.lost);
        self.incomplete |= other.incomplete;
        for target in other.targets {
            match self.targets.iter_mut().find(|known| known.id == target.id) {
                Some(known) => {
                    known.calls.append(target.calls);
                    known.incomplete |= target.incomplete;
                }
                None => self.targets.push(target),
            }
        }
    }
}

/// Where the writes of one dry request note their effects; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Rehearsal(Arc<Mutex<Effects>>);

impl Rehearsal {
    /// Adds what one write would do.
    pub fn note(&self, effects: Effects) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).append(effects);
    }

    /// What was noted.
    pub fn effects(&self) -> Effects {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(to: usize) -> EdgeEffect {
        let named = |id: String| Named { kind: "user".to_owned(), id, name: None };
        EdgeEffect { op: "add", relation: "manager".to_owned(), from: named(String::new()), to: named(to.to_string()) }
    }

    #[test]
    fn lists_are_cut_and_counted() {
        let rehearsal = Rehearsal::default();
        for part in [0..MOST - 1, MOST - 1..MOST + 5] {
            let mut effects = Effects::default();
            part.for_each(|to| effects.edges.push(edge(to)));
            rehearsal.note(effects);
        }
        let effects = rehearsal.effects();
        assert_eq!((effects.edges.list.len(), effects.edges.more), (MOST, 5));
        assert_eq!(effects.to_string(), "attributes=0, grants-gained=0, grants-lost=0, targets=0, edges=105");
    }
}
