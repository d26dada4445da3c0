//! The object types of a tenant, read from `schema/*.json`.

use std::sync::Arc;

use serde::Deserialize;

use super::attribute::Attribute;
use super::object_type::{IdmForm, IdmProperty, ObjectType, Schema};
use super::relationship::Relationship;

/// The shipped types, in the order in which discovery lists them.
const SHIPPED: [(&str, &str); 3] = [
    ("user", include_str!("../../../schema/user.json")),
    ("group", include_str!("../../../schema/group.json")),
    ("role", include_str!("../../../schema/role.json")),
];

const COMMON: &str = include_str!("../../../schema/common.json");

/// A schema file that does not hold together.
#[derive(Debug, thiserror::Error)]
#[error("object type '{name}': {reason}")]
pub struct SchemaError {
    name: String,
    reason: String,
}

/// All object types, by each name they go by.
#[derive(Debug, Clone)]
pub struct Registry {
    types: Vec<Arc<ObjectType>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TypeFile {
    name: String,
    resource: String,
    endpoint: String,
    #[serde(default)]
    description: String,
    label: String,
    schemas: Vec<Schema>,
    collection: String,
    properties: Vec<PropertyFile>,
    #[serde(default)]
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PropertyFile {
    name: String,
    path: String,
    #[serde(default)]
    form: IdmForm,
}

impl Registry {
    /// The types that Provost ships.
    ///
    /// # Errors
    /// When a schema file does not hold together; the tests see to it that the shipped ones do.
    pub fn shipped() -> Result<Self, SchemaError> {
        let types = SHIPPED.iter().map(|(name, text)| parse(name, text).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let registry = Self { types };
        registry.check()?;
        Ok(registry)
    }

    /// All types, in the order of discovery.
    pub fn types(&self) -> impl Iterator<Item = &Arc<ObjectType>> {
        self.types.iter()
    }

    /// By internal name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<ObjectType>> {
        self.types.iter().find(|t| t.name == name)
    }

    /// By SCIM endpoint without its slash (`Users`), compared exactly.
    pub fn by_endpoint(&self, segment: &str) -> Option<&Arc<ObjectType>> {
        self.types.iter().find(|t| t.endpoint.strip_prefix('/') == Some(segment))
    }

    /// By SCIM resource name (`User`), compared without case.
    pub fn by_resource(&self, name: &str) -> Option<&Arc<ObjectType>> {
        self.types.iter().find(|t| t.resource.eq_ignore_ascii_case(name))
    }

    /// By IDM collection (`managed/user`).
    pub fn by_collection(&self, collection: &str) -> Option<&Arc<ObjectType>> {
        self.types.iter().find(|t| t.collection == collection)
    }

    // Both sides of a relation must agree.
    fn check(&self) -> Result<(), SchemaError> {
        for here in &self.types {
            for r in &here.relationships {
                for other in &r.types {
                    let fits = self.by_name(other).and_then(|t| {
                        t.relationships.iter().find(|o| {
                            o.name == r.reverse
                                && o.relation == r.relation
                                && o.side == r.side.other()
                                && o.types.contains(&here.name)
                        })
                    });
                    if fits.is_none() {
                        return Err(SchemaError {
                            name: here.name.clone(),
                            reason: format!("relationship '{}' has no counterpart '{}' in '{other}'", r.name, r.reverse),
                        });
                    }
                }
            }
            for (_, attribute) in here.paths() {
                if let Some(name) = &attribute.relationship
                    && here.relationship(name).is_none()
                {
                    return Err(SchemaError {
                        name: here.name.clone(),
                        reason: format!("attribute '{}' names no relationship", attribute.name),
                    });
                }
            }
        }
        Ok(())
    }
}

fn parse(name: &str, text: &str) -> Result<ObjectType, SchemaError> {
    let fail = |reason: String| SchemaError { name: name.to_owned(), reason };
    let file: TypeFile = serde_json::from_str(text).map_err(|e| fail(e.to_string()))?;
    let common: Vec<Attribute> = serde_json::from_str(COMMON).map_err(|e| fail(format!("common attributes: {e}")))?;
    if file.schemas.is_empty() {
        return Err(fail("it has no schema".to_owned()));
    }
    let mut out = ObjectType {
        label: super::path::AttrPath { home: super::path::Home::Schema(0), attribute: 0, sub: None },
        name: file.name,
        resource: file.resource,
        endpoint: file.endpoint,
        description: file.description,
        schemas: file.schemas,
        common,
        collection: file.collection,
        properties: Vec::new(),
        relationships: file.relationships,
    };
    let resolve = |path: &str| out.resolve_attribute(path).ok_or_else(|| fail(format!("no attribute '{path}'")));
    let label = resolve(&file.label)?;
    let properties = file
        .properties
        .into_iter()
        .map(|p| Ok(IdmProperty { path: resolve(&p.path)?, name: p.name, form: p.form }))
        .collect::<Result<_, _>>()?;
    out.label = label;
    out.properties = properties;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::path::Resolved;
    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    #[test]
    fn the_shipped_types_hold_together() {
        let registry = Registry::shipped().unwrap();
        let names: Vec<_> = registry.types().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["user", "group", "role"]);
    }

    #[test]
    fn paths_resolve_in_any_case_and_print_canonically() {
        let registry = Registry::shipped().unwrap();
        let user = registry.by_name("user").unwrap();
        for (given, canonical) in [
            ("USERNAME", "userName"),
            ("name.FamilyName", "name.familyName"),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName", "userName"),
            ("URN:ietf:params:scim:schemas:core:2.0:user:name.givenName", "name.givenName"),
            ("meta.lastModified", "meta.lastModified"),
            ("externalid", "externalId"),
        ] {
            let path = user.resolve_attribute(given).unwrap_or_else(|| panic!("{given}"));
            assert_eq!(user.path_text(path), canonical);
        }
        let manager = user.resolve_attribute(&format!("{ENTERPRISE}:manager.value")).unwrap();
        assert_eq!(user.path_text(manager), format!("{ENTERPRISE}:manager.value"));
        assert_eq!(user.resolve(ENTERPRISE), Some(Resolved::Extension(1)));
        for wrong in
            ["department", "name.nope", "userName.value", "", ".", "urn:nope:a", "urn:ietf:params:scim:schemas:core:2.0:User:"]
        {
            assert_eq!(user.resolve(wrong), None, "{wrong}");
        }
    }
}
