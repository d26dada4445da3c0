//! A role's condition: a filter over users, or an expression; whoever matches holds the role (spec/idm.md §3.3, §3.4).
//!
//! A condition says what it needs ([`Condition::anchors`]) and a user says what it has ([`anchors_of`]). Where the two have
//! nothing in common the condition cannot match, so that a write to a user meets only the few conditions that might. What it
//! reads of the user and of what the user's edges lead to is in [`Condition::watches`].

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::domain::document::values;
use crate::domain::error::{Fault, Kind};
use crate::domain::expression::EvalError;
use crate::domain::filter::{CompareOp, Filter, Operand, Target, eval};
use crate::domain::schema::{AttrPath, Attribute, AttributeType, Backing, Home, ObjectType, Registry, Relationship};

pub mod clause;
pub mod part;
pub mod reads;
mod scan;
pub mod script;
pub mod view;

pub use clause::Clause;
pub use part::{Part, Term};
pub use reads::Watch;
pub use script::Script;
pub use view::View;

/// The anchor that every user has.
pub const ANY: &str = "*";

/// A condition, ready to be asked.
#[derive(Debug, Clone)]
pub struct Condition {
    /// As it was written.
    pub source: String,
    /// What it means for a user.
    pub body: Body,
    watches: BTreeSet<Watch>,
    anchors: Vec<String>,
}

/// What a condition means.
#[derive(Debug, Clone)]
pub enum Body {
    /// A filter.
    Filter(Clause),
    /// An expression.
    Script(Script),
}

impl Condition {
    /// Reads a condition: an IDM query filter over IDM properties, else a SCIM filter over SCIM attributes, or
    /// `{"type":"rhai","source":"…"}`. `user` is the type that it speaks of, `types` those that its edges lead to.
    ///
    /// # Errors
    /// `InvalidValue` when it is none of them, or reads what would make it go round in circles, change by itself, or differ from
    /// caller to caller.
    pub fn parse(text: &str, user: &Arc<ObjectType>, types: &Registry) -> Result<Self, Fault> {
        let text = text.trim();
        if text.is_empty() {
            return Err(invalid("it is empty; a role without condition has none, or null"));
        }
        let mut watches = BTreeSet::new();
        let (body, anchors) = if text.starts_with('{') {
            let script = Script::parse(text, user, types)?;
            script.collect(user, types, &mut watches);
            let anchors = vec![ANY.to_owned()];
            (Body::Script(script), anchors)
        } else {
            let clause = clause::read(text, user, types)?;
            clause.collect(user, types, "", &mut watches);
            let anchors = needed(&clause, user, types).anchors.into_iter().collect();
            (Body::Filter(clause), anchors)
        };
        Ok(Self { source: text.to_owned(), body, watches, anchors })
    }

    /// What it reads, as texts that [`reads::touches`] compares with what changed: canonical paths, with a sub-attribute also the
    /// attribute it belongs to.
    pub fn reads(&self) -> impl Iterator<Item = &str> {
        let mut last = None;
        // Types that share a path at the end of one route read the same.
        self.watches.iter().map(|watch| watch.read.as_str()).filter(move |read| last.replace(*read) != Some(*read))
    }

    /// What it reads of what edges lead to, and the edges.
    pub fn watches(&self) -> impl Iterator<Item = &Watch> {
        self.watches.iter().filter(|watch| !watch.is_own())
    }

    /// The routes to load for it.
    pub fn routes(&self) -> BTreeSet<String> {
        self.watches().map(|watch| watch.route.clone()).collect()
    }

    /// It can match only a user that has one of these among [`anchors_of`]; none when it never matches.
    pub fn anchors(&self) -> &[String] {
        &self.anchors
    }

    /// Whether a user meets it. What edges lead to has been loaded along [`Condition::routes`].
    ///
    /// # Errors
    /// When its expression fails on this user; it does not match then.
    pub fn check(&self, user: &View) -> Result<bool, EvalError> {
        self.body.check(user)
    }

    /// As [`Condition::check`], where failing is not meeting it.
    pub fn matches(&self, user: &View) -> bool {
        self.check(user).unwrap_or(false)
    }
}

impl Body {
    fn check(&self, user: &View) -> Result<bool, EvalError> {
        match self {
            Self::Filter(clause) => Ok(clause.holds(user)),
            Self::Script(script) => script.holds(user),
        }
    }
}

/// The anchor of a value at a path; an empty value stands for any.
pub fn anchor(path: &str, value: &str) -> String {
    format!("{path}\u{1f}{value}")
}

/// The paths, down to sub-attributes, of the attributes in which two documents differ.
pub fn changed_paths(kind: &ObjectType, before: &Map<String, Value>, after: &Map<String, Value>) -> BTreeSet<String> {
    let differs = |path: AttrPath| values::get(kind, before, path.parent()) != values::get(kind, after, path.parent());
    kind.paths().filter(|(path, _)| differs(*path)).map(|(path, _)| kind.path_text(path)).collect()
}

/// Every anchor that a user answers to, by what it has itself and by what was loaded of what its edges lead to.
pub fn anchors_of(user: &View) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    collect_anchors(user, "", &mut out);
    out
}

