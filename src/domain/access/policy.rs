//! Policies of resources: rules that deny, whatever roles allow (spec/access.md rows P51–P66).

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::permission;
use super::question::{Node, Principal};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::expression::{Bindings, EvalError, Expression, Mode};
use crate::domain::time::Timestamp;

/// Stands for every type, and for every resource of a type.
pub const ANY: &str = "*";

/// Most rules of one policy, exceptions and permissions of one rule.
const MOST: usize = 100;

/// Longest name, message or token.
const LONGEST: usize = 1_000;

/// What denies on a resource.
#[derive(Debug, Clone)]
pub struct Policy {
    /// What it is called.
    pub id: String,
    /// Type of the resource; [`ANY`] for every.
    pub resource_type: String,
    /// Id of the resource; [`ANY`] for every of the type.
    pub resource_id: String,
    /// Whether it is in force.
    pub enabled: bool,
    /// In order.
    pub rules: Vec<Rule>,
    /// Whether it was written as a rule alone.
    bare: bool,
}

/// One rule: it denies when its condition holds, unless the principal is excepted.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What it denies; everything when empty.
    pub permissions: Vec<String>,
    /// When.
    pub condition: Expression,
    /// Told on denial.
    pub message: Option<String>,
    /// Whom it passes over.
    pub exceptions: Vec<Exception>,
}

