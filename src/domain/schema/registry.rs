//! The object types of a tenant: those of `schema/*.json` and what the tenant adds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::attribute::Attribute;
use super::definition::{Definition, Problem};
use super::notify;
use super::object_type::ObjectType;
use super::overlay::{self, Overlaid};
use super::relationship::{Backing, Relationship};
use super::rules;

/// The shipped types, in the order in which discovery lists them.
const SHIPPED: [&str; 7] = [
    include_str!("../../../schema/user.json"),
    include_str!("../../../schema/group.json"),
    include_str!("../../../schema/role.json"),
    include_str!("../../../schema/service_account.json"),
    include_str!("../../../schema/organization.json"),
    include_str!("../../../schema/assignment.json"),
    include_str!("../../../schema/internal_role.json"),
];

const COMMON: &str = include_str!("../../../schema/common.json");

/// What a tenant wrote of its types, by the name of the type.
pub type Own = BTreeMap<String, Value>;

/// All object types, by each name they go by.
#[derive(Debug, Clone)]
pub struct Registry {
    types: Vec<Arc<ObjectType>>,
    version: i64,
    shipped: Arc<Shipped>,
}

#[derive(Debug)]
struct Shipped {
    definitions: Vec<Definition>,
    common: Vec<Attribute>,
}

// One type with what of it is a tenant's.
struct Draft {
    definition: Definition,
    properties: Vec<String>,
    // Relationships that the tenant wrote here, which the types at their other ends do not say.
    own: Vec<Relationship>,
}

impl Registry {
    /// The types that Provost ships.
    ///
    /// # Errors
    /// When a schema file does not hold together; the tests see to it that the shipped ones do.
    pub fn shipped() -> Result<Self, Problem> {
        let read = |text: &str| serde_json::from_str(text).map_err(|e| Problem::new("schema", e.to_string()));
        let definitions: Vec<Definition> = SHIPPED.iter().map(|text| read(text)).collect::<Result<_, _>>()?;
        let common = serde_json::from_str(COMMON).map_err(|e| Problem::new("common attributes", e.to_string()))?;
        let shipped = Self { types: Vec::new(), version: 0, shipped: Arc::new(Shipped { definitions, common }) };
        shipped.with(&Own::new(), 0, &[])
    }

    /// The shipped types with what a tenant adds. `unfinished` are paths whose index rows are still being made.
    ///
    /// # Errors
    /// [`Problem`] that names the member and the rule.
    pub fn with(&self, own: &Own, version: i64, unfinished: &[(&str, &str)]) -> Result<Self, Problem> {
        let mut drafts = self.drafts(own)?;
        derive(&mut drafts)?;
        let mut types = Vec::with_capacity(drafts.len());
        for Draft { definition, properties, .. } in drafts {
            let mut kind = definition.build(self.shipped.common.clone())?;
            kind.version = version;
            let own: Vec<&str> = properties.iter().map(String::as_str).collect();
            rules::whole(&kind, &own)?;
            for (_, path) in unfinished.iter().filter(|(name, _)| *name == kind.name.as_str()).collect::<Vec<_>>() {
                if let Some(path) = kind.resolve_attribute(path) {
                    kind.leaf_mut(path).unfinished = true;
                }
            }
            types.push(Arc::new(kind));
        }
        rules::together(types.iter().map(AsRef::as_ref))?;
        let registry = Self { types, version, shipped: self.shipped.clone() };
        registry.check()?;
        Ok(registry)
    }

