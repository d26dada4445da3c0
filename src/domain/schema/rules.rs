//! What a tenant's definitions must keep to, beyond what every type does (RFC 7643 §2.1, §2.2, §7).

use std::collections::BTreeSet;

use super::attribute::{Attribute, AttributeType, Mutability, Returned, Uniqueness};
use super::definition::{Definition, Problem};
use super::object_type::{IdmForm, ObjectType, Schema};
use super::path::Home;
use super::relationship::{Backing, Relationship};
use crate::domain::document::reader::{At, Reader};

/// Most types of a tenant's own.
pub const MAX_TYPES: usize = 100;
const MAX_SCHEMAS: usize = 20;
const MAX_ATTRIBUTES: usize = 200;
const MAX_PARTS: usize = 50;
const MAX_INDEXED: usize = 64;
const MAX_PROPERTIES: usize = 500;
const MAX_RELATIONSHIPS: usize = 50;
const MAX_CANONICAL: usize = 200;
const MAX_NAME: usize = 64;
const MAX_URN: usize = 255;
const MAX_TEXT: usize = 1_000;

/// Attributes that every resource has, and so none of a tenant's is called.
const COMMON: [&str; 4] = ["schemas", "id", "externalId", "meta"];

/// Endpoints that are SCIM's own (RFC 7644 §3.2, §3.11, §4).
const ENDPOINTS: [&str; 5] = ["Bulk", "Me", "Schemas", "ResourceTypes", "ServiceProviderConfig"];

/// Properties that IDM works out.
const COMPUTED: [&str; 2] = ["effectiveRoles", "effectiveAssignments"];

/// URNs that are SCIM's own begin so.
const MESSAGES: &str = "urn:ietf:params:scim:api:";
const DISCOVERY: [&str; 3] = ["ServiceProviderConfig", "ResourceType", "Schema"];

type Checked = Result<(), Problem>;

fn fail(member: impl Into<String>, rule: impl Into<String>) -> Checked {
    Err(Problem::new(member, rule))
}

// RFC 7643 §2.1: ATTRNAME.
fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn name(member: &str, text: &str) -> Checked {
    if is_name(text) {
        return Ok(());
    }
    fail(member, format!("a letter, then letters, digits, '-' and '_'; at most {MAX_NAME} characters"))
}

fn at_most(member: &str, count: usize, most: usize) -> Checked {
    if count <= most { Ok(()) } else { fail(member, format!("at most {most}, and there are {count}")) }
}

fn text(member: &str, text: &str) -> Checked {
    match text.chars().count() {
        0..=MAX_TEXT if !text.contains('\0') => Ok(()),
        _ => fail(member, format!("at most {MAX_TEXT} characters, and no U+0000")),
    }
}

/// Fills in what may be left out of a type of a tenant's own.
pub(super) fn complete(definition: &mut Definition) {
    if definition.collection.is_empty() {
        definition.collection = format!("managed/{}", definition.name);
    }
    if definition.label.is_empty()
        && let Some(core) = definition.schemas.first()
        && let Some(usual) = ["displayName", "name"].into_iter().find(|n| core.attributes.iter().any(|a| a.name == *n))
    {
        definition.label = usual.to_owned();
    }
}

/// Checks a type of a tenant's own in itself.
pub(super) fn own_type(definition: &Definition) -> Checked {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let kind = &definition.name;
    if !kind.starts_with(|c: char| c.is_ascii_lowercase()) || kind.len() > MAX_NAME || !kind.bytes().all(plain) {
        return fail("name", format!("a lower-case letter, then lower-case letters, digits and '_'; at most {MAX_NAME}"));
    }
    name("resource", &definition.resource)?;
    match definition.endpoint.strip_prefix('/') {
        Some(segment) => name("endpoint", segment)?,
        None => return fail("endpoint", "a slash and one name, like '/Devices'"),
    }
    let segment = &definition.endpoint[1..];
    if ENDPOINTS.iter().any(|own| own.eq_ignore_ascii_case(segment)) {
        return fail("endpoint", format!("'/{segment}' is SCIM's own"));
    }
    if definition.collection != format!("managed/{kind}") {
        return fail("collection", format!("of this type it is 'managed/{kind}'"));
    }
    text("description", &definition.description)?;
    if definition.privileged {
        return fail("privileged", "is for shipped types");
    }
    if definition.label.is_empty() {
        return fail("label", "names the attribute that stands for an object among people");
    }
    for (index, schema) in definition.schemas.iter().enumerate() {
        own_schema(schema, index == 0)?;
    }
    at_most("properties", definition.properties.len(), MAX_PROPERTIES)
}

