//! A condition written as a filter: comparisons of the user's own attributes and of what its edges lead to.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::reads::{self, Watch};
use super::view::View;
use super::{barred, invalid};
use crate::domain::error::{Fault, excerpt};
use crate::domain::filter::ast::{Expr, Literal, Op};
use crate::domain::filter::idm::Refusal;
use crate::domain::filter::resolve::resolve_known;
use crate::domain::filter::{Dialect, Filter, eval, idm, scim};
use crate::domain::schema::path::Resolved;
use crate::domain::schema::{ObjectType, Registry, Relationship};

/// Most steps from the user along edges.
pub const STEPS: usize = 3;

/// What a filter means for an object and what its edges lead to.
#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    /// Of the object's own attributes.
    Own(Filter),
    /// Something that the relationship leads to meets the clause for its type; what is of no such type meets none.
    Led {
        /// Name of the relationship.
        relationship: String,
        /// By the name of the type at the other end.
        each: Vec<(String, Clause)>,
    },
    /// All of them.
    All(Vec<Clause>),
    /// One of them.
    Any(Vec<Clause>),
    /// Not that.
    Not(Box<Clause>),
}

impl Clause {
    /// Whether it holds.
    pub fn holds(&self, view: &View) -> bool {
        match self {
            Self::Own(filter) => eval::matches(filter, &view.kind, &view.doc),
            Self::Led { relationship, each } => view
                .led
                .get(relationship)
                .into_iter()
                .flatten()
                .any(|far| each.iter().any(|(kind, clause)| *kind == far.kind.name && clause.holds(far))),
            Self::All(parts) => parts.iter().all(|part| part.holds(view)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(view)),
            Self::Not(inner) => !inner.holds(view),
        }
    }

    /// Notes what it reads of an object of `kind` that `route` leads to from the user.
    pub(super) fn collect(&self, kind: &ObjectType, types: &Registry, route: &str, out: &mut BTreeSet<Watch>) {
        match self {
            Self::Own(filter) => {
                out.extend(filter.attributes().into_iter().map(|path| Watch::attribute(route, kind, path)));
            }
            Self::Led { relationship, each } => {
                let Some(edge) = kind.relationship(relationship) else { return };
                out.insert(Watch::edge(route, edge));
                for (name, clause) in each {
                    let Some(far) = types.by_name(name) else { continue };
                    clause.collect(far, types, &reads::step(route, relationship), out);
                }
            }
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.collect(kind, types, route, out)),
            Self::Not(inner) => inner.collect(kind, types, route, out),
        }
    }
}

/// Reads a text in either grammar.
pub(super) fn read(text: &str, user: &Arc<ObjectType>, types: &Registry) -> Result<Clause, Fault> {
    in_either_grammar(text, types, |reader, expr| reader.clause(expr, user, STEPS))
}

/// The same, each part that must hold by itself, with its text.
pub(super) fn read_parts(text: &str, user: &Arc<ObjectType>, types: &Registry) -> Result<Vec<(String, Clause)>, Fault> {
    in_either_grammar(text, types, |reader, expr| {
        let parts = match expr {
            Expr::And(parts) => parts.as_slice(),
            whole => std::slice::from_ref(whole),
        };
        parts.iter().map(|part| Ok((part.to_string(), reader.clause(part, user, STEPS)?))).collect()
    })
}

fn in_either_grammar<T>(text: &str, types: &Registry, read: impl Fn(&Reader<'_>, &Expr) -> Result<T, Fault>) -> Result<T, Fault> {
    let said = |fault: &Fault| fault.detail.strip_prefix("filter: ").unwrap_or(&fault.detail).to_owned();
    let means = |expr: &Expr, dialect| read(&Reader { dialect, types }, expr);
    let as_scim = scim::read(text);
    match idm::read(text) {
        Ok(expr) => means(&expr, Dialect::Idm).or_else(|first| {
            let Ok(expr) = as_scim else { return Err(invalid(&said(&first))) };
            means(&expr, Dialect::Scim).map_err(|second| match said(&second) {
                second if second == said(&first) => invalid(&second),
                second => invalid(&format!("{}; as a SCIM filter: {second}", said(&first))),
            })
        }),
        Err(refusal) => match (as_scim, refusal) {
            (Ok(expr), _) => means(&expr, Dialect::Scim).map_err(|e| invalid(&said(&e))),
            (Err(_), Refusal::Operator(op)) => Err(invalid(&idm::unsupported(&op))),
            // The reading that came further was likelier meant.
            (Err(scim), Refusal::Syntax(idm)) => Err(invalid(&if scim.at > idm.at { scim } else { idm }.to_string())),
        },
    }
}

struct Reader<'a> {
    dialect: Dialect,
    types: &'a Registry,
}

