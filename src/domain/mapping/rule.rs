//! Rules as they are written in a target's configuration (spec/sync.md §4).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::standard;
use crate::domain::error::{Fault, Kind};

/// The mapping of one object type at one target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// SCIM filter: which objects belong at the target. Parsed elsewhere; `None` means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// What is written. `None` means the standard rules of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<Rule>>,
}

/// One rule: a path at the target and where its value comes from. Exactly one of `from`, `expr`, `ref` and `constant` is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Path at the target: `a`, `a.b`, `emails[type eq "work"].value`, `URN:a`.
    pub target: String,
    /// Path in our object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Expression over our object, which is named as its type (`user.displayName`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expr: Option<String>,
    /// Relationship whose far end is written by its id at the target.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The value itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<Value>,
    /// Value in place of a missing one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Condition, an expression; where it is false the rule gives no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// When it applies.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on: On,
    /// What happens to what stands at the target.
    #[serde(default, skip_serializing_if = "is_default")]
    pub merge: Merge,
    /// What a missing value does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub null: Null,
    /// Rank among the attributes by which existing objects are found, from 1.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub matching: Option<u8>,
    /// Whether its value may be stored or shown.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sensitive: bool,
}

/// When a rule applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// Whenever the object is written.
    #[default]
    Always,
    /// Only when it is created at the target.
    Create,
}

/// What happens to what stands at the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Merge {
    /// It is replaced.
    #[default]
    Replace,
}

/// What a missing value does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Null {
    /// Takes the value away at the target.
    #[default]
    Clear,
    /// Leaves what stands at the target.
    Ignore,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Mapping {
    /// Reads a mapping from JSON.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] that names the rule by its index, and the key.
    pub fn from_json(value: &Value) -> Result<Self, Fault> {
        let fault = |text: String| Fault::new(Kind::InvalidValue, text);
        let Some(members) = value.as_object() else { return Err(fault("a mapping is an object".to_owned())) };
        // Rule by rule, so that the message can say which.
        let mut shell = members.clone();
        let rules = shell.shift_remove("rules").filter(|rules| !rules.is_null());
        let mut out: Self = serde_json::from_value(Value::Object(shell)).map_err(|e| fault(e.to_string()))?;
        if let Some(rules) = rules {
            let Value::Array(rules) = rules else { return Err(fault("rules is a list".to_owned())) };
            let read = |(at, rule)| serde_json::from_value(rule).map_err(|e| fault(format!("rules[{at}]: {e}")));
            out.rules = Some(rules.into_iter().enumerate().map(read).collect::<Result<_, _>>()?);
        }
        Ok(out)
    }

    /// Its rules, or the standard ones of the type.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] when it has none and the type has no standard ones.
    pub fn rules(&self, kind: &str) -> Result<Vec<Rule>, Fault> {
        match &self.rules {
            Some(rules) => Ok(rules.clone()),
            None => standard::rules(kind).ok_or_else(|| {
                Fault::new(Kind::InvalidValue, format!("rules: there are no standard rules for '{kind}', so they must be given"))
            }),
        }
    }
}
