//! Applies a SCIM PATCH: which target, and what may be written at all. The rows of spec/scim.md §4.2 to §4.4 stand in
//! `stored` for what is in the document and in `related` for what is edges.

use serde_json::Value;

use super::fold::fold;
use super::scim::{Operation, Operations, Verb, at};
use super::target::Target;
use crate::domain::document::parse::{external_id, writable};
use crate::domain::document::reader::{At, Reader};
use crate::domain::document::{Map, ReferenceWrite, check, reference};
use crate::domain::error::{Fault, Kind};
use crate::domain::filter;
use crate::domain::profile::Profile;
use crate::domain::schema::path::Resolved;
use crate::domain::schema::{AttrPath, Home, Mutability, ObjectType};

/// Applies the operations in order, each seeing the former's result, and checks the whole at the end. Answers the writes to
/// relationships, in order.
///
/// # Errors
/// The fault of the first operation that fails, with its number, or of the whole. The document is then half changed: the
/// caller drops it.
pub fn apply(
    kind: &ObjectType,
    profile: &Profile,
    doc: &mut Map,
    external_id: &mut Option<String>,
    operations: Operations,
) -> Result<Vec<ReferenceWrite>, Fault> {
    let fixed = check::fixed(kind, doc);
    let Operations { list, path } = operations;
    let reader = Reader::scim(profile);
    let mut patch = Patch { kind, profile, limits: path, reader, doc, external_id, writes: Vec::new() };
    for (index, operation) in list.into_iter().enumerate() {
        patch.operate(operation).map_err(|fault| at(index, fault))?;
    }
    let Patch { doc, writes, .. } = patch;
    check::unchanged(kind, &fixed, doc)?;
    check::document(kind, doc)?;
    Ok(fold(kind, writes))
}

/// A patch under way.
pub(super) struct Patch<'a> {
    pub kind: &'a ObjectType,
    pub profile: &'a Profile,
    pub limits: filter::Limits,
    pub reader: Reader,
    pub doc: &'a mut Map,
    pub external_id: &'a mut Option<String>,
    pub writes: Vec<ReferenceWrite>,
}

impl Patch<'_> {
    fn operate(&mut self, operation: Operation) -> Result<(), Fault> {
        let Operation { verb, path, value } = operation;
        match path {
            Some(path) => {
                let target = Target::resolve(self.kind, self.limits, &path)?;
                self.at(target, verb, value, true)
            }
            None => self.each(verb, value, None),
        }
    }

    // A value object without path: each key as an operation of its own, what may not be written left out.
    fn each(&mut self, verb: Verb, value: Value, schema: Option<usize>) -> Result<(), Fault> {
        let Value::Object(object) = value else {
            return Err(Fault::new(Kind::InvalidValue, "without an attribute in the path, value must be an object"));
        };
        for (key, value) in object {
            let name = match schema {
                Some(index @ 1..) => format!("{}:{key}", self.kind.schemas[index].id),
                _ => key,
            };
            let target = match self.kind.resolve(&name) {
                Some(Resolved::Attribute(path)) => Target::Attribute(path),
                Some(Resolved::Extension(index)) => Target::Schema(index),
                None if name.contains('[') => Target::resolve(self.kind, self.limits, &name)?,
                None => {
                    self.reader.unknown(&name)?;
                    continue;
                }
            };
            self.at(target, verb, value, false)?;
        }
        Ok(())
    }

    fn at(&mut self, target: Target, verb: Verb, value: Value, explicit: bool) -> Result<(), Fault> {
        let path = match &target {
            Target::Attribute(path) => *path,
            Target::Elements(elements) => elements.path,
            Target::Schema(index) if verb == Verb::Remove || value.is_null() => return self.clear_schema(*index),
            Target::Schema(index) => return self.each(verb, value, Some(*index)),
        };
        if !writable(self.kind, path) || self.kind.leaf(path).mutability == Mutability::ReadOnly {
            return if explicit { Err(self.refuse(path, "is readOnly")) } else { Ok(()) };
        }
        if path.home == Home::Common {
            return self.common(path, verb, value);
        }
        let attribute = self.kind.attribute(path);
        if verb == Verb::Remove && self.kind.leaf(path).required && !matches!(target, Target::Elements(_)) {
            return Err(self.refuse(path, "is required"));
        }
        match (target, reference::relationship_of(self.kind, attribute)) {
            (Target::Elements(elements), Some(relationship)) => self.relate_elements(elements, relationship, verb, value),
            (Target::Elements(elements), None) => self.store_elements(elements, verb, value),
            (_, Some(relationship)) => self.relate(path, relationship, verb, value),
            (_, None) => self.store(path, verb, value),
        }
    }

    // Of the common attributes externalId alone may be written.
    fn common(&mut self, path: AttrPath, verb: Verb, value: Value) -> Result<(), Fault> {
        let value = if verb == Verb::Remove { Value::Null } else { value };
        *self.external_id = external_id(&mut self.reader, self.kind, path, value)?;
        Ok(())
    }

    fn clear_schema(&mut self, index: usize) -> Result<(), Fault> {
        for attribute in 0..self.kind.schemas[index].attributes.len() {
            let path = AttrPath { home: Home::Schema(index), attribute, sub: None };
            if writable(self.kind, path) {
                self.at(Target::Attribute(path), Verb::Remove, Value::Null, true)?;
            }
        }
        Ok(())
    }

    pub(super) fn refuse(&self, path: AttrPath, rule: &str) -> Fault {
        check::mutability(At::path(self.kind, path), rule)
    }
}