/// Checks a schema of a tenant's own.
pub(super) fn own_schema(schema: &Schema, core: bool) -> Checked {
    let member = format!("schemas.{}", schema.id);
    urn(&format!("{member}.id"), &schema.id)?;
    if schema.name.is_empty() {
        return fail(format!("{member}.name"), "a schema has a name");
    }
    text(&format!("{member}.name"), &schema.name)?;
    text(&format!("{member}.description"), &schema.description)?;
    if schema.required {
        return fail(format!("{member}.required"), "is not offered; say 'required' of attributes");
    }
    if schema.attributes.is_empty() {
        return fail(
            format!("{member}.attributes"),
            if core { "a type has an attribute" } else { "an extension has an attribute" },
        );
    }
    at_most(&format!("{member}.attributes"), schema.attributes.len(), MAX_ATTRIBUTES)?;
    for attribute in &schema.attributes {
        if COMMON.iter().any(|own| own.eq_ignore_ascii_case(&attribute.name)) {
            return fail(format!("{member}.attributes.{}", attribute.name), "every resource has an attribute of this name");
        }
    }
    attributes(&format!("{member}.attributes"), &schema.attributes)
}

// RFC 8141 §2, as far as SCIM needs it.
fn urn(member: &str, id: &str) -> Checked {
    let mut parts = id.splitn(3, ':');
    let scheme = parts.next().is_some_and(|s| s.eq_ignore_ascii_case("urn"));
    let space = parts.next().is_some_and(|s| {
        (2..=32).contains(&s.len()) && !s.starts_with('-') && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    let rest = parts.next().is_some_and(|s| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b);
        !s.is_empty() && !s.ends_with(':') && s.bytes().all(fits)
    });
    if !(scheme && space && rest && id.len() <= MAX_URN) {
        return fail(member, format!("a URN like 'urn:acme:scim:schemas:extension:2.0:User', at most {MAX_URN} characters"));
    }
    let lower = id.to_ascii_lowercase();
    let discovery =
        DISCOVERY.iter().any(|own| lower == format!("urn:ietf:params:scim:schemas:core:2.0:{own}").to_ascii_lowercase());
    if lower.starts_with(MESSAGES) || discovery { fail(member, "is SCIM's own") } else { Ok(()) }
}

fn attributes(member: &str, all: &[Attribute]) -> Checked {
    let mut names = BTreeSet::new();
    for one in all {
        let member = format!("{member}.{}", one.name);
        if !names.insert(one.name.to_ascii_lowercase()) {
            return fail(member, "the name is given twice; names compare without case");
        }
        attribute(&member, one)?;
    }
    Ok(())
}

