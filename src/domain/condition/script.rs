//! A condition written as an expression: `{"type":"rhai","source":"…"}` (spec/idm.md §3.4).
//!
//! It sees the user's IDM properties as `user`. Under the name of a relationship it sees what that leads to, where its text
//! names the relationship. It runs strict: what is missing is an error, and an error does not match.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::reads::{self, Watch};
use super::scan::{self, Read};
use super::view::View;
use super::{barred, invalid};
use crate::domain::document::idm::COMPUTED;
use crate::domain::error::{Fault, excerpt};
use crate::domain::expression::{Bindings, EvalError, Expression, Mode};
use crate::domain::schema::{AttrPath, AttributeType, IdmForm, IdmProperty, ObjectType, Registry};

/// The only language of conditions beside filters.
const LANGUAGE: &str = "rhai";

/// An expression with what it reads.
#[derive(Debug, Clone)]
pub struct Script {
    expression: Expression,
    // Properties by name; none for all of them.
    properties: Option<BTreeSet<String>>,
    // Relationships, each with the parts that are read of what it leads to; none for all of them.
    led: BTreeMap<String, Option<BTreeSet<String>>>,
}

impl Script {
    pub(super) fn parse(text: &str, user: &Arc<ObjectType>, types: &Registry) -> Result<Self, Fault> {
        let source = source(text)?;
        let expression = Expression::compile(&source, Mode::Strict).map_err(|fault| invalid(&fault.detail))?;
        let mut out = Self { expression, properties: Some(BTreeSet::new()), led: BTreeMap::new() };
        for read in scan::reads(&source) {
            match read {
                Read::Everything => out.properties = None,
                Read::Call { name, line, column } => {
                    return Err(invalid(&format!(
                        "line {line}, column {column}: {name}() may not be called: it changes by itself"
                    )));
                }
                Read::Property { name, part, line, column } => {
                    out.note(user, name, part).map_err(|why| invalid(&format!("line {line}, column {column}: {why}")))?;
                }
            }
        }
        out.rehearse(user, types)?;
        Ok(out)
    }

    fn note(&mut self, user: &ObjectType, name: String, part: Option<String>) -> Result<(), String> {
        let relationship = user.relationship(&name);
        if COMPUTED.contains(&name.as_str()) || relationship.is_some_and(super::leads_to_roles) {
            return Err(format!("'{name}' may not be read: roles would depend on roles"));
        }
        if let Some(property) = user.property(&name) {
            if let Some(reason) = barred(user, property.path) {
                return Err(format!("'{name}' {reason}"));
            }
            if property.form == IdmForm::Discarded {
                return Err(format!("'{name}' may not be read"));
            }
            if let Some(properties) = &mut self.properties {
                properties.insert(name);
            }
        } else if relationship.is_some() {
            match (self.led.entry(name).or_insert_with(|| Some(BTreeSet::new())), part) {
                (Some(parts), Some(part)) => _ = parts.insert(part),
                (all, _) => *all = None,
            }
        } else if name != "_id" {
            return Err(format!("'{}' is no property of {}", excerpt(&name), user.resource));
        }
        Ok(())
    }

    // Users for whom everything is there: on one of them it has to come to an answer.
    fn rehearse(&self, user: &Arc<ObjectType>, types: &Registry) -> Result<(), Fault> {
        let mut first = None;
        for text in ["1", "a.b@c.example", "2026-01-01T00:00:00Z"] {
            let mut sample = sample(user, text);
            for name in self.led.keys() {
                let Some(relationship) = user.relationship(name) else { continue };
                let Some(far) = relationship.types.first().and_then(|name| types.by_name(name)) else { continue };
                let mut shown = self::sample(far, text);
                for (name, value) in [("_refResourceCollection", far.collection.as_str()), ("_refResourceId", text)] {
                    shown.insert(name.to_owned(), value.into());
                }
                let shown = Value::Object(shown);
                sample.insert(name.clone(), if relationship.many { vec![shown].into() } else { shown });
            }
            match self.run(sample) {
                Ok(_) => return Ok(()),
                Err(error) => _ = first.get_or_insert(error),
            }
        }
        first.map_or(Ok(()), |error| Err(invalid(&format!("{error} (tried on a user with every property)"))))
    }

    pub(super) fn text(&self) -> &str {
        self.expression.text()
    }

