//! What a target is: the document that an administrator writes (spec/admin.md), checked, and what the engine makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::connector::scim::KINDS;
use crate::domain::error::{Fault, Kind};
use crate::domain::filter::ast::Expr;
use crate::domain::filter::resolve::resolve_known;
use crate::domain::filter::{Dialect, Filter, eval, scim};
use crate::domain::mapping::{CompiledMapping, DocumentPath, Mapping};
use crate::domain::schema::{ObjectType, Registry};
use crate::service::load::Needs;

/// The one kind of target there is.
pub const SCIM: &str = "scim";

const LONGEST_NAME: usize = 64;

/// What becomes of an account that is no longer wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deprovision {
    /// It is made inactive; what cannot be inactive, a group, is deleted.
    #[default]
    Disable,
    /// It is deleted.
    Delete,
    /// It is left as it is and no longer known.
    Unlink,
}

impl Deprovision {
    /// Stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Delete => "delete",
            Self::Unlink => "unlink",
        }
    }
}

/// How much may be taken away before someone must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Limits {
    /// Most accounts taken away within the window.
    pub deletes: u32,
    /// Most of the linked accounts, in percent, where there are at least 20.
    pub percent: u32,
    /// Length of the window.
    pub window_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deletes: 50, percent: 20, window_seconds: 3600 }
    }
}

/// A target as an administrator writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Its name, unique within the tenant.
    pub name: String,
    /// Configuration of the connector.
    pub config: Value,
    /// Mappings by object type.
    pub mappings: Map<String, Value>,
    /// What becomes of what is no longer wanted.
    pub deprovision: Deprovision,
    /// Limits of the mass-change guard, when they are not the usual ones.
    pub guard: Option<Limits>,
}

fn invalid(text: impl Into<String>) -> Fault {
    Fault::new(Kind::InvalidValue, text.into())
}

impl Spec {
    /// Reads a body; what it names besides is refused.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] that names the key.
    pub fn parse(body: &Value) -> Result<Self, Fault> {
        let mut members = body.as_object().cloned().ok_or_else(|| Fault::new(Kind::InvalidSyntax, "a target is an object"))?;
        // What answers carry and clients send back.
        for shown in ["id", "state", "stateReason", "stateSince", "notBefore", "created", "rev", "counts"] {
            members.shift_remove(shown);
        }
        let mut take = |key: &str| members.shift_remove(key).filter(|value| !value.is_null());
        let name = match take("name") {
            Some(Value::String(name)) if is_name(&name) => name,
            _ => return Err(invalid(format!("name is 1 to {LONGEST_NAME} of letters, digits, '.', '-' and '_'"))),
        };
        if take("kind").as_ref().and_then(Value::as_str) != Some(SCIM) {
            return Err(invalid("kind is scim"));
        }
        let config = take("config").filter(Value::is_object).ok_or_else(|| invalid("config is an object"))?;
        let mappings = match take("mappings") {
            None => KINDS.iter().map(|kind| ((*kind).to_owned(), json!({}))).collect(),
            Some(Value::Object(mappings)) => mappings,
            Some(_) => return Err(invalid("mappings is an object, by object type")),
        };
        let deprovision = match take("deprovision") {
            None => Deprovision::default(),
            Some(value) => serde_json::from_value(value).map_err(|_| invalid("deprovision is disable, delete or unlink"))?,
        };
        let guard = take("guard").map(|value| guard(&value)).transpose()?;
        match members.keys().next() {
            Some(key) => Err(invalid(format!("{key} is not known"))),
            None => Ok(Self { name, config, mappings, deprovision, guard }),
        }
    }
}

fn guard(value: &Value) -> Result<Limits, Fault> {
    let limits: Limits = serde_json::from_value(value.clone()).map_err(|e| invalid(format!("guard: {e}")))?;
    if limits.percent > 100 || limits.window_seconds == 0 {
        return Err(invalid("guard: percent is at most 100, and windowSeconds at least 1"));
    }
    Ok(limits)
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=LONGEST_NAME).contains(&name.chars().count()) && name.chars().all(plain)
}