fn attribute(member: &str, one: &Attribute) -> Checked {
    let at = |name: &str| format!("{member}.{name}");
    let is_part = member.contains(".subAttributes.");
    if !(is_part && one.name == "$ref") {
        name(&at("name"), &one.name)?;
    }
    text(&at("description"), &one.description)?;
    let complex = one.kind == AttributeType::Complex;
    if complex && is_part {
        return fail(at("type"), "a complex attribute cannot stand within another");
    }
    if complex == one.sub_attributes.is_empty() {
        return fail(
            at("subAttributes"),
            if complex { "a complex attribute has parts" } else { "only a complex attribute has parts" },
        );
    }
    at_most(&at("subAttributes"), one.sub_attributes.len(), MAX_PARTS)?;
    let textual = one.kind == AttributeType::String;
    if !one.canonical_values.is_empty() && !textual {
        return fail(at("canonicalValues"), "only text has them");
    }
    at_most(&at("canonicalValues"), one.canonical_values.len(), MAX_CANONICAL)?;
    one.canonical_values.iter().try_for_each(|value| text(&at("canonicalValues"), value))?;
    if !one.reference_types.is_empty() && one.kind != AttributeType::Reference {
        return fail(at("referenceTypes"), "only a reference has them");
    }
    at_most(&at("referenceTypes"), one.reference_types.len(), MAX_PARTS)?;
    one.reference_types.iter().try_for_each(|value| text(&at("referenceTypes"), value))?;
    if one.discarded {
        return fail(at("discarded"), "is for passwords alone");
    }
    if one.generated {
        return fail(at("generated"), "is for shipped types");
    }
    if one.json {
        return fail(at("json"), "is for shipped types");
    }
    if (one.mutability == Mutability::WriteOnly) && one.returned != Returned::Never {
        return fail(at("returned"), "of a writeOnly attribute it is 'never' (RFC 7643 §2.2)");
    }
    if one.mutability == Mutability::ReadOnly && one.required && one.relationship.is_none() && !is_part {
        return fail(at("required"), "a client could not set a readOnly attribute");
    }
    if one.mutability == Mutability::Immutable && is_part && one.default.is_some() {
        return fail(at("default"), "parts have no default");
    }
    if one.uniqueness != Uniqueness::None && (complex || one.kind == AttributeType::Boolean) {
        return fail(at("uniqueness"), "a complex attribute or a boolean is not unique");
    }
    if one.indexed && complex {
        return fail(at("indexed"), "a complex attribute has no value of its own; index its parts");
    }
    default(&at("default"), one, is_part)?;
    if let Some(relationship) = &one.relationship {
        if is_part || !complex || one.indexed || one.uniqueness != Uniqueness::None || one.default.is_some() || one.required {
            let rule =
                format!("a view of '{relationship}' is a complex attribute of its own, neither indexed, unique nor required");
            return fail(at("relationship"), rule);
        }
        let known = ["value", "$ref", "type", "display"];
        if let Some(other) = one.sub_attributes.iter().find(|s| !known.contains(&s.name.as_str())) {
            return fail(at(&format!("subAttributes.{}", other.name)), "a reference has value, $ref, type and display");
        }
        if one.sub("value").is_none() {
            return fail(at("subAttributes"), "a reference has a value");
        }
    }
    attributes(&at("subAttributes"), &one.sub_attributes)
}

fn default(member: &str, one: &Attribute, is_part: bool) -> Checked {
    let Some(value) = &one.default else { return Ok(()) };
    if is_part || one.kind == AttributeType::Complex {
        return fail(member, "a complex attribute and its parts have no default");
    }
    if one.uniqueness != Uniqueness::None {
        return fail(member, "what is unique has no default");
    }
    match Reader::idm().attribute(one, At::property(&one.name), value.clone()) {
        Ok(Some(read)) if read == *value => Ok(()),
        Ok(_) => fail(member, "is not in the form in which it would be stored"),
        Err(fault) => fail(member, fault.detail.to_string()),
    }
}

/// Checks the relationships of a tenant's own, on a type of this name.
pub(super) fn own_relationships(kind: &str, all: &[Relationship]) -> Checked {
    at_most("relationships", all.len(), MAX_RELATIONSHIPS)?;
    for one in all {
        let at = |part: &str| format!("relationships.{}.{part}", one.name);
        name(&at("name"), &one.name)?;
        if one.reverse.is_empty() {
            if !one.reverse_many {
                return fail(at("reverseMany"), "how many see it from there needs a 'reverse' to see it by");
            }
        } else {
            name(&at("reverse"), &one.reverse)?;
        }
        name(&at("relation"), &one.relation)?;
        text(&at("description"), &one.description)?;
        if one.types.is_empty() {
            return fail(at("types"), "names the object types at the other end");
        }
        if one.types.iter().collect::<BTreeSet<_>>().len() < one.types.len() {
            return fail(at("types"), "a type is given twice");
        }
        if one.backing == Backing::Grant {
            return fail(at("backing"), "grants are shipped");
        }
        if one.acyclic && !one.types.iter().any(|t| t == kind) {
            return fail(at("acyclic"), "a cycle needs the type itself at the other end");
        }
    }
    Ok(())
}