    /// The attributes that it reads, each with the view that has it and the relationships that lead there, down to parts.
    pub(super) fn read<'v>(&self, user: &'v View) -> Vec<(String, &'v View, AttrPath)> {
        let own = (String::new(), user, self.properties.as_ref());
        let led = self.led_to(user).into_iter().map(|(name, far)| (format!("{name}/"), far, self.led[name].as_ref()));
        let all = std::iter::once(own).chain(led);
        let paths = all.flat_map(|(route, view, names)| {
            let shown = |property: &IdmProperty| match names {
                Some(names) => names.contains(&property.name),
                None => property.form != IdmForm::Discarded,
            };
            let read: Vec<AttrPath> = view.kind.properties.iter().filter(|p| shown(p)).map(|p| p.path).collect();
            let within = move |path: AttrPath| read.contains(&path) || read.contains(&path.parent());
            view.kind.paths().map(|(path, _)| path).filter(move |path| within(*path)).map(move |path| (route.clone(), view, path))
        });
        paths.collect()
    }

    /// What the relationships that it names lead to.
    pub(super) fn led_to<'s, 'v: 's>(&'s self, user: &'v View) -> Vec<(&'s str, &'v View)> {
        let all =
            self.led.keys().flat_map(|name| user.led.get(name).into_iter().flatten().map(move |far| (name.as_str(), &**far)));
        all.collect()
    }

    pub(super) fn holds(&self, user: &View) -> Result<bool, EvalError> {
        // Others may have had more loaded.
        self.run(user.to_idm(self.led.keys()))
    }

    fn run(&self, user: Map<String, Value>) -> Result<bool, EvalError> {
        self.expression.holds(&mut Bindings::new().value("user", &Value::Object(user)))
    }

    pub(super) fn collect(&self, user: &ObjectType, types: &Registry, out: &mut BTreeSet<Watch>) {
        match &self.properties {
            None => _ = out.insert(Watch::all("", user)),
            Some(names) => {
                let paths = names.iter().filter_map(|name| user.property(name)).map(|property| property.path);
                out.extend(paths.flat_map(|path| [path, path.parent()]).map(|path| Watch::attribute("", user, path)));
            }
        }
        for (name, parts) in &self.led {
            let Some(relationship) = user.relationship(name) else { continue };
            out.insert(Watch::edge("", relationship));
            let route = reads::step("", name);
            for far in relationship.types.iter().filter_map(|name| types.by_name(name)) {
                let known: Option<Vec<_>> = parts.as_ref().and_then(|parts| {
                    parts.iter().filter(|part| !part.starts_with('_')).map(|part| far.property(part)).collect()
                });
                match known {
                    Some(properties) => {
                        let paths = properties.into_iter().flat_map(|property| [property.path, property.path.parent()]);
                        out.extend(paths.map(|path| Watch::attribute(&route, far, path)));
                    }
                    None => _ = out.insert(Watch::all(&route, far)),
                }
            }
        }
    }
}

fn source(text: &str) -> Result<String, Fault> {
    let form = "an expression is written {\"type\":\"rhai\",\"source\":\"…\"}";
    let mut object: Map<String, Value> = serde_json::from_str(text)
        .map_err(|e| invalid(&format!("line {}, column {}: it is no JSON object; {form}", e.line(), e.column())))?;
    match object.shift_remove("type").as_ref().and_then(Value::as_str) {
        Some(LANGUAGE) => {}
        Some(other) => return Err(invalid(&format!("type '{}' is not supported; {form}", excerpt(other)))),
        None => return Err(invalid(&format!("'type' is missing; {form}"))),
    }
    let Some(Value::String(source)) = object.shift_remove("source") else {
        return Err(invalid(&format!("'source' is missing or no text; {form}")));
    };
    match object.keys().next() {
        Some(other) => Err(invalid(&format!("'{}' has no meaning here; {form}", excerpt(other)))),
        None => Ok(source),
    }
}

// Every property with a value of its type.
fn sample(kind: &ObjectType, text: &str) -> Map<String, Value> {
    fn value(definition: &crate::domain::schema::Attribute, text: &str) -> Value {
        match definition.kind {
            AttributeType::Boolean => true.into(),
            AttributeType::Integer => 1.into(),
            AttributeType::Decimal => 1.5.into(),
            AttributeType::Complex => {
                let parts = definition.sub_attributes.iter().map(|part| (part.name.clone(), value(part, text)));
                Value::Object(parts.collect())
            }
            _ => text.into(),
        }
    }
    let shown = kind.properties.iter().filter(|property| property.form != IdmForm::Discarded).map(|property| {
        let leaf = kind.leaf(property.path);
        let one = match property.form {
            IdmForm::Status => "active".into(),
            IdmForm::Source => text.into(),
            _ => value(leaf, text),
        };
        let listed = matches!(property.form, IdmForm::Plain | IdmForm::Shown) && leaf.multi_valued;
        (property.name.clone(), if listed { vec![one].into() } else { one })
    });
    shown.chain([("_id".to_owned(), text.into())]).collect()
}
