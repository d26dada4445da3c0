//! Folds operations on members and managers to what they come to: what goes and comes again within one PATCH has not changed,
//! and moves no version (spec/scim.md §4).

use std::collections::HashMap;

use crate::domain::document::{ReferenceChange, ReferenceInput, ReferenceWrite};
use crate::domain::schema::{Backing, ObjectType};

/// The same writes, each run of sets of one relationship as one removal and one addition, or one replacement. Grants are left
/// alone: their elements say more than which role.
pub(super) fn fold(kind: &ObjectType, writes: Vec<ReferenceWrite>) -> Vec<ReferenceWrite> {
    let mut out = Vec::with_capacity(writes.len());
    let mut run: Option<Run> = None;
    for write in writes {
        let plain = kind.relationship(&write.relationship).is_some_and(|r| r.backing == Backing::Reference);
        let set = !matches!(write.change, ReferenceChange::Amend(_) | ReferenceChange::RemoveMatching(_));
        if !run.as_ref().is_some_and(|run| plain && set && run.continues(&write)) {
            out.extend(run.take().into_iter().flat_map(Run::writes));
        }
        if plain && set {
            run.get_or_insert_with(|| Run::new(&write.relationship)).take(write.change);
        } else {
            out.push(write);
        }
    }
    out.extend(run.into_iter().flat_map(Run::writes));
    out
}

struct Run {
    relationship: String,
    /// Whether what was there before goes.
    whole: bool,
    /// The last word on each value, and whether it comes or goes.
    words: Vec<(ReferenceInput, bool)>,
    places: HashMap<String, usize>,
}

impl Run {
    fn new(relationship: &str) -> Self {
        Self { relationship: relationship.to_owned(), whole: false, words: Vec::new(), places: HashMap::new() }
    }

    // One value may be the id of two objects of different types.
    fn continues(&self, write: &ReferenceWrite) -> bool {
        let same = |input: &ReferenceInput| match self.places.get(&input.value).map(|at| &self.words[*at].0.kind_hint) {
            Some(Some(hint)) => input.kind_hint.as_ref().is_none_or(|other| other == hint),
            _ => true,
        };
        self.relationship == write.relationship
            && match &write.change {
                ReferenceChange::Add(inputs) | ReferenceChange::Remove(inputs) => inputs.iter().all(same),
                _ => true,
            }
    }

    fn take(&mut self, change: ReferenceChange) {
        let (inputs, comes, whole) = match change {
            ReferenceChange::Add(inputs) => (inputs, true, false),
            ReferenceChange::Remove(inputs) => (inputs, false, false),
            ReferenceChange::Replace(inputs) => (inputs, true, true),
            ReferenceChange::Clear | ReferenceChange::Amend(_) | ReferenceChange::RemoveMatching(_) => (Vec::new(), true, true),
        };
        if whole {
            *self = Self { whole: true, ..Self::new(&self.relationship) };
        }
        for input in inputs {
            match self.places.get(&input.value) {
                Some(at) => self.words[*at] = (input, comes),
                None => {
                    self.places.insert(input.value.clone(), self.words.len());
                    self.words.push((input, comes));
                }
            }
        }
    }

    fn writes(self) -> impl Iterator<Item = ReferenceWrite> {
        let (come, go): (Vec<_>, Vec<_>) = self.words.into_iter().partition(|(_, comes)| *comes);
        let inputs = |words: Vec<(ReferenceInput, bool)>| words.into_iter().map(|(input, _)| input).collect::<Vec<_>>();
        let (come, go) = (inputs(come), inputs(go));
        let changes = match (self.whole, come.is_empty()) {
            (true, true) => vec![ReferenceChange::Clear],
            (true, false) => vec![ReferenceChange::Replace(come)],
            (false, _) => vec![ReferenceChange::Remove(go), ReferenceChange::Add(come)],
        };
        let empty = |change: &ReferenceChange| matches!(change, ReferenceChange::Remove(inputs) | ReferenceChange::Add(inputs) if inputs.is_empty());
        let relationship = self.relationship;
        changes
            .into_iter()
            .filter(move |change| !empty(change))
            .map(move |change| ReferenceWrite { relationship: relationship.clone(), change })
    }
}