    fn drafts(&self, own: &Own) -> Result<Vec<Draft>, Problem> {
        let shipped = &self.shipped.definitions;
        let mut drafts = Vec::with_capacity(shipped.len() + own.len());
        for definition in shipped {
            drafts.push(match own.get(&definition.name) {
                None => Draft { definition: definition.clone(), properties: Vec::new(), own: Vec::new() },
                Some(given) => {
                    let Overlaid { definition, schemas, properties, relationships } = overlay::lay(definition, given)?;
                    schemas.iter().try_for_each(|index| rules::own_schema(&definition.schemas[*index], false))?;
                    let properties = properties.into_iter().map(|p| p.name).collect();
                    Draft { definition, properties, own: relationships }
                }
            });
        }
        let fresh = own.iter().filter(|(name, _)| !shipped.iter().any(|d| d.name == **name));
        if fresh.clone().count() > rules::MAX_TYPES {
            return Err(Problem::new("name", format!("a tenant has at most {} types of its own", rules::MAX_TYPES)));
        }
        for (name, given) in fresh {
            let mut definition = Definition::parse(given)?;
            if definition.name.is_empty() {
                definition.name.clone_from(name);
            }
            if definition.name != *name {
                return Err(Problem::new("name", format!("of this type it is '{name}'")));
            }
            rules::complete(&mut definition);
            rules::own_type(&definition)?;
            let relationships = std::mem::take(&mut definition.relationships);
            let properties = definition.properties.iter().map(|p| p.name.clone()).collect();
            drafts.push(Draft { definition, properties, own: relationships.into_iter().filter(|r| !r.derived).collect() });
        }
        Ok(drafts)
    }

    /// Whether a type of this name is shipped.
    pub fn is_shipped(&self, name: &str) -> bool {
        self.shipped.definitions.iter().any(|d| d.name == name)
    }

    /// Counts the changes of the tenant's types; 0 for the shipped ones.
    pub const fn version(&self) -> i64 {
        self.version
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
    fn check(&self) -> Result<(), Problem> {
        for here in &self.types {
            for r in &here.relationships {
                for other in r.types.iter().filter(|_| !r.reverse.is_empty()) {
                    let fits = self.by_name(other).and_then(|t| {
                        t.relationships.iter().find(|o| {
                            o.name == r.reverse
                                && o.relation == r.relation
                                && o.side == r.side.other()
                                && o.types.contains(&here.name)
                        })
                    });
                    if fits.is_none() {
                        let rule = format!("has no counterpart '{}' in '{other}'", r.reverse);
                        return Err(Problem::new(format!("relationships.{}", r.name), rule));
                    }
                }
            }
            for (_, attribute) in here.paths() {
                if let Some(name) = &attribute.relationship
                    && here.relationship(name).is_none()
                {
                    return Err(Problem::new(format!("attributes.{}", attribute.name), "names no relationship"));
                }
            }
        }
        notify::check(self)
    }
}

// A relationship is written on one of the types that it joins; the others see it from their side.
fn derive(drafts: &mut [Draft]) -> Result<(), Problem> {
    for index in 0..drafts.len() {
        let kind = drafts[index].definition.name.clone();
        let mut own = std::mem::take(&mut drafts[index].own);
        for one in &mut own {
            if one.relation.is_empty() {
                one.relation = format!("{kind}_{}", one.name);
            }
        }
        rules::own_relationships(&kind, &own)?;
        for one in own {
            let member = format!("relationships.{}", one.name);
            let known = |d: &Draft| d.definition.relationships.iter().any(|r| r.relation == one.relation);
            if drafts.iter().any(known) {
                return Err(Problem::new(format!("{member}.relation"), format!("there is a relation '{}'", one.relation)));
            }
            for name in &one.types {
                let Some(other) = drafts.iter_mut().find(|d| d.definition.name == *name) else {
                    return Err(Problem::new(format!("{member}.types"), format!("there is no type '{name}'")));
                };
                if one.reverse.is_empty() {
                    continue;
                }
                other.definition.relationships.push(Relationship {
                    name: one.reverse.clone(),
                    relation: one.relation.clone(),
                    side: one.side.other(),
                    reverse: one.name.clone(),
                    types: vec![kind.clone()],
                    many: one.reverse_many,
                    reverse_many: one.many,
                    derived: true,
                    moves_rev: false,
                    acyclic: one.acyclic,
                    backing: Backing::Reference,
                    scim_writable: false,
                    blocks_deletion: false,
                    notify_self: false,
                    notify: false,
                    notify_relationships: Vec::new(),
                    description: format!("{kind}: {}", one.name),
                });
            }
            drafts[index].definition.relationships.push(one);
        }
    }
    Ok(())
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
        let shipped = ["user", "group", "role", "service_account", "organization", "assignment", "internal_role"];
        assert_eq!(names, shipped);
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
