//! What follows from a change of an object type: what the stored data must be like, and which rows have to be made or go.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::attribute::{Attribute, AttributeType, Uniqueness};
use super::object_type::ObjectType;
use super::path::{AttrPath, Home};
use super::relationship::{Relationship, Side};
use crate::domain::document::{check, values};

/// Something that stored data must not contradict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// No object has a value at a path of the former type.
    NoValues {
        /// The path in the former type.
        path: AttrPath,
        /// What is done to the attribute.
        what: &'static str,
    },
    /// Every document has what the new type requires.
    Complete,
    /// There is no object.
    NoObjects {
        /// The member that changes.
        member: &'static str,
    },
    /// A relation has no edge between types; none means any.
    NoEdges {
        /// Name of the relationship.
        relationship: String,
        /// The relation.
        relation: String,
        /// Type at the start.
        from: Option<String>,
        /// Type at the end.
        to: Option<String>,
    },
    /// Nothing has several edges of a relation.
    OneEach {
        /// Name of the relationship.
        relationship: String,
        /// The relation.
        relation: String,
        /// The end that holds one.
        side: Side,
    },
}

/// What follows from a change of one type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// What the data must be like.
    pub demands: Vec<Demand>,
    /// Paths that are to be indexed.
    pub index: Vec<String>,
    /// Paths whose values are to be unique, and within what they were before.
    pub unique: Vec<(String, Uniqueness)>,
    /// Paths that are indexed no more.
    pub unindexed: Vec<String>,
    /// Paths whose values need not be unique any more.
    pub free: Vec<String>,
}

impl Change {
    /// What follows when `new` takes the place of `old`; without `new` the type goes.
    pub fn between(old: &ObjectType, new: Option<&ObjectType>) -> Self {
        let mut out = Self::default();
        let Some(new) = new else {
            out.demands.push(Demand::NoObjects { member: "the type" });
            out.relationships(old, &[]);
            return out;
        };
        let names = [
            ("resource", &old.resource, &new.resource),
            ("endpoint", &old.endpoint, &new.endpoint),
            ("schemas", &old.schemas[0].id, &new.schemas[0].id),
        ];
        out.demands.extend(names.iter().filter(|(_, a, b)| a != b).map(|(member, ..)| Demand::NoObjects { member }));
        if old.path_text(old.label) != new.path_text(new.label) {
            out.demands.push(Demand::NoObjects { member: "label" });
        }
        let before: BTreeMap<String, (AttrPath, &Attribute)> = old.paths().map(|(p, a)| (old.path_text(p), (p, a))).collect();
        let after: BTreeMap<String, (AttrPath, &Attribute)> = new.paths().map(|(p, a)| (new.path_text(p), (p, a))).collect();
        for (text, (path, was)) in &before {
            let is = after.get(text).map(|(_, is)| *is);
            out.attribute(text, *path, was, is);
        }
        for (text, (path, is)) in &after {
            let was = before.get(text).map(|(_, was)| *was);
            // A part of a new attribute is missing nowhere.
            let whole = path.sub.is_none() || before.contains_key(&new.path_text(path.parent()));
            if is.required && whole && !was.is_some_and(|was| was.required) && !out.demands.contains(&Demand::Complete) {
                out.demands.push(Demand::Complete);
            }
            let (indexed, unique) = was.map_or((false, Uniqueness::None), |was| (was.indexed, was.uniqueness));
            if is.indexed && !indexed {
                out.index.push(text.clone());
            }
            if is.uniqueness != Uniqueness::None && is.uniqueness != unique && unique != Uniqueness::Global {
                out.unique.push((text.clone(), unique));
            }
        }
        out.relationships(old, &new.relationships);
        out
    }

    fn attribute(&mut self, text: &str, path: AttrPath, was: &Attribute, is: Option<&Attribute>) {
        let what = match is {
            None => Some("removed"),
            Some(is) if is.kind != was.kind => Some("given another type"),
            Some(is) if is.multi_valued != was.multi_valued => Some("made a list, or one value"),
            Some(is) if is.compares_exactly() != was.compares_exactly() => Some("compared in another way"),
            Some(is) if is.relationship != was.relationship => Some("made a view of other edges"),
            Some(_) => None,
        };
        if let Some(what) = what {
            self.demands.push(Demand::NoValues { path, what });
        }
        if was.indexed && !is.is_some_and(|is| is.indexed) {
            self.unindexed.push(text.to_owned());
        }
        if was.uniqueness != Uniqueness::None && !is.is_some_and(|is| is.uniqueness != Uniqueness::None) {
            self.free.push(text.to_owned());
        }
    }

    fn relationships(&mut self, old: &ObjectType, new: &[Relationship]) {
        for was in &old.relationships {
            let no_edges = |other: Option<&str>| {
                let (near, far) = (Some(old.name.clone()), other.map(str::to_owned));
                let (from, to) = if was.side == Side::From { (near, far) } else { (far, near) };
                Demand::NoEdges { relationship: was.name.clone(), relation: was.relation.clone(), from, to }
            };
            let same = |is: &&Relationship| is.name == was.name && is.relation == was.relation && is.side == was.side;
            match new.iter().find(same) {
                None => self.demands.push(no_edges(None)),
                Some(is) => {
                    let gone = was.types.iter().filter(|t| !is.types.contains(t));
                    self.demands.extend(gone.map(|t| no_edges(Some(t))));
                    if is.acyclic && !was.acyclic {
                        self.demands.push(no_edges(None));
                    }
                    if was.many && !is.many {
                        let (relationship, relation) = (was.name.clone(), was.relation.clone());
                        self.demands.push(Demand::OneEach { relationship, relation, side: was.side });
                    }
                }
            }
        }
    }

    /// Whether documents have to be read for it.
    pub fn reads_documents(&self) -> bool {
        self.demands.iter().any(|d| matches!(d, Demand::NoValues { .. } | Demand::Complete))
    }
}

/// Whether a document of a type contradicts a demand.
pub fn contradicts(demand: &Demand, old: &ObjectType, new: &ObjectType, doc: &Map<String, Value>) -> bool {
    match demand {
        Demand::NoValues { path, .. } => has_value(old, *path, doc),
        Demand::Complete => check::document(new, doc).is_err(),
        Demand::NoObjects { .. } | Demand::NoEdges { .. } | Demand::OneEach { .. } => false,
    }
}

fn has_value(kind: &ObjectType, path: AttrPath, doc: &Map<String, Value>) -> bool {
    if path.home == Home::Common {
        return false;
    }
    let attribute = kind.attribute(path);
    if path.sub.is_some() && attribute.multi_valued && attribute.kind == AttributeType::Complex {
        let part = &kind.leaf(path).name;
        return values::list(kind, doc, path).iter().any(|element| element.get(part).is_some());
    }
    values::get(kind, doc, path).is_some()
}
