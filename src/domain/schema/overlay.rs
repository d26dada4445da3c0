//! What a tenant adds to a shipped type: extensions, properties and relationships, and demands that are raised.

use serde_json::Value;

use super::attribute::{Attribute, Uniqueness};
use super::definition::{Definition, Problem, Property, attribute as written};
use super::object_type::Schema;
use super::relationship::Relationship;

/// A shipped type with a tenant's additions.
pub(super) struct Overlaid {
    /// The whole, without relationships that are the tenant's.
    pub definition: Definition,
    /// Extensions of the tenant's, by index.
    pub schemas: Vec<usize>,
    /// Properties of the tenant's.
    pub properties: Vec<Property>,
    /// Relationships of the tenant's.
    pub relationships: Vec<Relationship>,
}

/// Lays `given` over a shipped type. What is shipped may be repeated, and stays when it is left out.
pub(super) fn lay(shipped: &Definition, given: &Value) -> Result<Overlaid, Problem> {
    let read = Definition::parse(given)?;
    for (member, mine, theirs) in [
        ("name", &read.name, &shipped.name),
        ("resource", &read.resource, &shipped.resource),
        ("endpoint", &read.endpoint, &shipped.endpoint),
        ("description", &read.description, &shipped.description),
        ("label", &read.label, &shipped.label),
        ("collection", &read.collection, &shipped.collection),
    ] {
        if !mine.is_empty() && mine != theirs {
            return Err(Problem::new(member, format!("of a shipped type it is '{theirs}' and stays so")));
        }
    }
    if read.privileged && !shipped.privileged {
        return Err(Problem::new("privileged", "of a shipped type it stays as shipped"));
    }
    let mut definition = shipped.clone();
    let mut schemas = Vec::new();
    for (index, schema) in read.schemas.into_iter().enumerate() {
        match definition.schemas.iter_mut().find(|s| s.id.eq_ignore_ascii_case(&schema.id)) {
            Some(known) if shipped.schemas.iter().any(|s| s.id == known.id) => {
                raise_all(known, &given["schemas"][index]["attributes"])?;
            }
            Some(_) => return Err(Problem::new(format!("schemas.{}", schema.id), "is given twice")),
            None => {
                schemas.push(definition.schemas.len());
                definition.schemas.push(schema);
            }
        }
    }
    let mut properties = Vec::new();
    for property in read.properties {
        match shipped.properties.iter().find(|p| p.name == property.name) {
            None => properties.push(property),
            Some(known) if known.path.eq_ignore_ascii_case(&property.path) && known.form == property.form => {}
            Some(_) => {
                return Err(Problem::new(format!("properties.{}", property.name), "is shipped, and stays as it is"));
            }
        }
    }
    definition.properties.extend(properties.iter().cloned());
    let mut relationships = Vec::new();
    for relationship in read.relationships.into_iter().filter(|r| !r.derived) {
        match shipped.relationships.iter().find(|r| r.name == relationship.name) {
            None => relationships.push(relationship),
            Some(known) if *known == relationship => {}
            Some(_) => {
                return Err(Problem::new(format!("relationships.{}", relationship.name), "is shipped, and stays as it is"));
            }
        }
    }
    Ok(Overlaid { definition, schemas, properties, relationships })
}

fn raise_all(schema: &mut Schema, given: &Value) -> Result<(), Problem> {
    for value in given.as_array().into_iter().flatten() {
        let name = value["name"].as_str().unwrap_or_default();
        let member = format!("schemas.{}.attributes.{name}", schema.id);
        let Some(known) = schema.attributes.iter_mut().find(|a| a.name.eq_ignore_ascii_case(name)) else {
            return Err(Problem::new(member, "a shipped schema takes no attributes; put them under a URN of your own"));
        };
        raise(known, value, &member)?;
    }
    Ok(())
}

// Each member that is given is as shipped, or asks more.
fn raise(known: &mut Attribute, given: &Value, member: &str) -> Result<(), Problem> {
    let shipped = written(known);
    let Some(given) = given.as_object() else { return Ok(()) };
    for (name, value) in given {
        if shipped.get(name) == Some(value) || name == "name" {
            continue;
        }
        let member = format!("{member}.{name}");
        let stays = || Problem::new(&member, "of a shipped attribute it stays as shipped");
        // Before they are told, such an attribute has no rows of its own.
        let plain = known.relationship.is_none() && !known.discarded && known.sub_attributes.is_empty();
        match (name.as_str(), value) {
            ("subAttributes", Value::Array(subs)) => {
                for sub in subs {
                    let name = sub["name"].as_str().unwrap_or_default();
                    let member = format!("{member}.{name}");
                    let found = known.sub_attributes.iter_mut().find(|a| a.name.eq_ignore_ascii_case(name));
                    raise(found.ok_or_else(|| Problem::new(&member, "a shipped attribute takes no parts"))?, sub, &member)?;
                }
            }
            // What is false by default may be said.
            ("indexed" | "sensitive" | "discarded" | "generated" | "json", Value::Bool(false)) if shipped.get(name).is_none() => {
            }
            ("indexed", Value::Bool(true)) if plain => known.indexed = true,
            ("required", Value::Bool(true)) if known.relationship.is_none() && !known.discarded => known.required = true,
            ("uniqueness", Value::String(text)) if plain && known.uniqueness != Uniqueness::Global => {
                known.uniqueness = match text.as_str() {
                    "server" if known.uniqueness == Uniqueness::None => Uniqueness::Server,
                    "global" => Uniqueness::Global,
                    _ => return Err(stays()),
                };
            }
            _ => return Err(stays()),
        }
    }
    Ok(())
}