/// Which objects of a type belong at the target.
#[derive(Debug, Clone)]
pub struct Scope {
    /// As it was written.
    pub text: String,
    /// What it means.
    pub filter: Filter,
    /// The parts that must all hold, as text, each with what it means.
    pub clauses: Vec<(String, Filter)>,
}

/// What is done with the objects of one type.
#[derive(Debug, Clone)]
pub struct TypePlan {
    /// The object type.
    pub kind: Arc<ObjectType>,
    /// Which of them; none means all.
    pub scope: Option<Scope>,
    /// What is written of them.
    pub mapping: CompiledMapping,
    /// Relationship properties whose values the scope or a rule reads.
    pub reads: BTreeSet<String>,
    /// What must be loaded of them.
    pub needs: Needs,
}

impl TypePlan {
    /// Whether an object belongs at the target.
    pub fn admits(&self, source: &Map<String, Value>) -> bool {
        self.scope.as_ref().is_none_or(|scope| eval::matches(&scope.filter, &self.kind, source))
    }
}

/// A target's mappings, ready to work with.
#[derive(Debug, Clone)]
pub struct Plans(BTreeMap<String, TypePlan>);

impl Plans {
    /// Compiles the mappings.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] that names the key, as `mappings.user.rules[2].expr`.
    pub fn compile(mappings: &Map<String, Value>, registry: &Registry) -> Result<Self, Fault> {
        let mut out = BTreeMap::new();
        for (name, value) in mappings {
            let at = |fault: Fault| Fault { detail: format!("mappings.{name}.{}", fault.detail).into(), ..fault };
            let kind = registry.by_name(name).filter(|_| KINDS.contains(&name.as_str()));
            let kind = kind.ok_or_else(|| invalid(format!("mappings.{name}: SCIM targets hold {}", KINDS.join(" and "))))?;
            let mapping = Mapping::from_json(value).map_err(at)?;
            out.insert(name.clone(), type_plan(&mapping, kind).map_err(at)?);
        }
        Ok(Self(out))
    }

    /// What is done with a type; none when it does not belong at the target.
    pub fn get(&self, kind: &str) -> Option<&TypePlan> {
        self.0.get(kind)
    }

    /// The types that belong there, users first.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.0.keys().rev().map(String::as_str)
    }
}

fn type_plan(mapping: &Mapping, kind: &Arc<ObjectType>) -> Result<TypePlan, Fault> {
    let scope = mapping.scope.as_deref().map(|text| scope(text, kind)).transpose()?;
    let compiled = CompiledMapping::compile(mapping, &kind.name)?;
    let rules = mapping.rules(&kind.name)?;
    // Relationship properties by the name of the attribute that shows them.
    let shown: Vec<(&str, &str)> =
        kind.paths().filter_map(|(_, a)| Some((a.name.as_str(), a.relationship.as_deref()?))).collect();
    let mut reads = BTreeSet::new();
    if let Some(scope) = &scope {
        let attributes = scope.filter.attributes();
        reads.extend(attributes.iter().filter_map(|path| kind.attribute(*path).relationship.clone()));
    }
    let mut needs = Needs::nothing();
    for (at, rule) in rules.iter().enumerate() {
        let from = rule.from.as_deref().and_then(|text| DocumentPath::parse(text).ok());
        for (attribute, property) in &shown {
            // An expression that reads an attribute names it.
            let named = [&rule.expr, &rule.when].into_iter().flatten().any(|text| text.contains(attribute));
            if named || from.as_ref().is_some_and(|path| path.attribute.eq_ignore_ascii_case(attribute)) {
                reads.insert((*property).to_owned());
            }
        }
        if let Some(property) = &rule.reference {
            if kind.relationship(property).is_none_or(|r| r.many) {
                return Err(invalid(format!("rules[{at}].ref: '{property}' is no single relationship of a {}", kind.name)));
            }
            needs = needs.and(property);
        }
    }
    needs = Needs::scim(kind, |property| reads.contains(property)).union(needs);
    Ok(TypePlan { kind: kind.clone(), scope, mapping: compiled, reads, needs })
}

