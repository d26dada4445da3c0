//! `_fields`: which properties an answer holds, and which references are expanded (spec/idm.md §1.3).

use std::collections::BTreeMap;

use crate::domain::schema::{ObjectType, Returned};

/// What is wanted of the objects at the far end of a relationship.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expansion {
    /// All their default properties.
    pub all: bool,
    /// These.
    pub named: Vec<String>,
}

/// A parsed `_fields`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    /// All properties that are stored with the object.
    pub defaults: bool,
    /// These properties.
    pub named: Vec<String>,
    /// Relationships, each as bare references or with parts of their targets.
    pub relationships: BTreeMap<String, Expansion>,
    /// What is wanted of the roles in effect, where they are shown.
    pub effective_roles: Expansion,
}

/// Property name of the roles in effect.
pub const EFFECTIVE_ROLES: &str = "effectiveRoles";

impl Fields {
    /// Reads a comma-separated list of JSON pointers; unknown names select nothing.
    pub fn parse(kind: &ObjectType, text: Option<&str>) -> Self {
        let mut out = Self::default();
        let mut any = false;
        for field in text.unwrap_or_default().split(',').map(str::trim).filter(|f| !f.is_empty()) {
            any = true;
            let mut parts = field.trim_start_matches('/').split('/');
            let head = parts.next().unwrap_or_default();
            let rest: Vec<&str> = parts.collect();
            match head {
                "*" => out.defaults = true,
                "*_ref" => {
                    for relationship in &kind.relationships {
                        out.expand(&relationship.name, true, &rest);
                    }
                }
                name => match kind.relationship(name) {
                    Some(relationship) => out.expand(name, relationship.many, &rest),
                    None => {
                        if name == EFFECTIVE_ROLES {
                            out.effective_roles.add(true, &rest);
                        }
                        out.named.push(name.to_owned());
                    }
                },
            }
        }
        out.defaults |= !any;
        out
    }

    fn expand(&mut self, name: &str, many: bool, rest: &[&str]) {
        self.relationships.entry(name.to_owned()).or_default().add(many, rest);
    }

    /// Whether a property stored with the object is wanted.
    pub fn wants(&self, property: &str) -> bool {
        self.defaults || self.named.iter().any(|n| n == property)
    }
}

impl Fields {
    /// Whether a property that shows an attribute is wanted, and may be shown: what is returned on request must be named.
    pub fn shows(&self, kind: &ObjectType, name: &str) -> bool {
        match kind.property(name).map(|p| (kind.attribute(p.path).returned, kind.leaf(p.path).returned)) {
            Some((Returned::Never, _) | (_, Returned::Never)) => false,
            Some((Returned::Request, _) | (_, Returned::Request)) => self.named.iter().any(|n| n == name),
            _ => self.wants(name),
        }
    }
}

impl Expansion {
    // `roles`, `roles/*`, `roles/*/name`; of a singleton also `manager/mail`.
    fn add(&mut self, many: bool, rest: &[&str]) {
        match rest {
            [] => {}
            ["*"] => self.all = true,
            ["*", field, ..] => self.named.push((*field).to_owned()),
            [field, ..] if !many => self.named.push((*field).to_owned()),
            _ => {}
        }
    }

    /// Whether targets have to be loaded.
    pub fn is_wanted(&self) -> bool {
        self.all || !self.named.is_empty()
    }

    /// The same wish as fields of the target.
    pub fn fields(&self) -> Fields {
        Fields { defaults: self.all, named: self.named.clone(), ..Fields::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::Registry;

    #[test]
    fn the_table_of_the_specification() {
        let registry = Registry::shipped().unwrap();
        let user = registry.by_name("user").unwrap();
        let parse = |text: &str| Fields::parse(user, Some(text));
        assert!(parse("").defaults && parse("").relationships.is_empty());
        assert!(parse("*").defaults);
        assert_eq!(parse("roles").relationships["roles"], Expansion::default());
        assert!(!parse("roles").defaults);
        assert_eq!(parse("*_ref").relationships.len(), user.relationships.len());
        assert!(parse("*,roles/*").relationships["roles"].all);
        assert_eq!(parse("roles/*/name").relationships["roles"].named, ["name"]);
        assert_eq!(parse("/manager/mail").relationships["manager"].named, ["mail"]);
        assert!(parse("*_ref/*").relationships["manager"].all);
        assert_eq!(parse("effectiveRoles/*/name").effective_roles.named, ["name"]);
        assert!(parse("effectiveRoles/*/name").wants(EFFECTIVE_ROLES) && !parse("effectiveRoles").effective_roles.is_wanted());
        assert!(parse("userName").wants("userName") && !parse("userName").wants("mail"));
    }
}