fn collect_anchors(view: &View, route: &str, out: &mut BTreeSet<String>) {
    let kind = &view.kind;
    out.insert(format!("{route}{ANY}"));
    let common = (0..kind.common.len()).map(|attribute| AttrPath { home: Home::Common, attribute, sub: None });
    let common = common.map(|path| (path, kind.attribute(path)));
    for (path, definition) in kind.paths().chain(common).filter(|(path, _)| barred(kind, *path).is_none()) {
        let mut text = None;
        eval::each_value(kind, path, &view.doc, |value| {
            if !eval::is_present(value) {
                return;
            }
            let text = text.get_or_insert_with(|| format!("{route}{}", kind.path_text(path)));
            out.insert(anchor(text, ""));
            out.extend(own(definition, value).map(|value| anchor(text, &value)));
        });
    }
    for (relationship, led) in &view.led {
        let route = reads::step(route, relationship);
        led.iter().for_each(|far| collect_anchors(far, &route, out));
    }
}

fn own(definition: &Attribute, value: &Value) -> Option<String> {
    Operand::of_value(definition.kind, definition.compares_exactly(), value).map(|operand| operand.index_form())
}

fn invalid(detail: &str) -> Fault {
    Fault::new(Kind::InvalidValue, format!("condition: {detail}"))
}

/// Whether a relationship is of roles, by whatever name.
fn leads_to_roles(relationship: &Relationship) -> bool {
    relationship.backing == Backing::Grant || relationship.types.iter().any(|name| name == "role")
}

// Why a condition may not read an attribute.
fn barred(kind: &ObjectType, path: AttrPath) -> Option<&'static str> {
    let definition = kind.attribute(path);
    if let Some(relationship) = definition.relationship.as_deref().and_then(|name| kind.relationship(name)) {
        return Some(if leads_to_roles(relationship) {
            "may not be read: roles would depend on roles"
        } else {
            "is a relationship; name a part of what it leads to"
        });
    }
    match (path.home, definition.name.as_str()) {
        (Home::Common, "id") | (Home::Schema(_), _) => None,
        (Home::Common, "externalId") => Some("may not be read: each source has its own"),
        (Home::Common, _) => Some("may not be read: the server changes it"),
    }
}

// Anchors, and how many users they let through: the better, the smaller.
#[derive(Debug, Default)]
struct Needed {
    reach: Reach,
    anchors: BTreeSet<String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    #[default]
    Value,
    Flag,
    Presence,
    Everyone,
}

impl Needed {
    fn one(reach: Reach, anchor: String) -> Self {
        Self { reach, anchors: BTreeSet::from([anchor]) }
    }

    fn everyone() -> Self {
        Self::one(Reach::Everyone, ANY.to_owned())
    }

    fn present(kind: &ObjectType, path: AttrPath) -> Self {
        Self::one(Reach::Presence, anchor(&kind.path_text(path), ""))
    }
}

fn all(parts: impl Iterator<Item = Needed>) -> Needed {
    parts.min_by_key(|n| (n.reach, n.anchors.len())).unwrap_or_else(Needed::everyone)
}

fn any(parts: impl Iterator<Item = Needed>) -> Needed {
    let mut out = Needed::default();
    for part in parts {
        if part.reach == Reach::Everyone {
            return part;
        }
        out.reach = out.reach.max(part.reach);
        out.anchors.extend(part.anchors);
    }
    out
}

fn needed(clause: &Clause, kind: &ObjectType, types: &Registry) -> Needed {
    match clause {
        Clause::Own(filter) => needed_own(filter, kind),
        Clause::Not(_) => Needed::everyone(),
        Clause::All(parts) => all(parts.iter().map(|part| needed(part, kind, types))),
        Clause::Any(parts) => any(parts.iter().map(|part| needed(part, kind, types))),
        Clause::Led { relationship, each } => {
            let route = reads::step("", relationship);
            let far = each.iter().filter_map(|(name, clause)| Some(needed(clause, types.by_name(name)?, types)));
            // Who is led to anything at all is fewer than everyone.
            any(far.map(|far| Needed {
                reach: if far.reach == Reach::Everyone { Reach::Presence } else { far.reach },
                anchors: far.anchors.into_iter().map(|anchor| format!("{route}{anchor}")).collect(),
            }))
        }
    }
}

fn needed_own(filter: &Filter, kind: &ObjectType) -> Needed {
    match filter {
        Filter::Const(false) => Needed::default(),
        Filter::Const(true) | Filter::Not(_) => Needed::everyone(),
        Filter::And(parts) => all(parts.iter().map(|part| needed_own(part, kind))),
        Filter::Or(parts) => any(parts.iter().map(|part| needed_own(part, kind))),
        Filter::Compare { target, op: CompareOp::Eq, operand } if own_kind(target, operand) => {
            let reach = if target.kind == AttributeType::Boolean { Reach::Flag } else { Reach::Value };
            Needed::one(reach, anchor(&kind.path_text(target.path), &operand.index_form()))
        }
        Filter::Compare { target, .. } | Filter::Present(target) => Needed::present(kind, target.path),
        Filter::Element { attribute, filter } => match needed_own(filter, kind) {
            Needed { reach: Reach::Everyone, .. } => Needed::present(kind, *attribute),
            inner => inner,
        },
    }
}

// Whether stored values have the operand's form: an integer never equals 1.5, and has no such anchor.
fn own_kind(target: &Target, operand: &Operand) -> bool {
    !(target.kind == AttributeType::Integer && matches!(operand, Operand::Decimal(_)))
}

#[cfg(test)]
mod tests;
