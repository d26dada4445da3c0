//! Filters over the edges of one property: fields of the target, and parts of the reference itself (spec/idm.md §2.3).

use std::collections::BTreeMap;

use super::reference;
use crate::domain::error::Fault;
use crate::domain::filter::ast::{Expr, Literal, Op};
use crate::domain::filter::{self, Dialect, Filter};
use crate::domain::schema::{Registry, Relationship};
use crate::service::relationships::Linked;

/// A filter over the edges of one property.
pub struct EdgeFilter<'r> {
    relationship: &'r Relationship,
    expression: Expr,
    // What it means for each type at the far end, when it asks nothing of the reference itself.
    fixed: Option<BTreeMap<String, Filter>>,
}

impl<'r> EdgeFilter<'r> {
    /// Makes sure that it fits one of the types at the far end; objects of the others do not pass.
    ///
    /// # Errors
    /// Those of [`filter::resolve`], for the first type.
    pub fn new(registry: &Registry, relationship: &'r Relationship, expression: Expr) -> Result<Self, Fault> {
        let on_edge = asks_of_reference(&expression);
        let plain = if on_edge { bound(&expression, &|_| Some(String::new())) } else { expression.clone() };
        let mut fixed = BTreeMap::new();
        let mut refusal = None;
        for kind in relationship.types.iter().filter_map(|name| registry.by_name(name)) {
            match filter::resolve(&plain, kind, Dialect::Idm) {
                Ok(filter) => _ = fixed.insert(kind.name.clone(), filter),
                Err(fault) => _ = refusal.get_or_insert(fault),
            }
        }
        match refusal {
            Some(fault) if fixed.is_empty() => Err(fault),
            _ => Ok(Self { relationship, expression, fixed: (!on_edge).then_some(fixed) }),
        }
    }

    /// Whether an edge passes.
    pub fn passes(&self, linked: &Linked) -> bool {
        let target = &linked.target;
        let holds = |filter: &Filter| filter::matches(filter, &target.kind, &target.clone().into_scim(""));
        match &self.fixed {
            Some(fixed) => fixed.get(&target.kind.name).is_some_and(holds),
            None => {
                let bound = bound(&self.expression, &|path| self.part(linked, path));
                filter::resolve(&bound, &target.kind, Dialect::Idm).is_ok_and(|filter| holds(&filter))
            }
        }
    }

    fn part(&self, linked: &Linked, path: &str) -> Option<String> {
        let written = reference::write(self.relationship, &linked.related);
        let found = match path.split_once('/') {
            None => written.get(path),
            Some((head, rest)) => written.get(head).and_then(|inner| inner.get(rest)),
        };
        found.and_then(|value| value.as_str()).map(str::to_owned)
    }
}

fn is_part(path: &str) -> bool {
    ["_ref", "_refResourceCollection", "_refResourceId"].contains(&path) || path.starts_with("_refProperties/")
}

fn asks_of_reference(expression: &Expr) -> bool {
    match expression {
        Expr::True | Expr::False | Expr::Element { .. } => false,
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(asks_of_reference),
        Expr::Not(inner) => asks_of_reference(inner),
        Expr::Compare { path, .. } | Expr::Present { path } => is_part(path),
    }
}

// The expression with what it asks of the reference answered.
fn bound(expression: &Expr, part: &impl Fn(&str) -> Option<String>) -> Expr {
    let all = |parts: &[Expr]| parts.iter().map(|p| bound(p, part)).collect();
    let constant = |holds: bool| if holds { Expr::True } else { Expr::False };
    match expression {
        Expr::And(parts) => Expr::And(all(parts)),
        Expr::Or(parts) => Expr::Or(all(parts)),
        Expr::Not(inner) => Expr::Not(Box::new(bound(inner, part))),
        Expr::Present { path } if is_part(path) => constant(part(path).is_some()),
        Expr::Compare { path, op, value } if is_part(path) => constant(part(path).is_some_and(|own| compares(&own, *op, value))),
        other => other.clone(),
    }
}

fn compares(own: &str, op: Op, value: &Literal) -> bool {
    match (op, value) {
        (Op::In, Literal::List(values)) => values.iter().any(|value| compares(own, Op::Eq, value)),
        (Op::Eq, Literal::Text(text)) => own == text,
        (Op::Ne, Literal::Text(text)) => own != text,
        (Op::Co, Literal::Text(text)) => own.contains(text.as_str()),
        (Op::Sw, Literal::Text(text)) => own.starts_with(text.as_str()),
        (Op::Ew, Literal::Text(text)) => own.ends_with(text.as_str()),
        (Op::Gt, Literal::Text(text)) => own > text.as_str(),
        (Op::Ge, Literal::Text(text)) => own >= text.as_str(),
        (Op::Lt, Literal::Text(text)) => own < text.as_str(),
        (Op::Le, Literal::Text(text)) => own <= text.as_str(),
        _ => false,
    }
}
