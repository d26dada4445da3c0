//! Expressions: one language for conditions, policies and mappings (docs: Rhai 1.27, expressions only).
//!
//! [`Mode::Strict`] is for what decides (conditions, policies): a missing attribute is an error, and so is a comparison of
//! different types, because in a rule that denies, a silent `false` would allow. [`Mode::Lenient`] is for what shapes
//! (mappings): a missing attribute is `()`, and helper functions take it as nothing.
//!
//! An expression is compiled once and may be evaluated from many threads. Every evaluation is bounded (see `engine`).

mod convert;
mod engine;
mod helpers;
mod strict;

use std::fmt;

use rhai::{AST, Dynamic, EvalAltResult, Position, Scope};
use serde_json::{Map, Value};

use crate::domain::error::{Fault, Kind};
use crate::domain::time::Timestamp;

/// Longest text of an expression, in bytes.
pub const LONGEST: usize = 16 * 1024;

/// How an expression takes what is missing or mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A missing attribute and a comparison of different types are errors. `get(x, "a", default)` and `has(x, "a")` ask
    /// first. `switch` is off: it compares silently.
    Strict,
    /// A missing attribute is `()`.
    Lenient,
}

/// A compiled expression.
#[derive(Clone)]
pub struct Expression {
    ast: AST,
    mode: Mode,
    text: String,
}

/// Why an expression gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct EvalError {
    /// What went wrong, with a hint where one helps. Names attributes and types.
    pub text: String,
    /// Line in the expression, from 1; 0 when unknown.
    pub line: usize,
    /// Column, from 1; 0 when unknown.
    pub column: usize,
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        f.write_str(&self.text)
    }
}

/// The variables of an evaluation. Made once and used for many expressions over the same object.
#[derive(Debug, Default)]
pub struct Bindings {
    scope: Scope<'static>,
    now: Option<Timestamp>,
}

impl Bindings {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a variable. Null members of objects are left out: null equals absent.
    #[must_use]
    pub fn value(mut self, name: &str, value: &Value) -> Self {
        self.scope.push_constant_dynamic(name, convert::to_dynamic(value));
        self
    }

    /// Adds a SCIM-shaped resource. The attributes of its extensions can be read without their URN too (`user.department`),
    /// where the core schema has none of that name.
    #[must_use]
    pub fn resource(mut self, name: &str, document: &Map<String, Value>) -> Self {
        self.scope.push_constant_dynamic(name, convert::resource(document));
        self
    }

    /// Sets the instant that `now()` gives for the whole evaluation. Without it `now()` is an error.
    #[must_use]
    pub fn now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }
}

impl Expression {
    /// Compiles a text.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] with line and column when it does not parse or is no expression.
    pub fn compile(text: &str, mode: Mode) -> Result<Self, Fault> {
        let fault = |reason: String| Fault::new(Kind::InvalidValue, reason);
        if text.trim().is_empty() {
            return Err(fault("the expression is empty".to_owned()));
        }
        if text.len() > LONGEST {
            return Err(fault(format!("the expression is longer than {LONGEST} bytes")));
        }
        let ast = engine::of(mode).compile_expression(text).map_err(|error| {
            let (line, column) = place(error.position());
            fault(format!("line {line}, column {column}: {}", error.err_type()))
        })?;
        Ok(Self { ast, mode, text: text.to_owned() })
    }

    /// The text it was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Evaluates with the given variables.
    ///
    /// # Errors
    /// [`EvalError`] when a limit is met, something is missing (strict) or the value has no JSON form.
    pub fn eval(&self, scope: &[(&str, &Value)]) -> Result<Value, EvalError> {
        let bindings = scope.iter().fold(Bindings::new(), |bindings, (name, value)| bindings.value(name, value));
        self.eval_with(&mut { bindings })
    }

    /// Evaluates with prepared variables; they come out as they went in.
    ///
    /// # Errors
    /// As [`Expression::eval`].
    pub fn eval_with(&self, bindings: &mut Bindings) -> Result<Value, EvalError> {
        convert::to_json(&self.run(bindings)?).map_err(|text| EvalError { text, line: 0, column: 0 })
    }