fn fault(text: String) -> Fault {
    Fault::new(crate::domain::error::Kind::InvalidFilter, text)
}

impl Reader<'_> {
    fn clause(&self, expr: &Expr, kind: &Arc<ObjectType>, left: usize) -> Result<Clause, Fault> {
        if !self.leads_on(expr, kind) {
            let filter = resolve_known(expr, kind, self.dialect)?;
            for path in filter.attributes() {
                if let Some(reason) = barred(kind, path) {
                    return Err(fault(format!("'{}' {reason}", kind.path_text(path))));
                }
            }
            return Ok(Clause::Own(filter));
        }
        let all = |parts: &[Expr]| parts.iter().map(|part| self.clause(part, kind, left)).collect::<Result<Vec<_>, _>>();
        match expr {
            Expr::And(parts) => Ok(Clause::All(all(parts)?)),
            Expr::Or(parts) => Ok(Clause::Any(all(parts)?)),
            Expr::Not(inner) => Ok(Clause::Not(Box::new(self.clause(inner, kind, left)?))),
            Expr::Compare { path, op: Op::Ne, value } => {
                let equal = Expr::Compare { path: path.clone(), op: Op::Eq, value: value.clone() };
                Ok(Clause::Not(Box::new(self.clause(&equal, kind, left)?)))
            }
            Expr::Compare { path, op: Op::Eq, value: Literal::Null } => {
                Ok(Clause::Not(Box::new(self.clause(&Expr::Present { path: path.clone() }, kind, left)?)))
            }
            Expr::Compare { path, op, value } => {
                let (relationship, rest) = self.relationship(path, kind)?;
                let rest = rest.unwrap_or_else(|| match self.dialect {
                    Dialect::Scim => "value".to_owned(),
                    Dialect::Idm => "_refResourceId".to_owned(),
                });
                self.led(path, relationship, left, &Expr::Compare { path: rest, op: *op, value: value.clone() })
            }
            Expr::Present { path } => match self.relationship(path, kind)? {
                (relationship, None) => self.led(path, relationship, left, &Expr::True),
                (relationship, Some(rest)) => self.led(path, relationship, left, &Expr::Present { path: rest }),
            },
            Expr::Element { path, filter } => match self.relationship(path, kind)? {
                (relationship, None) => self.led(path, relationship, left, filter),
                (_, Some(_)) => Err(fault(format!("'{}' has no elements that brackets could filter", excerpt(path)))),
            },
            Expr::True | Expr::False => resolve_known(expr, kind, self.dialect).map(Clause::Own),
        }
    }

    fn leads_on(&self, expr: &Expr, kind: &ObjectType) -> bool {
        match expr {
            Expr::True | Expr::False => false,
            Expr::And(parts) | Expr::Or(parts) => parts.iter().any(|part| self.leads_on(part, kind)),
            Expr::Not(inner) => self.leads_on(inner, kind),
            Expr::Compare { path, .. } | Expr::Present { path } | Expr::Element { path, .. } => self.split(path, kind).is_some(),
        }
    }

    // The relationship that a path starts with, and what follows.
    fn split<'k>(&self, path: &str, kind: &'k ObjectType) -> Option<(&'k Relationship, Option<String>)> {
        match self.dialect {
            Dialect::Idm => {
                let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest.to_owned())));
                let first = if first == "effectiveRoles" { "roles" } else { first };
                if kind.property(first).is_some() { None } else { Some((kind.relationship(first)?, rest)) }
            }
            Dialect::Scim => {
                let Some(Resolved::Attribute(at)) = kind.resolve(path) else { return None };
                let relationship = kind.relationship(kind.attribute(at).relationship.as_deref()?)?;
                Some((relationship, at.sub.map(|_| kind.leaf(at).name.clone())))
            }
        }
    }

    fn relationship<'k>(&self, path: &str, kind: &'k ObjectType) -> Result<(&'k Relationship, Option<String>), Fault> {
        let (relationship, rest) =
            self.split(path, kind).ok_or_else(|| fault(format!("'{}' is no relationship of {}", excerpt(path), kind.name)))?;
        if super::leads_to_roles(relationship) {
            return Err(fault(format!("'{}' may not be read: roles would depend on roles", excerpt(path))));
        }
        Ok((relationship, rest))
    }

    fn led(&self, path: &str, relationship: &Relationship, left: usize, expr: &Expr) -> Result<Clause, Fault> {
        if left == 0 {
            return Err(fault(format!("'{}' leads further than {STEPS} steps", excerpt(path))));
        }
        let (mut each, mut refusal) = (Vec::new(), None);
        for far in relationship.types.iter().filter_map(|name| self.types.by_name(name)) {
            // A part that only one of the types has says nothing of the others.
            match self.far(path, expr, far).and_then(|expr| self.far_clause(&expr, far, left - 1)) {
                Ok(clause) => each.push((far.name.clone(), clause)),
                Err(fault) => refusal = Some(fault),
            }
        }
        match refusal {
            Some(refusal) if each.is_empty() => Err(refusal),
            _ => Ok(Clause::Led { relationship: relationship.name.clone(), each }),
        }
    }

    // What SCIM says of a reference is put in SCIM names; IDM names may be those of either.
    fn far_clause(&self, expr: &Expr, far: &Arc<ObjectType>, left: usize) -> Result<Clause, Fault> {
        self.clause(expr, far, left).or_else(|first| match self.dialect {
            Dialect::Idm => Reader { dialect: Dialect::Scim, ..*self }.clause(expr, far, left).map_err(|_| first),
            Dialect::Scim => Err(first),
        })
    }

    // Parts of a reference as attributes of what it refers to.
    fn far(&self, whole: &str, expr: &Expr, far: &ObjectType) -> Result<Expr, Fault> {
        let all = |parts: &[Expr]| parts.iter().map(|part| self.far(whole, part, far)).collect::<Result<Vec<_>, _>>();
        Ok(match expr {
            Expr::True => Expr::True,
            Expr::False => Expr::False,
            Expr::And(parts) => Expr::And(all(parts)?),
            Expr::Or(parts) => Expr::Or(all(parts)?),
            Expr::Not(inner) => Expr::Not(Box::new(self.far(whole, inner, far)?)),
            Expr::Present { path } => Expr::Present { path: self.part(whole, path, far)? },
            Expr::Compare { path, op, value } if self.dialect == Dialect::Idm && path == "_ref" => {
                let (Op::Eq | Op::Ne, Literal::Text(text)) = (op, value) else {
                    return Err(fault(format!("'{}/_ref' takes 'eq' and a quoted reference", excerpt(whole))));
                };
                let id = text.strip_prefix(far.collection.as_str()).and_then(|rest| rest.strip_prefix('/'));
                let id = id.and_then(|id| percent_encoding::percent_decode_str(id).decode_utf8().ok());
                match id {
                    Some(id) => Expr::Compare { path: "_id".to_owned(), op: *op, value: Literal::Text(id.into_owned()) },
                    None if *op == Op::Eq => Expr::False,
                    None => Expr::True,
                }
            }
            Expr::Compare { path, op, value } => {
                Expr::Compare { path: self.part(whole, path, far)?, op: *op, value: value.clone() }
            }
            Expr::Element { path, filter } => Expr::Element { path: path.clone(), filter: filter.clone() },
        })
    }

    fn part(&self, whole: &str, part: &str, far: &ObjectType) -> Result<String, Fault> {
        let refused = || fault(format!("'{}' of '{}' cannot be read by a condition", excerpt(part), excerpt(whole)));
        match (self.dialect, part) {
            (Dialect::Idm, "_refResourceId") => Ok("_id".to_owned()),
            (Dialect::Idm, part) if part.starts_with('_') && part != "_id" => Err(refused()),
            (Dialect::Idm, part) => Ok(part.to_owned()),
            (Dialect::Scim, part) if part.eq_ignore_ascii_case("value") => Ok("id".to_owned()),
            (Dialect::Scim, part) if part.eq_ignore_ascii_case("display") || part.eq_ignore_ascii_case("displayName") => {
                Ok(far.path_text(far.label))
            }
            (Dialect::Scim, _) => Err(refused()),
        }
    }
}
