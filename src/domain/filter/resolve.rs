//! From path texts to attributes: what a filter as written means for one object type.

use std::sync::Arc;

use super::ast::{Expr, Literal, Op};
use super::{CompareOp, Filter, Operand, Pick, Target};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::normal;
use crate::domain::schema::path::Resolved;
use crate::domain::schema::{AttrPath, Attribute, AttributeType, IdmForm, ObjectType, Returned};

/// Whose names a filter uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SCIM attributes.
    Scim,
    /// IDM properties.
    Idm,
}

/// What a filter means for an object type. An attribute of a schema that the type does not have counts as unassigned.
///
/// # Errors
/// `InvalidFilter` when a name is unknown, or an operator or value does not fit the attribute; `Sensitive` when a name may not
/// be asked for.
pub fn resolve(expr: &Expr, kind: &ObjectType, dialect: Dialect) -> Result<Filter, Fault> {
    Resolver { kind, dialect, foreign: true, others: &[] }.filter(expr, Scope::Resource)
}

/// Like [`resolve`] for a list over several types: what only `others` know counts as unassigned too (RFC 7644 §3.4.2.1).
///
/// # Errors
/// As [`resolve`].
pub fn resolve_among(expr: &Expr, kind: &ObjectType, others: &[Arc<ObjectType>], dialect: Dialect) -> Result<Filter, Fault> {
    Resolver { kind, dialect, foreign: true, others }.filter(expr, Scope::Resource)
}

/// Like [`resolve`], but an attribute of a schema that the type does not have is refused: for what is kept and must not
/// change its meaning when that schema comes.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_known(expr: &Expr, kind: &ObjectType, dialect: Dialect) -> Result<Filter, Fault> {
    Resolver { kind, dialect, foreign: false, others: &[] }.filter(expr, Scope::Resource)
}

/// What the value filter of a PATCH path means for the elements of `attribute`.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_element(expr: &Expr, kind: &ObjectType, attribute: AttrPath) -> Result<Filter, Fault> {
    Resolver { kind, dialect: Dialect::Scim, foreign: true, others: &[] }.filter(expr, Scope::Element(attribute.parent()))
}

struct Resolver<'a> {
    kind: &'a ObjectType,
    dialect: Dialect,
    // Whether attributes of schemas that the type lacks count as unassigned.
    foreign: bool,
    // Whose attributes count as unassigned where the type lacks them.
    others: &'a [Arc<ObjectType>],
}

#[derive(Clone, Copy)]
enum Scope {
    Resource,
    Element(AttrPath),
}

enum Name<'a> {
    Attribute(AttrPath, Pick),
    // Two words over a boolean.
    Status(AttrPath),
    // `managed/type/id` over the id; the name of the type.
    Reference(AttrPath, &'a str),
    Extension(usize),
    Unassigned,
}

fn fault(detail: String) -> Fault {
    Fault::new(Kind::InvalidFilter, format!("filter: {detail}"))
}

