//! The parts of a condition that must all hold, as an explanation names them, and the values that decide.

use std::sync::Arc;

use serde_json::Value;

use super::clause::{self, Clause};
use super::{Body, Condition, View};
use crate::domain::error::excerpt;
use crate::domain::expression::EvalError;
use crate::domain::filter::eval;
use crate::domain::resource::reference_path;
use crate::domain::schema::{AttrPath, Attribute, AttributeType, ObjectType, Registry, Returned};

/// Most values that are told of one name, and most names.
const VALUES: usize = 10;
const NAMES: usize = 50;

/// Values by what they are of: an attribute's path, after the relationships that lead there, or such a relationship.
pub type Values = Vec<(String, Vec<Value>)>;

/// One part.
#[derive(Debug, Clone)]
pub struct Part {
    /// A filter's part as text, in the form of SCIM; an expression's own text.
    pub text: String,
    means: Body,
}

/// What is told of a part and a user.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The part.
    pub text: String,
    /// What it reads of the user and of what the user's edges lead to; never what is sensitive.
    pub values: Values,
    /// What an expression came to.
    pub outcome: Option<Result<bool, EvalError>>,
}

impl Condition {
    /// The parts that must all hold. What is an expression is one part.
    pub fn parts(&self, user: &Arc<ObjectType>, types: &Registry) -> Vec<Part> {
        match &self.body {
            Body::Script(script) => vec![Part { text: script.text().to_owned(), means: self.body.clone() }],
            Body::Filter(_) => {
                // It was read when it was accepted.
                let parts = clause::read_parts(&self.source, user, types).unwrap_or_default();
                parts.into_iter().map(|(text, clause)| Part { text, means: Body::Filter(clause) }).collect()
            }
        }
    }
}

impl Part {
    /// Whether it holds; an expression that fails does not.
    pub fn holds(&self, user: &View) -> bool {
        self.means.check(user).unwrap_or(false)
    }

    /// What is told of it and a user.
    pub fn told(self, user: &View) -> Term {
        let mut notes = Notes(Vec::new());
        let outcome = match &self.means {
            Body::Filter(clause) => {
                notes.clause(clause, user, "");
                None
            }
            Body::Script(script) => {
                script.read(user).into_iter().for_each(|(route, view, path)| notes.attribute(view, path, &route));
                script.led_to(user).into_iter().for_each(|(name, far)| notes.reference(name, far));
                Some(script.holds(user))
            }
        };
        Term { text: self.text, values: notes.0, outcome }
    }
}

struct Notes(Values);

impl Notes {
    fn clause(&mut self, clause: &Clause, view: &View, route: &str) {
        match clause {
            Clause::Own(filter) => filter.attributes().into_iter().for_each(|path| self.attribute(view, path, route)),
            Clause::Led { relationship, each } => {
                let led = view.led.get(relationship).into_iter().flatten();
                let meets = |far: &&Arc<View>, hold: bool| {
                    each.iter().any(|(kind, clause)| *kind == far.kind.name && (!hold || clause.holds(far)))
                };
                // Those that meet it made it hold; where none does, what there is tells why.
                let (holds, name) = (clause.holds(view), format!("{route}{relationship}"));
                for far in led.filter(|far| meets(far, holds)) {
                    self.reference(&name, far);
                    for (_, clause) in each.iter().filter(|(kind, _)| *kind == far.kind.name) {
                        self.clause(clause, far, &format!("{name}/"));
                    }
                }
            }
            Clause::All(parts) | Clause::Any(parts) => parts.iter().for_each(|part| self.clause(part, view, route)),
            Clause::Not(inner) => self.clause(inner, view, route),
        }
    }

    // The parts of a list are told, not its elements.
    fn attribute(&mut self, view: &View, path: AttrPath, route: &str) {
        let kind = &view.kind;
        let hidden = |leaf: &Attribute| leaf.sensitive || leaf.returned == Returned::Never;
        if kind.leaf(path).kind == AttributeType::Complex || hidden(kind.leaf(path)) || hidden(kind.attribute(path)) {
            return;
        }
        eval::each_value(kind, path, &view.doc, |value| self.note(&format!("{route}{}", kind.path_text(path)), value.clone()));
    }

    fn reference(&mut self, name: &str, far: &View) {
        let id = far.doc.get("id").and_then(Value::as_str).unwrap_or_default();
        self.note(name, reference_path(&far.kind, id).into());
    }

    fn note(&mut self, name: &str, value: Value) {
        let value = match value {
            Value::String(text) => excerpt(&text).into(),
            other => other,
        };
        let room = self.0.len() < NAMES;
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) if values.len() < VALUES && !values.contains(&value) => values.push(value),
            None if room => self.0.push((name.to_owned(), vec![value])),
            _ => {}
        }
    }
}