    /// Evaluates to true or false, for conditions.
    ///
    /// # Errors
    /// As [`Expression::eval`], and when the value is no boolean.
    pub fn holds(&self, bindings: &mut Bindings) -> Result<bool, EvalError> {
        let value = self.run(bindings)?;
        value.as_bool().map_err(|kind| EvalError {
            text: format!("a condition gives true or false, this one gives {}", strict::type_name(kind)),
            line: 0,
            column: 0,
        })
    }

    fn run(&self, bindings: &mut Bindings) -> Result<Dynamic, EvalError> {
        let _now = engine::Now::set(bindings.now);
        engine::of(self.mode)
            .eval_ast_with_scope::<Dynamic>(&mut bindings.scope, &self.ast)
            .map_err(|error| explain(&error, self.mode))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expression").field("text", &self.text).field("mode", &self.mode).finish()
    }
}

fn place(position: Position) -> (usize, usize) {
    (position.line().unwrap_or(0), position.position().unwrap_or(0))
}

// Messages say what to write instead. Values never stand in them: only names, types and limits do.
fn explain(error: &EvalAltResult, mode: Mode) -> EvalError {
    let mut inner = error;
    while let EvalAltResult::ErrorInFunctionCall(_, _, deeper, _) = inner {
        inner = deeper;
    }
    let text = match inner {
        EvalAltResult::ErrorPropertyNotFound(name, _) => {
            format!("no attribute '{name}'; get(object, \"{name}\", default) allows for its absence")
        }
        EvalAltResult::ErrorDataRace(..) => "a closure that reads an outer variable must be written filter(list, |x| …), not \
             list.filter(|x| …); where_eq(list, \"type\", \"work\") and pluck(list, \"value\") need no closure"
            .to_owned(),
        EvalAltResult::ErrorVariableNotFound(name, _) => format!("no variable '{name}'"),
        EvalAltResult::ErrorTooManyOperations(_) | EvalAltResult::ErrorTerminated(..) => {
            format!("more than {} operations", engine::OPERATIONS)
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => format!("{what} grew beyond its limit"),
        EvalAltResult::ErrorStackOverflow(_) => format!("calls nest deeper than {}", engine::CALL_LEVELS),
        EvalAltResult::ErrorRuntime(value, _) => match value.as_immutable_string_ref() {
            Ok(text) => text.to_string(),
            Err(_) => "it raised an error".to_owned(),
        },
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let hint = if signature.contains("()") && mode == Mode::Lenient { "; something it is given is missing" } else { "" };
            format!("no function {}{hint}", signature.replace("&str | ImmutableString | String", "text"))
        }
        EvalAltResult::ErrorArrayBounds(length, index, _) => {
            format!("a list of {length} has no element {index}; first(list) gives () for an empty one")
        }
        EvalAltResult::ErrorIndexNotFound(..) => "no element of that index".to_owned(),
        EvalAltResult::ErrorMismatchDataType(wanted, found, _) => {
            let (wanted, found) = (strict::type_name(wanted), strict::type_name(found));
            if wanted.is_empty() { format!("{found} does not fit here") } else { format!("{wanted} is needed here, not {found}") }
        }
        EvalAltResult::ErrorDotExpr(..) | EvalAltResult::ErrorIndexingType(..) => {
            "what stands left of the dot or bracket is no object; a missing attribute has no parts: use ?.".to_owned()
        }
        EvalAltResult::ErrorNonPureMethodCallOnConstant(name, _) => {
            format!("{name} changes its object; expressions change nothing")
        }
        EvalAltResult::ErrorArithmetic(..) => "arithmetic failed: overflow or division by zero".to_owned(),
        _ => "the expression cannot be evaluated".to_owned(),
    };
    let (line, column) = place(inner.position());
    EvalError { text, line, column }
}

#[cfg(test)]
mod tests;