impl Resolver<'_> {
    fn filter(&self, expr: &Expr, scope: Scope) -> Result<Filter, Fault> {
        let all = |parts: &[Expr]| parts.iter().map(|part| self.filter(part, scope)).collect::<Result<Vec<_>, _>>();
        Ok(match expr {
            Expr::True => Filter::Const(true),
            Expr::False => Filter::Const(false),
            Expr::And(parts) => Filter::all(all(parts)?),
            Expr::Or(parts) => Filter::any(all(parts)?),
            Expr::Not(inner) => self.filter(inner, scope)?.negated(),
            Expr::Present { path } => self.present(path, &self.name(path, scope)?)?,
            Expr::Compare { path, op, value } => self.compare(path, &self.name(path, scope)?, *op, value)?,
            Expr::Element { path, filter } => match self.list(path, scope)? {
                None => Filter::Const(false),
                Some(attribute) => match self.filter(filter, Scope::Element(attribute))? {
                    Filter::Const(false) => Filter::Const(false),
                    filter => Filter::Element { attribute, filter: Box::new(filter) },
                },
            },
        })
    }

    // What stands before brackets: a list, or a complex attribute taken as a list of one.
    fn list(&self, path: &str, scope: Scope) -> Result<Option<AttrPath>, Fault> {
        let refused = || fault(format!("'{}' has no elements that brackets could filter", excerpt(path)));
        let name = match scope {
            Scope::Resource => match self.dialect {
                Dialect::Scim => self.name(path, scope)?,
                Dialect::Idm => self.relationship(path).map_or_else(|| self.name(path, scope), Ok)?,
            },
            Scope::Element(_) => return Err(refused()),
        };
        match name {
            Name::Unassigned => Ok(None),
            Name::Attribute(path, Pick::Any) if path.sub.is_none() => {
                let definition = self.kind.attribute(path);
                let listed = definition.multi_valued || definition.kind == AttributeType::Complex;
                if listed { Ok(Some(path)) } else { Err(refused()) }
            }
            _ => Err(refused()),
        }
    }

    fn name(&self, text: &str, scope: Scope) -> Result<Name<'_>, Fault> {
        let found = match (scope, self.dialect) {
            (Scope::Element(list), dialect) => self.part(list, text, dialect),
            (Scope::Resource, Dialect::Scim) => self.scim(text),
            (Scope::Resource, Dialect::Idm) => self.idm(text),
        };
        let name = found.ok_or_else(|| {
            let what = match self.dialect {
                Dialect::Scim => "attribute",
                Dialect::Idm => "property",
            };
            let whose = match scope {
                Scope::Resource => format!("of {}", self.kind.resource),
                Scope::Element(list) => format!("in '{}'", self.kind.attribute(list).name),
            };
            fault(format!("'{}' is no {what} {whose}", excerpt(text)))
        })?;
        if let Name::Attribute(path, _) | Name::Status(path) | Name::Reference(path, _) = &name
            && (secret(self.kind.attribute(*path)) || secret(self.kind.leaf(*path)))
        {
            return Err(Fault { kind: Kind::Sensitive, ..fault(format!("'{}' may not be filtered on", excerpt(text))) });
        }
        Ok(name)
    }

    fn scim(&self, text: &str) -> Option<Name<'_>> {
        match self.kind.resolve(text) {
            Some(Resolved::Attribute(path)) => Some(Name::Attribute(path, Pick::Any)),
            Some(Resolved::Extension(schema)) => Some(Name::Extension(schema)),
            None if self.foreign && self.is_foreign(text) => Some(Name::Unassigned),
            None => self.others.iter().any(|kind| kind.resolve(text).is_some()).then_some(Name::Unassigned),
        }
    }

    // `urn:nid:…:name` under none of the type's own schemas.
    fn is_foreign(&self, text: &str) -> bool {
        let parts: Vec<_> = text.split(':').collect();
        let own = self.kind.schemas.iter().any(|s| {
            let head = text.get(..s.id.len()).is_some_and(|head| head.eq_ignore_ascii_case(&s.id));
            head && matches!(text.as_bytes().get(s.id.len()), None | Some(b':'))
        });
        parts.len() >= 4 && parts[0].eq_ignore_ascii_case("urn") && parts.iter().all(|part| !part.is_empty()) && !own
    }

    // A name inside brackets.
    fn part(&self, list: AttrPath, text: &str, dialect: Dialect) -> Option<Name<'_>> {
        let definition = self.kind.attribute(list);
        if dialect == Dialect::Idm && definition.relationship.is_some() {
            return self.reference(list, text);
        }
        if definition.kind != AttributeType::Complex {
            return text.eq_ignore_ascii_case("value").then_some(Name::Attribute(list, Pick::Any));
        }
        let (sub, found) = definition.sub(text)?;
        (dialect == Dialect::Scim || found.name == text)
            .then_some(Name::Attribute(AttrPath { sub: Some(sub), ..list }, Pick::Any))
    }

    fn idm(&self, pointer: &str) -> Option<Name<'_>> {
        let segments: Vec<String> = pointer.split('/').map(|s| s.replace("~1", "/").replace("~0", "~")).collect();
        match segments.as_slice() {
            [id] if id == "_id" => Some(Name::Attribute(self.kind.resolve_attribute("id")?, Pick::Any)),
            [name] => match self.kind.property(name) {
                Some(property) => Some(match property.form {
                    IdmForm::Plain | IdmForm::Source | IdmForm::Shown | IdmForm::Discarded => {
                        Name::Attribute(property.path, Pick::Any)
                    }
                    IdmForm::Element => Name::Attribute(property.path, Pick::Preferred),
                    IdmForm::Status => Name::Status(property.path),
                }),
                None => self.relationship(name),
            },
            [name, part] => match self.kind.property(name) {
                Some(property) if matches!(property.form, IdmForm::Plain | IdmForm::Shown) && property.path.sub.is_none() => {
                    self.part(property.path, part, Dialect::Idm)
                }
                Some(_) => None,
                None => match self.relationship(name)? {
                    Name::Attribute(list, _) => self.reference(list, part),
                    _ => None,
                },
            },
            _ => None,
        }
    }

    // The attribute that shows a relationship.
    fn relationship(&self, name: &str) -> Option<Name<'_>> {
        // Filters see the roles in effect under either name.
        let name = if name == "effectiveRoles" { "roles" } else { name };
        self.kind.relationship(name)?;
        let backed = |(path, a): &(AttrPath, &Attribute)| path.sub.is_none() && a.relationship.as_deref() == Some(name);
        self.kind.paths().find(backed).map(|(path, _)| Name::Attribute(path, Pick::Any))
    }

    // A part of a reference; `_ref` names the target's type, which only a relationship with one type can tell.
    fn reference(&self, list: AttrPath, part: &str) -> Option<Name<'_>> {
        let definition = self.kind.attribute(list);
        let value = AttrPath { sub: Some(definition.sub("value")?.0), ..list };
        match part {
            "_refResourceId" => Some(Name::Attribute(value, Pick::Any)),
            "_ref" => match self.kind.relationship(definition.relationship.as_deref()?)?.types.as_slice() {
                [only] => Some(Name::Reference(value, only)),
                _ => None,
            },
            _ => None,
        }
    }

    fn present(&self, text: &str, name: &Name) -> Result<Filter, Fault> {
        let present = |path: AttrPath, pick: Pick| {
            let leaf = self.kind.leaf(path);
            Filter::Present(Target { path, pick, kind: leaf.kind, exact: leaf.compares_exactly() })
        };
        match name {
            Name::Attribute(path, pick) => Ok(present(*path, *pick)),
            Name::Status(path) | Name::Reference(path, _) => Ok(present(*path, Pick::Any)),
            Name::Unassigned => Ok(Filter::Const(false)),
            Name::Extension(schema) => {
                let schema = self.kind.schemas.get(*schema).ok_or_else(|| fault(format!("'{}' is unknown", excerpt(text))))?;
                let paths = schema.attributes.iter().filter(|a| !secret(a));
                let paths = paths.filter_map(|a| self.kind.resolve_attribute(&format!("{}:{}", schema.id, a.name)));
                Ok(Filter::any(paths.map(|path| present(path, Pick::Any)).collect()))
            }
        }
    }

    fn compare(&self, text: &str, name: &Name, op: Op, value: &Literal) -> Result<Filter, Fault> {
        let op = match (op, value) {
            (Op::In, Literal::List(values)) => {
                let each = values.iter().map(|value| self.compare(text, name, Op::Eq, value));
                return Ok(Filter::any(each.collect::<Result<_, _>>()?));
            }
            (Op::Eq, Literal::Null) => return Ok(self.present(text, name)?.negated()),
            (Op::Ne, Literal::Null) => return self.present(text, name),
            (Op::Ne, value) => return Ok(self.compare(text, name, Op::Eq, value)?.negated()),
            (Op::Eq, _) => CompareOp::Eq,
            (Op::Co, _) => CompareOp::Co,
            (Op::Sw, _) => CompareOp::Sw,
            (Op::Ew, _) => CompareOp::Ew,
            (Op::Gt, _) => CompareOp::Gt,
            (Op::Ge, _) => CompareOp::Ge,
            (Op::Lt, _) => CompareOp::Lt,
            (Op::Le, _) => CompareOp::Le,
            (Op::In, _) => return Err(fault(format!("'in' on '{}' takes a list", excerpt(text)))),
        };
        match name {
            Name::Attribute(path, pick) => {
                let target = self.target(text, *path, *pick)?;
                let operand =
                    Operand::of_literal(&target, op, value).map_err(|rule| fault(format!("'{}' {rule}", excerpt(text))))?;
                Ok(Filter::Compare { target, op, operand })
            }
            Name::Status(path) => {
                let Literal::Text(wanted) = value else {
                    return Err(fault(format!("'{}' is text and compares with a quoted string", excerpt(text))));
                };
                let wanted = normal::text(wanted, false);
                let target = self.target(text, *path, Pick::Any)?;
                let words = [("active", true), ("inactive", false)].into_iter();
                let said = words.filter(|(word, _)| op.holds_for_text(word, &wanted));
                Ok(Filter::any(
                    said.map(|(_, flag)| Filter::Compare {
                        target: target.clone(),
                        op: CompareOp::Eq,
                        operand: Operand::Boolean(flag),
                    })
                    .collect(),
                ))
            }
            Name::Reference(path, kind) => {
                let (CompareOp::Eq, Literal::Text(reference)) = (op, value) else {
                    return Err(fault(format!("'{}' takes 'eq' and a quoted reference; compare _refResourceId", excerpt(text))));
                };
                let id = reference.strip_prefix("managed/").and_then(|rest| rest.strip_prefix(*kind)?.strip_prefix('/'));
                let id = id.and_then(|id| percent_encoding::percent_decode_str(id).decode_utf8().ok());
                let Some(id) = id else { return Ok(Filter::Const(false)) };
                let target = self.target(text, *path, Pick::Any)?;
                let operand = Operand::of_literal(&target, op, &Literal::Text(id.into_owned()))
                    .map_err(|rule| fault(format!("'{}' {rule}", excerpt(text))))?;
                Ok(Filter::Compare { target, op, operand })
            }

            Name::Unassigned => Ok(Filter::Const(false)),
            Name::Extension(_) => Err(fault(format!("'{}' is a schema; name an attribute of it", excerpt(text)))),
        }
    }

    // What is compared: of a complex attribute its `value` (spec/scim.md §3.1).
    fn target(&self, text: &str, path: AttrPath, pick: Pick) -> Result<Target, Fault> {
        let mut path = path;
        if path.sub.is_none() && self.kind.attribute(path).kind == AttributeType::Complex {
            let Some((sub, _)) = self.kind.attribute(path).sub("value") else {
                return Err(fault(format!("'{}' is complex; name a sub-attribute", excerpt(text))));
            };
            path.sub = Some(sub);
        }
        let leaf = self.kind.leaf(path);
        Ok(Target { path, pick, kind: leaf.kind, exact: leaf.compares_exactly() })
    }
}

