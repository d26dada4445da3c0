//! Operations on attributes that are views of edges.

use serde_json::Value;

use super::apply::Patch;
use super::scim::Verb;
use super::target::Elements;
use crate::domain::document::{Amend, Map, ReferenceChange, ReferenceInput, ReferenceWrite, reference};
use crate::domain::error::{Fault, Kind};
use crate::domain::profile::WithoutMatch;
use crate::domain::schema::{AttrPath, Mutability, Relationship};

impl Patch<'_> {
    /// At the attribute, or a sub-attribute of it.
    pub(super) fn relate(&mut self, path: AttrPath, relationship: &Relationship, verb: Verb, value: Value) -> Result<(), Fault> {
        let Some(part) = path.sub.map(|_| self.kind.leaf(path).name.as_str()) else {
            return self.relate_whole(path, relationship, verb, value);
        };
        match (part, verb) {
            ("value", Verb::Remove) if !relationship.many => {
                self.write(relationship, ReferenceChange::Clear);
                Ok(())
            }
            (_, Verb::Remove) if !relationship.many => Err(self.refuse(path, "follows value and cannot be removed alone")),
            ("$ref", _) if value.is_null() => Ok(()),
            ("value" | "$ref", Verb::Add | Verb::Replace) => {
                let whole = if value.is_null() { value } else { Map::from_iter([(part.to_owned(), value)]).into() };
                let whole = if relationship.many { Value::Array(vec![whole]) } else { whole };
                self.relate_whole(path.parent(), relationship, verb, whole)
            }
            _ => Err(Fault::new(Kind::NoTarget, format!("{} needs a filter that picks elements", self.kind.path_text(path)))),
        }
    }

    fn relate_whole(&mut self, path: AttrPath, relationship: &Relationship, verb: Verb, value: Value) -> Result<(), Fault> {
        if verb == Verb::Remove && (value.is_null() || !relationship.many) {
            self.write(relationship, ReferenceChange::Clear);
            return Ok(());
        }
        let inputs = reference::inputs(&mut self.reader, self.kind, path, value)?;
        let change = match verb {
            Verb::Remove | Verb::Add if relationship.many && inputs.is_empty() => return Ok(()),
            Verb::Remove => ReferenceChange::Remove(inputs),
            _ if inputs.is_empty() => ReferenceChange::Clear,
            Verb::Add if relationship.many => ReferenceChange::Add(inputs),
            Verb::Add | Verb::Replace => ReferenceChange::Replace(inputs),
        };
        self.write(relationship, change);
        Ok(())
    }

    /// At the elements that a filter matches.
    pub(super) fn relate_elements(
        &mut self,
        target: Elements,
        relationship: &Relationship,
        verb: Verb,
        value: Value,
    ) -> Result<(), Fault> {
        let path = target.path;
        let remove = verb == Verb::Remove;
        if remove && self.kind.leaf(path).mutability == Mutability::Immutable {
            return Err(self.refuse(path, "is immutable"));
        }
        let whole = path.sub.is_none();
        if (remove || value.is_null()) && (whole || self.kind.leaf(path).name == "value") {
            let inputs = target.listed().map(|listed| {
                let element = |value: String| Map::from_iter([("value".to_owned(), Value::String(value))]);
                listed.into_iter().filter_map(|value| ReferenceInput::new(element(value), relationship.backing)).collect()
            });
            self.write(relationship, inputs.map_or(ReferenceChange::RemoveMatching(target.filter), ReferenceChange::Remove));
            return Ok(());
        }
        let value = if remove { Value::Null } else { value };
        let parts = self.element_parts(path, value)?;
        let subs = &self.kind.attribute(path).sub_attributes;
        let set: Map = parts.into_iter().map(|(sub, value)| (subs[sub].name.clone(), value.unwrap_or_default())).collect();
        let creates = verb != Verb::Remove && self.profile.without_match == WithoutMatch::Create;
        let create = target.described(self.kind).filter(|_| creates);
        let whole = whole && verb == Verb::Replace;
        // Operations on the same elements build one element, however many they are (spec/scim.md §4.2).
        if let Some(ReferenceWrite { relationship: last, change: ReferenceChange::Amend(amend) }) = self.writes.last_mut()
            && *last == relationship.name
            && amend.filter == target.filter
            && !whole
        {
            amend.set.extend(set);
            amend.create = amend.create.take().or(create);
            return Ok(());
        }
        self.write(relationship, ReferenceChange::Amend(Amend { filter: target.filter, set, create, whole }));
        Ok(())
    }

    fn write(&mut self, relationship: &Relationship, change: ReferenceChange) {
        self.writes.push(ReferenceWrite { relationship: relationship.name.clone(), change });
    }
}
