//! Operations on what stands in the document.

use serde_json::Value;

use super::apply::Patch;
use super::scim::Verb;
use super::target::Elements;
use crate::domain::document::reader::At;
use crate::domain::document::{Map, elements, values};
use crate::domain::error::{Fault, Kind};
use crate::domain::filter::eval;
use crate::domain::profile::WithoutMatch;
use crate::domain::schema::{AttrPath, Attribute, AttributeType};

// Comparisons of one removal by value.
const MAX_COMPARISONS: usize = 1_000_000;

// Sub-attributes to write, by index; `None` unassigns.
type Parts = Vec<(usize, Option<Value>)>;

impl Patch<'_> {
    /// At an attribute or sub-attribute.
    pub(super) fn store(&mut self, path: AttrPath, verb: Verb, value: Value) -> Result<(), Fault> {
        let kind = self.kind;
        let (attribute, leaf, at) = (kind.attribute(path), kind.leaf(path), At::path(kind, path));
        if leaf.discarded {
            self.reader.attribute(leaf, at, value)?;
            return Ok(());
        }
        match (attribute.multi_valued, path.sub, verb) {
            (true, None, Verb::Remove) if !value.is_null() => self.remove_listed(path, value),
            (true, Some(sub), Verb::Remove) => {
                let mut list = values::take_list(kind, self.doc, path);
                list.iter_mut().for_each(|element| set_parts(attribute, element, &[(sub, None)]));
                self.put_list(path, list);
                Ok(())
            }
            (_, _, Verb::Remove) => {
                values::set(kind, self.doc, path, None);
                Ok(())
            }
            (true, None, Verb::Add) => {
                let mut added = self.reader.list(attribute, at, value)?;
                elements::at_most_one_primary(attribute, &added, at)?;
                let mut list = values::take_list(kind, self.doc, path);
                // What is there already is not added, nor does it demote itself.
                added.retain(|element| !list.contains(element));
                if added.iter().any(elements::is_primary) {
                    list.iter_mut().for_each(demote);
                }
                list.extend(added);
                self.put_list(path, list);
                Ok(())
            }
            // Without a filter a sub-attribute of a list means the preferred element, as it does for IDM scalars.
            (true, Some(sub), _) => {
                let value = self.reader.attribute(leaf, at, value)?;
                let list = values::take_list(kind, self.doc, path);
                let chosen = elements::preferred(&list).into_iter().collect();
                self.amend_list(path, list, chosen, &vec![(sub, value)], &Map::new())
            }
            (false, None, _) if leaf.kind == AttributeType::Complex && !value.is_null() => {
                for (sub, value) in self.reader.parts(attribute, at, value)? {
                    values::set(kind, self.doc, AttrPath { sub: Some(sub), ..path }, value);
                }
                Ok(())
            }
            _ => {
                let value = self.reader.attribute(leaf, at, value)?;
                values::set(kind, self.doc, path, value);
                Ok(())
            }
        }
    }

    /// At the elements that a filter matches.
    pub(super) fn store_elements(&mut self, target: Elements, verb: Verb, value: Value) -> Result<(), Fault> {
        let (kind, path) = (self.kind, target.path);
        let attribute = kind.attribute(path);
        let mut list = values::take_list(kind, self.doc, path);
        let matches = |element: &Value| eval::matches_element(&target.filter, kind, path.parent(), element);
        // Null for a whole element unassigns it, as for any attribute.
        if verb == Verb::Remove || (path.sub.is_none() && value.is_null()) {
            match path.sub {
                Some(sub) if attribute.sub_attributes[sub].required => return Err(self.refuse(path, "is required")),
                // An element that has lost its value is none.
                Some(sub) => list.retain_mut(|e| {
                    let matched = matches(e);
                    if matched {
                        set_parts(attribute, e, &[(sub, None)]);
                    }
                    !(matched && elements::is_hollow(e))
                }),
                None => list.retain(|e| !matches(e)),
            }
            if list.is_empty() && attribute.required {
                return Err(self.refuse(path, "is required"));
            }
            self.put_list(path, list);
            return Ok(());
        }
        let chosen: Vec<usize> = list.iter().enumerate().filter(|(_, e)| matches(e)).map(|(index, _)| index).collect();
        if attribute.kind != AttributeType::Complex {
            return self.replace_simple(path, list, &chosen, value);
        }
        let parts = self.element_parts(path, value)?;
        let described = target.described(kind);
        if chosen.is_empty() {
            if parts.iter().all(|(_, value)| value.is_none()) && path.sub.is_some() {
                self.put_list(path, list);
                return Ok(());
            }
            let creates = self.profile.without_match == WithoutMatch::Create;
            let Some(described) = described.filter(|_| creates) else {
                return Err(self.no_match(path));
            };
            return self.amend_list(path, list, chosen, &parts, &described);
        }
        if verb == Verb::Replace && path.sub.is_none() {
            // The element takes the object, and what the filter says of it.
            for index in &chosen {
                list[*index] = Value::Object(described.clone().unwrap_or_default());
            }
        }
        self.amend_list(path, list, chosen, &parts, &Map::new())
    }

    // Simple values that a filter matches are the value; what none matches cannot be made from one.
    fn replace_simple(&mut self, path: AttrPath, mut list: Vec<Value>, chosen: &[usize], value: Value) -> Result<(), Fault> {
        if chosen.is_empty() {
            return Err(self.no_match(path));
        }
        let value = self.reader.single(self.kind.attribute(path), At::path(self.kind, path), value)?.unwrap_or_default();
        chosen.iter().for_each(|index| list[*index] = value.clone());
        self.put_list(path, list);
        Ok(())
    }

    fn no_match(&self, path: AttrPath) -> Fault {
        let at = At::path(self.kind, path.parent());
        Fault::new(Kind::NoTarget, format!("no element of {at} matches the filter"))
    }

    /// The parts that an operation on elements writes: one for a path with sub-attribute, else those of the object.
    pub(super) fn element_parts(&mut self, path: AttrPath, value: Value) -> Result<Parts, Fault> {
        let (attribute, at) = (self.kind.attribute(path), At::path(self.kind, path));
        if let Some(sub) = path.sub {
            return Ok(vec![(sub, self.reader.attribute(self.kind.leaf(path), at, value)?)]);
        }
        let value = match value {
            Value::Array(mut one) if one.len() == 1 && self.reader.coerces() => one.remove(0),
            value => value,
        };
        self.reader.parts(attribute, at, value)
    }

    // Sets the parts on the chosen elements, or on a new one made from `seed` when none is chosen. A primary that this writes
    // demotes the others.
    fn amend_list(
        &mut self,
        path: AttrPath,
        mut list: Vec<Value>,
        mut chosen: Vec<usize>,
        parts: &Parts,
        seed: &Map,
    ) -> Result<(), Fault> {
        let attribute = self.kind.attribute(path);
        if chosen.is_empty() {
            chosen.push(list.len());
            list.push(Value::Object(seed.clone()));
        }
        for index in &chosen {
            set_parts(attribute, &mut list[*index], parts);
        }
        let primaries: Vec<usize> = chosen.into_iter().filter(|index| elements::is_primary(&list[*index])).collect();
        match primaries[..] {
            [] => {}
            [one] => list.iter_mut().enumerate().filter(|(index, _)| *index != one).for_each(|(_, element)| demote(element)),
            _ => {
                let at = At::path(self.kind, path.parent());
                return Err(Fault::new(Kind::InvalidValue, format!("{at}: more than one element would be primary")));
            }
        }
        self.put_list(path, list);
        Ok(())
    }

    // By value: Entra without its flag, and others, send the members to remove beside the path (spec/scim.md §4.4).
    fn remove_listed(&mut self, path: AttrPath, value: Value) -> Result<(), Fault> {
        let (attribute, at) = (self.kind.attribute(path), At::path(self.kind, path));
        let listed = self.reader.list(attribute, at, value)?;
        let mut list = values::take_list(self.kind, self.doc, path);
        if listed.len().saturating_mul(list.len()) > MAX_COMPARISONS {
            return Err(Fault::new(Kind::TooMany, format!("{at}: too many values to remove in one operation")));
        }
        list.retain(|element| !listed.iter().any(|named| elements::names(attribute, named, element)));
        self.put_list(path, list);
        Ok(())
    }

    fn put_list(&mut self, path: AttrPath, list: Vec<Value>) {
        let list = elements::settle(self.kind.attribute(path), list);
        values::set(self.kind, self.doc, path.parent(), Some(Value::Array(list)));
    }
}

fn set_parts(attribute: &Attribute, element: &mut Value, parts: &[(usize, Option<Value>)]) {
    if let Value::Object(object) = element {
        for (sub, value) in parts {
            values::put(&attribute.sub_attributes, object, *sub, value.clone());
        }
    }
}

fn demote(element: &mut Value) {
    if elements::is_primary(element)
        && let Some(primary) = element.get_mut("primary")
    {
        *primary = Value::Bool(false);
    }
}