fn secret(definition: &Attribute) -> bool {
    definition.discarded || definition.returned == Returned::Never
}

#[cfg(test)]
mod tests {
    use super::super::{idm, scim};
    use super::*;
    use crate::domain::schema::Registry;

    fn user() -> ObjectType {
        (**Registry::shipped().unwrap().by_name("user").unwrap()).clone()
    }

    // The user, with one attribute of each type.
    fn typed() -> ObjectType {
        let mut kind = user();
        let add = serde_json::json!([
            {"name": "t", "type": "string"}, {"name": "u", "type": "reference"}, {"name": "f", "type": "boolean"},
            {"name": "i", "type": "integer"}, {"name": "d", "type": "decimal"}, {"name": "w", "type": "dateTime"},
            {"name": "b", "type": "binary"}, {"name": "n", "type": "integer", "multiValued": true},
        ]);
        kind.schemas[0].attributes.extend(serde_json::from_value::<Vec<Attribute>>(add).unwrap());
        kind
    }

    #[test]
    fn every_operator_fits_some_types() {
        const LITERALS: [(&str, &str); 6] = [
            ("\"x\"", "tub"),
            ("\"TRUE\"", "tubf"),
            ("true", "f"),
            ("3", "idn"),
            ("\"3.5\"", "tubidn"),
            ("\"2026-01-01T00:00:00Z\"", "tubw"),
        ];
        let ops = [("eq ne", "tufidwbn"), ("co sw ew", "tu"), ("gt ge lt le", "tuidwn")];
        let kind = typed();
        for (ops, takes) in ops {
            for op in ops.split(' ') {
                for (literal, fits) in LITERALS {
                    for name in ["t", "u", "f", "i", "d", "w", "b", "n"] {
                        let text = format!("{name} {op} {literal}");
                        let found = resolve(&scim::parse(&text).unwrap(), &kind, Dialect::Scim);
                        assert_eq!(found.is_ok(), takes.contains(name) && fits.contains(name), "{text}: {found:?}");
                        assert!(found.map_or_else(|e| e.kind == Kind::InvalidFilter, |_| true));
                    }
                }
                let null = resolve(&scim::parse(&format!("t {op} null")).unwrap(), &kind, Dialect::Scim);
                assert_eq!(null.is_ok(), matches!(op, "eq" | "ne"), "{op} null");
            }
        }
    }