/// Whom a rule passes over: `kind:value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exception {
    /// Principals with this tag.
    Tag(String),
    /// The principal with this id.
    Principal(String),
    /// Holders of the role of this name.
    Role(String),
    /// Members of the group with this id, directly or not.
    Group(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyForm {
    #[serde(default = "any")]
    resource_type: String,
    #[serde(default = "any")]
    resource_id: String,
    #[serde(default = "yes")]
    enabled: bool,
    conditions: Option<Vec<Value>>,
    // Without conditions, the only rule.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleForm {
    effect: String,
    #[serde(default)]
    permissions: Vec<String>,
    condition: String,
    message: Option<String>,
    #[serde(default)]
    exceptions: Vec<String>,
}

fn any() -> String {
    ANY.to_owned()
}

const fn yes() -> bool {
    true
}

impl Policy {
    /// Reads a policy in its literal form, or a rule alone, which stands beside the members of the policy; without a resource it
    /// holds for every one. Every condition is compiled and tried.
    ///
    /// # Errors
    /// [`Kind::InvalidSyntax`] for the form; [`Kind::InvalidValue`] naming the member; [`Kind::InvalidExpression`] for a condition.
    pub fn parse(id: &str, body: &Value) -> Result<Self, Fault> {
        let form: PolicyForm = read(body, "")?;
        for (member, text) in [("resourceType", &form.resource_type), ("resourceId", &form.resource_id)] {
            check_token(member, text)?;
        }
        if form.resource_type == ANY && form.resource_id != ANY {
            return Err(Fault::new(Kind::InvalidValue, "'resourceId' needs a 'resourceType'"));
        }
        let (rules, bare) = match (&form.conditions, form.rest.keys().next()) {
            (None, None) => {
                let text = "a policy has 'conditions', or is one rule with 'effect' and 'condition'";
                return Err(Fault::new(Kind::InvalidSyntax, text));
            }
            (None, Some(_)) => (vec![Rule::parse(&Value::Object(form.rest), "")?], true),
            (Some(_), Some(other)) => {
                let text = format!("'{}' does not stand beside 'conditions'", excerpt(other));
                return Err(Fault::new(Kind::InvalidSyntax, text));
            }
            (Some(conditions), None) => {
                few("conditions", conditions.len())?;
                if conditions.is_empty() {
                    return Err(Fault::new(Kind::InvalidValue, "'conditions' holds at least one rule"));
                }
                let rules = conditions.iter().enumerate().map(|(at, rule)| Rule::parse(rule, &format!("conditions[{at}].")));
                (rules.collect::<Result<_, _>>()?, false)
            }
        };
        let PolicyForm { resource_type, resource_id, enabled, .. } = form;
        Ok(Self { id: id.to_owned(), resource_type, resource_id, enabled, rules, bare })
    }

    /// The form it is written in: of a rule alone what it says of a resource only where it does.
    pub fn to_json(&self) -> Value {
        let mut out = match &self.rules[..] {
            [rule] if self.bare => rule.to_json(),
            rules => json!({ "conditions": rules.iter().map(Rule::to_json).collect::<Vec<_>>() }),
        };
        for (member, text) in [("resourceType", &self.resource_type), ("resourceId", &self.resource_id)] {
            if !self.bare || text != ANY {
                out[member] = text.as_str().into();
            }
        }
        if !self.bare || !self.enabled {
            out["enabled"] = self.enabled.into();
        }
        out
    }

    /// How near it is attached to a resource: to itself, to what it lies in, to its type, to everything; none when it does not
    /// concern it. Without a resource only what is attached to everything does.
    pub fn distance(&self, resource: &[Node]) -> Option<usize> {
        let whole = self.resource_id == ANY;
        if whole && self.resource_type == ANY {
            return Some(usize::MAX);
        }
        if whole {
            let nearest = resource.first().is_some_and(|node| node.kind == self.resource_type);
            return nearest.then_some(usize::MAX - 1);
        }
        resource.iter().position(|node| node.kind == self.resource_type && node.id == self.resource_id)
    }
}

impl Rule {
    fn parse(body: &Value, at: &str) -> Result<Self, Fault> {
        let form: RuleForm = read(body, at)?;
        let named = |member: &str, fault: Fault| Fault::new(fault.kind, format!("'{at}{member}': {fault}"));
        if !form.effect.eq_ignore_ascii_case("deny") {
            let text = "is Deny: what allows is a role";
            return Err(named("effect", Fault::new(Kind::InvalidValue, text)));
        }
        few("permissions", form.permissions.len()).map_err(|fault| named("permissions", fault))?;
        few("exceptions", form.exceptions.len()).map_err(|fault| named("exceptions", fault))?;
        form.permissions.iter().try_for_each(|name| permission::check(name)).map_err(|fault| named("permissions", fault))?;
        if let Some(message) = &form.message {
            check_token("message", message).map_err(|fault| named("message", fault))?;
        }
        let exceptions = form.exceptions.iter().map(|token| Exception::parse(token)).collect::<Result<_, _>>();
        let expression = |text: String| named("condition", Fault::new(Kind::InvalidExpression, text));
        let condition = Expression::compile(&form.condition, Mode::Strict).map_err(|fault| expression(fault.to_string()))?;
        let rule = Self {
            permissions: form.permissions,
            condition,
            message: form.message,
            exceptions: exceptions.map_err(|fault| named("exceptions", fault))?,
        };
        rule.try_out().map_err(|error| expression(error.to_string()))?;
        Ok(rule)
    }

    // On a principal and a resource that have everything: what fails there fails always.
    fn try_out(&self) -> Result<(), EvalError> {
        let sample = Principal {
            kind: "service_account".to_owned(),
            id: "id".to_owned(),
            name: "name".to_owned(),
            active: true,
            tags: vec!["tag".to_owned()],
            groups: vec!["group".to_owned()],
            roles: Vec::new(),
        };
        let node = Node { kind: "type".to_owned(), id: "id".to_owned() };
        let mut bindings = bindings(&sample, Some(&node), "a.b", Timestamp::from_micros(0));
        self.condition.holds(&mut bindings).map(drop)
    }

    fn to_json(&self) -> Value {
        let mut out = json!({ "effect": "Deny", "condition": self.condition.text() });
        if !self.permissions.is_empty() {
            out["permissions"] = json!(self.permissions);
        }
        if let Some(message) = &self.message {
            out["message"] = message.as_str().into();
        }
        if !self.exceptions.is_empty() {
            out["exceptions"] = self.exceptions.iter().map(ToString::to_string).collect();
        }
        out
    }

    /// Whether it says anything of a permission.
    pub fn names(&self, permission: &str) -> bool {
        self.permissions.is_empty() || self.permissions.iter().any(|name| name == permission)
    }
}

/// The variables of a condition.
pub(super) fn bindings(principal: &Principal, resource: Option<&Node>, permission: &str, now: Timestamp) -> Bindings {
    Bindings::new()
        .value("principal", &principal.bindings())
        .value("resource", &Node::bindings(resource))
        .value("permission", &json!(permission))
        .now(now)
}

impl Exception {
    fn parse(token: &str) -> Result<Self, Fault> {
        check_token("exceptions", token)?;
        let wrong = || {
            let text = format!("'{}' is none: tag:, principal:, role: or group: with a value", excerpt(token));
            Fault::new(Kind::InvalidValue, text)
        };
        let (kind, value) = token.split_once(':').filter(|(_, value)| !value.is_empty()).ok_or_else(wrong)?;
        let value = value.to_owned();
        match kind {
            "tag" => Ok(Self::Tag(value)),
            "principal" => Ok(Self::Principal(value)),
            "role" => Ok(Self::Role(value)),
            "group" => Ok(Self::Group(value)),
            _ => Err(wrong()),
        }
    }

    /// Whether it is the principal who is meant.
    pub fn admits(&self, principal: &Principal) -> bool {
        match self {
            Self::Tag(tag) => principal.tags.contains(tag),
            Self::Principal(id) => principal.id == *id,
            Self::Role(name) => principal.roles.iter().any(|role| role.name == *name),
            Self::Group(id) => principal.groups.contains(id),
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(value) => write!(f, "tag:{value}"),
            Self::Principal(value) => write!(f, "principal:{value}"),
            Self::Role(value) => write!(f, "role:{value}"),
            Self::Group(value) => write!(f, "group:{value}"),
        }
    }
}

fn read<F: DeserializeOwned>(body: &Value, at: &str) -> Result<F, Fault> {
    let wrong = |text: String| Fault::new(Kind::InvalidSyntax, format!("{at}{text}"));
    // A list would be taken for the members in their order.
    if !body.is_object() {
        return Err(wrong("a policy and each of its rules is a JSON object".to_owned()));
    }
    serde_json::from_value(body.clone()).map_err(|e| wrong(e.to_string()))
}

/// Checks a text that rules look for: a tag, a token of an exception, a message.
///
/// # Errors
/// [`Kind::InvalidValue`] that names `member`.
pub fn check_token(member: &str, text: &str) -> Result<(), Fault> {
    if text.is_empty() || text.chars().count() > LONGEST || text.contains(char::is_control) {
        let rule = format!("'{member}' has 1 to {LONGEST} characters, none of them control characters");
        return Err(Fault::new(Kind::InvalidValue, rule));
    }
    Ok(())
}

fn few(member: &str, count: usize) -> Result<(), Fault> {
    if count > MOST { Err(Fault::new(Kind::InvalidValue, format!("'{member}' holds at most {MOST}"))) } else { Ok(()) }
}