fn scope(text: &str, kind: &ObjectType) -> Result<Scope, Fault> {
    let at = |fault: Fault| invalid(format!("scope: {}", fault.detail));
    let expr = scim::parse(text).map_err(at)?;
    let filter = resolve_known(&expr, kind, Dialect::Scim).map_err(at)?;
    let parts = match &expr {
        Expr::And(parts) => parts.as_slice(),
        whole => std::slice::from_ref(whole),
    };
    let clause = |part: &Expr| Ok((part.to_string(), resolve_known(part, kind, Dialect::Scim).map_err(at)?));
    let clauses = parts.iter().map(clause).collect::<Result<_, _>>()?;
    Ok(Scope { text: text.to_owned(), filter, clauses })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plans(mappings: Value) -> Result<Plans, Fault> {
        Plans::compile(mappings.as_object().unwrap(), &Registry::shipped().unwrap())
    }

    #[test]
    fn a_target_is_read_and_faults_name_the_key() {
        let body = json!({"name": "crm", "kind": "scim", "config": {}});
        let spec = Spec::parse(&body).unwrap();
        assert_eq!(spec.mappings.keys().collect::<Vec<_>>(), ["user", "group"]);
        assert_eq!((spec.deprovision, spec.guard), (Deprovision::Disable, None));
        for (key, value, text) in [
            ("name", json!(""), "name is"),
            ("name", json!("a b"), "name is"),
            ("kind", json!("ldap"), "kind is scim"),
            ("config", json!(1), "config is an object"),
            ("mappings", json!([]), "mappings is an object"),
            ("deprovision", json!("burn"), "deprovision is"),
            ("guard", json!({"delete": 1}), "guard: unknown field"),
            ("guard", json!({"percent": 101}), "guard: percent"),
            ("colour", json!(1), "colour is not known"),
        ] {
            let mut body = body.clone();
            body[key] = value;
            let fault = Spec::parse(&body).unwrap_err();
            assert!(fault.detail.starts_with(text), "{fault}");
        }
        let mut body = body;
        body["guard"] = json!({"deletes": 3});
        assert_eq!(Spec::parse(&body).unwrap().guard, Some(Limits { deletes: 3, ..Limits::default() }));
    }

    #[test]
    fn mappings_say_what_they_read() {
        let reads = |mapping: Value| {
            let plans = plans(json!({"user": mapping})).unwrap();
            plans.get("user").unwrap().reads.iter().cloned().collect::<Vec<_>>().join(" ")
        };
        for (mapping, expected) in [
            (json!({}), ""),
            (json!({"scope": "active eq true and roles.value eq \"x\""}), "roles"),
            (json!({"scope": "groups[display eq \"x\"]"}), "groups"),
            (json!({"rules": [{"target": "title", "expr": "join(\",\", pluck(user.roles, \"display\"))"}]}), "roles"),
            (json!({"rules": [{"target": "title", "from": "groups"}]}), "groups"),
            (json!({"rules": [{"target": "title", "from": "title", "when": "has(user, \"manager\")"}]}), "manager"),
        ] {
            assert_eq!(reads(mapping.clone()), expected, "{mapping}");
        }
    }

    #[test]
    fn faults_name_the_key() {
        for (mappings, text) in [
            (json!({"role": {}}), "mappings.role: SCIM targets hold"),
            (json!({"user": {"scope": "nope eq 1"}}), "mappings.user.scope: "),
            (json!({"user": {"scope": "userName eq"}}), "mappings.user.scope: "),
            (json!({"user": {"rules": [{"target": "title", "expr": "1 +"}]}}), "mappings.user.rules[0].expr: "),
            (json!({"user": {"rules": [{"target": "title", "ref": "roles"}]}}), "mappings.user.rules[0].ref: "),
            (json!({"user": {"rule": []}}), "mappings.user.unknown field"),
        ] {
            let fault = plans(mappings.clone()).unwrap_err();
            assert!(fault.detail.starts_with(text), "{mappings}: {fault}");
        }
        let both = plans(json!({"group": {}, "user": {}})).unwrap();
        assert_eq!(both.kinds().collect::<Vec<_>>(), ["user", "group"]);
    }
}