    #[test]
    fn numbers_compare_across_their_types() {
        let kind = typed();
        let resource = serde_json::json!({"i": 3, "d": 2.5, "n": [1, 7], "w": "2026-01-01T00:00:00Z"});
        let resource = resource.as_object().unwrap();
        for (text, expected) in [
            ("i eq 3.0", true),
            ("i eq \"3\"", true),
            ("i eq 3.5", false),
            ("i lt 3.5", true),
            ("i gt 2.5", true),
            ("i gt 1e300", false),
            ("d eq 2.5", true),
            ("d gt 2", true),
            ("d eq 2", false),
            ("n eq 7", true),
            ("n eq 2", false),
            ("n gt 6.5", true),
            ("n[value gt 1 and value lt 7]", false),
            ("n gt 1 and n lt 7", true),
            ("n pr", true),
            ("w eq \"2026-01-01T01:00:00+01:00\"", true),
        ] {
            let filter = resolve(&scim::parse(text).unwrap(), &kind, Dialect::Scim).unwrap();
            assert_eq!(super::super::matches(&filter, &kind, resource), expected, "{text}");
        }
    }

    #[test]
    fn faults_name_the_attribute_and_the_rule() {
        let kind = user();
        for (text, said) in [
            ("nope eq 1", "'nope' is no attribute of User"),
            ("department eq \"x\"", "'department' is no attribute of User"),
            ("emails.nope pr", "'emails.nope' is no attribute of User"),
            ("emails[nope pr]", "'nope' is no attribute in 'emails'"),
            ("emails[emails.value pr]", "'emails.value' is no attribute in 'emails'"),
            ("userName[value eq \"x\"]", "'userName' has no elements"),
            ("urn:ietf:params:scim:schemas:core:2.0:User:nope pr", "is no attribute of User"),
            ("urn:a:b pr", "is no attribute of User"),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User eq \"x\"", "is a schema"),
            ("active gt true", "'active' is boolean and does not compare with 'gt'"),
            ("active co \"t\"", "'active' is boolean and does not compare with 'co'"),
            ("active eq \"maybe\"", "'active' is boolean and compares with true or false"),
            ("active eq 1", "'active' is boolean and compares with true or false"),
            ("userName eq 5", "'userName' is text and compares with a quoted string"),
            ("userName gt null", "'userName' is text and compares with a quoted string"),
            ("meta.created eq \"2026-01-01\"", "'meta.created' is a dateTime and compares with a quoted xsd:dateTime"),
            ("x509Certificates sw \"Y\"", "is binary and does not compare with 'sw'"),
            ("name eq \"x\"", "'name' is complex; name a sub-attribute"),
            ("addresses co \"x\"", "'addresses' is complex; name a sub-attribute"),
            ("password eq \"x\"", "'password' may not be filtered on"),
            ("password pr", "'password' may not be filtered on"),
            ("PASSWORD sw \"x\" or userName pr", "'PASSWORD' may not be filtered on"),
        ] {
            let fault = resolve(&scim::parse(text).unwrap(), &kind, Dialect::Scim).unwrap_err();
            let secret = text.to_ascii_lowercase().starts_with("password");
            assert_eq!(fault.kind, if secret { Kind::Sensitive } else { Kind::InvalidFilter });
            assert!(fault.detail.contains(said), "{text}: {fault}");
        }
        for (text, said) in [
            ("nope eq 1", "'nope' is no property of User"),
            ("username eq 'x'", "'username' is no property of User"),
            ("name/givenName eq 'x'", "is no property"),
            ("emails eq 'x'", "is no property"),
            ("mail/x eq 'x'", "is no property"),
            ("manager/userName eq 'x'", "'manager/userName' is no property"),
            ("reports/_refResourceId eq 'x'", "is no property"),
            ("mail[true]", "'mail' has no elements"),
            ("groups[groups[true]]", "'groups' has no elements"),
            ("manager/_ref sw 'managed/user/'", "takes 'eq'"),
            ("accountStatus eq true", "'accountStatus' is text"),
            ("password eq 'x'", "'password' may not be filtered on"),
        ] {
            let fault = resolve(&idm::parse(text).unwrap(), &kind, Dialect::Idm).unwrap_err();
            let secret = text.to_ascii_lowercase().starts_with("password");
            assert_eq!(fault.kind, if secret { Kind::Sensitive } else { Kind::InvalidFilter });
            assert!(fault.detail.contains(said), "{text}: {fault}");
        }
    }

    #[test]
    fn constants_fold_away() {
        let kind = user();
        let name = || resolve(&idm::parse("userName pr").unwrap(), &kind, Dialect::Idm).unwrap();
        for (text, expected) in [
            ("true and userName pr", name()),
            ("userName pr or false", name()),
            ("userName pr and false", Filter::Const(false)),
            ("userName pr or true", Filter::Const(true)),
            ("! false", Filter::Const(true)),
            ("!(!(userName pr))", name()),
            ("(userName pr and userName pr) and userName pr", Filter::And(vec![name(), name(), name()])),
            ("groups[false]", Filter::Const(false)),
        ] {
            assert_eq!(resolve(&idm::parse(text).unwrap(), &kind, Dialect::Idm).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_filter_says_what_it_reads() {
        let kind = user();
        let expr = scim::parse("emails[type eq \"work\"] or not (name.givenName pr) and active eq true").unwrap();
        let read = resolve(&expr, &kind, Dialect::Scim).unwrap().attributes();
        let texts: Vec<_> = read.into_iter().map(|path| kind.path_text(path)).collect();
        assert_eq!(texts, ["name", "name.givenName", "active", "emails", "emails.type"]);
    }
}