/// Checks what can be told of a whole type only: its names against one another, and what its properties show. `own` are the
/// names of the tenant's properties.
pub(super) fn whole(kind: &ObjectType, own: &[&str]) -> Checked {
    at_most("schemas", kind.schemas.len(), MAX_SCHEMAS)?;
    let indexed = kind.paths().filter(|(_, a)| a.indexed || a.uniqueness != Uniqueness::None).count();
    at_most("indexed or unique attributes", indexed, MAX_INDEXED)?;
    for (index, one) in kind.schemas.iter().enumerate() {
        for other in &kind.schemas[..index] {
            let (a, b) = (one.id.to_ascii_lowercase(), other.id.to_ascii_lowercase());
            if a == b || a.starts_with(&format!("{b}:")) || b.starts_with(&format!("{a}:")) {
                let rule = format!("it cannot be told from '{}', or from an attribute of it", other.id);
                return fail(format!("schemas.{}.id", one.id), rule);
            }
        }
    }
    let label = kind.leaf(kind.label);
    let shown =
        label.kind == AttributeType::String && !label.multi_valued && label.returned != Returned::Never && !label.sensitive;
    if !shown || kind.label.sub.is_some() || kind.label.home == Home::Common {
        return fail("label", "is one text of the type's own, and is shown");
    }
    let mut names: BTreeSet<String> = COMPUTED.iter().map(|n| n.to_ascii_lowercase()).collect();
    let properties = kind.properties.iter().map(|p| ("properties", &p.name));
    let relationships = kind.relationships.iter().map(|r| ("relationships", &r.name));
    for (list, name) in properties.chain(relationships) {
        if !names.insert(name.to_ascii_lowercase()) {
            return fail(format!("{list}.{name}"), "another property or relationship has this name; names compare without case");
        }
    }
    for property in kind.properties.iter().filter(|p| own.contains(&p.name.as_str())) {
        let at = |part: &str| format!("properties.{}.{part}", property.name);
        name(&at("name"), &property.name)?;
        let (attribute, leaf) = (kind.attribute(property.path), kind.leaf(property.path));
        if property.path.home == Home::Common || attribute.relationship.is_some() || leaf.discarded {
            return fail(at("path"), "a property shows a stored attribute");
        }
        if kind.properties.iter().any(|p| p.path == property.path && p.name != property.name) {
            return fail(at("path"), "another property shows this attribute");
        }
        let listed = attribute.multi_valued && property.path.sub.is_some();
        let one = |of: AttributeType| leaf.kind == of && !leaf.multi_valued && !listed;
        let fits = match property.form {
            IdmForm::Plain | IdmForm::Shown => !listed,
            IdmForm::Element => listed,
            IdmForm::Status => one(AttributeType::Boolean),
            IdmForm::Source => one(AttributeType::String),
            IdmForm::Discarded => false,
        };
        if !fits {
            return fail(at("form"), "does not fit the attribute; a part of a list takes the form 'element'");
        }
    }
    for (_, attribute) in kind.paths() {
        let Some(name) = &attribute.relationship else { continue };
        let at = format!("attributes.{}.relationship", attribute.name);
        match kind.relationship(name) {
            None => return fail(at, format!("there is no relationship '{name}'")),
            Some(r) if r.many != attribute.multi_valued => {
                return fail(at, format!("'{name}' holds {}", if r.many { "many" } else { "one" }));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Checks the names of types against one another.
pub(super) fn together<'a>(types: impl Iterator<Item = &'a ObjectType>) -> Checked {
    let mut seen: BTreeSet<(&str, String)> = BTreeSet::new();
    for kind in types {
        let names =
            [("name", &kind.name), ("resource", &kind.resource), ("endpoint", &kind.endpoint), ("collection", &kind.collection)];
        // What SCIM does not offer has no endpoint.
        for (member, name) in names.into_iter().filter(|(_, name)| !name.is_empty()) {
            if !seen.insert((member, name.to_ascii_lowercase())) {
                return fail(member, format!("another type has '{name}'"));
            }
        }
        for schema in &kind.schemas {
            if !seen.insert(("schema", schema.id.to_ascii_lowercase())) {
                return fail(format!("schemas.{}.id", schema.id), "another type has this schema");
            }
        }
    }
    Ok(())
}
