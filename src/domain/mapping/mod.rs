//! Mappings: from one of our objects to the document that a target should hold.

pub mod path;
pub mod rule;
pub mod standard;

use serde_json::{Map, Value};

use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::expression::{Bindings, Expression, Mode};
pub use path::DocumentPath;
pub use rule::{Mapping, Merge, Null, On, Rule};

// Written by the engine, or by nobody.
const RESERVED: [&str; 5] = ["id", "externalId", "schemas", "meta", "members"];

/// A mapping ready to be applied: paths read, expressions compiled.
#[derive(Debug, Clone)]
pub struct CompiledMapping {
    kind: String,
    targets: Vec<Target>,
    scripted: bool,
}

// The rules of one path, in order: the first that gives a value decides.
#[derive(Debug, Clone)]
struct Target {
    path: DocumentPath,
    rules: Vec<CompiledRule>,
}

#[derive(Debug, Clone)]
struct CompiledRule {
    index: usize,
    source: Source,
    default: Option<Value>,
    when: Option<Expression>,
    on: On,
    null: Null,
    matching: Option<u8>,
    sensitive: bool,
}

#[derive(Debug, Clone)]
enum Source {
    From(DocumentPath),
    Expression(Expression),
    Reference(String),
    Constant(Value),
}

/// What a target should hold of one object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Desired {
    /// The document, without references, `externalId` and `schemas`.
    pub document: Map<String, Value>,
    /// References still to be resolved to ids at the target.
    pub references: Vec<Reference>,
    /// Paths that the mapping answers for; one without a value in the document is taken away at the target.
    pub owned: Vec<DocumentPath>,
    /// Paths written at creation and left alone later.
    pub create_only: Vec<DocumentPath>,
    /// Paths and values by which an existing object is found, by rank.
    pub matches: Vec<(DocumentPath, Value)>,
    /// Paths whose values are neither stored nor shown.
    pub sensitive: Vec<DocumentPath>,
}

/// A reference to be resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Where its id goes.
    pub target: DocumentPath,
    /// The relationship of our object that it follows.
    pub relationship: String,
}

/// One step of an explanation.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Index of the rule.
    pub rule: usize,
    /// Its path at the target.
    pub target: String,
    /// What it reads: a path, an expression, a relationship.
    pub input: String,
    /// What came of it.
    pub output: Output,
}

/// What came of a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// This value.
    Value(Value),
    /// A value that is not shown.
    Hidden,
    /// A reference through this relationship.
    Reference(String),
    /// Nothing, so what stands at the target is taken away.
    Cleared,
    /// Nothing, and what stands at the target stays.
    Ignored,
    /// Its condition is false.
    NotNow,
    /// It applies at creation only.
    CreateOnly,
    /// A rule before it gave the value.
    Decided,
}

/// A rule that failed on an object: the object is parked until it or the mapping changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rules[{rule}] ({target}): {text}")]
pub struct MappingError {
    /// Index of the rule.
    pub rule: usize,
    /// Its path at the target.
    pub target: String,
    /// What went wrong.
    pub text: String,
}

impl Desired {
    /// Writes the id of a resolved reference; without one the target's value is taken away.
    pub fn resolve(&mut self, reference: &Reference, id: Option<&str>) {
        match id {
            Some(id) => reference.target.put(&mut self.document, Value::from(id)),
            None => reference.target.remove(&mut self.document),
        }
    }

    /// Leaves alone what stands at a path: for a reference whose far end is not at the target yet.
    pub fn withhold(&mut self, reference: &Reference) {
        let owned = owned_path(&reference.target);
        self.owned.retain(|path| *path != owned);
    }
}

// The id of a reference and what else stands in its complex value go together.
fn owned_path(target: &DocumentPath) -> DocumentPath {
    let alone = target.filter.is_none() && target.sub.as_deref().is_some_and(|sub| sub.eq_ignore_ascii_case("value"));
    if alone { target.parent() } else { target.clone() }
}

impl CompiledMapping {
    /// Compiles a mapping for objects of the type `kind`, which is also the name of the object in expressions.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] that names the rule by its index, and the key.
    pub fn compile(mapping: &Mapping, kind: &str) -> Result<Self, Fault> {
        let mut targets: Vec<Target> = Vec::new();
        for (index, rule) in mapping.rules(kind)?.iter().enumerate() {
            let at = |key: &str, why: &str| Fault::new(Kind::InvalidValue, format!("rules[{index}].{key}: {why}"));
            let path = DocumentPath::parse(&rule.target).map_err(|why| at("target", &why))?;
            if path.urn.is_none() && RESERVED.iter().any(|name| name.eq_ignore_ascii_case(&path.attribute)) {
                return Err(at("target", &format!("'{}' is not written by rules", path.attribute)));
            }
            let compiled = compile_rule(index, rule, at)?;
            match targets.iter_mut().find(|known| known.path.overlaps(&path)) {
                None => targets.push(Target { path, rules: vec![compiled] }),
                Some(known) if known.path.to_string().eq_ignore_ascii_case(&path.to_string()) => known.rules.push(compiled),
                Some(known) => return Err(at("target", &format!("it overlaps '{}' of an earlier rule", known.path))),
            }
        }
        let mut all = targets.iter().flat_map(|target| &target.rules);
        let scripted = all.any(|rule| rule.when.is_some() || matches!(rule.source, Source::Expression(_)));
        Ok(Self { kind: kind.to_owned(), targets, scripted })
    }

    /// Applies the mapping to an object, given as the whole SCIM-shaped resource. `creating` says that the target does not
    /// hold it yet.
    ///
    /// # Errors
    /// [`MappingError`] when an expression fails.
    pub fn apply(&self, source: &Map<String, Value>, creating: bool) -> Result<Desired, MappingError> {
        self.run(source, creating, &mut |_| {})
    }

    /// Applies the mapping and says what each rule did, up to the one that failed.
    pub fn explain(&self, source: &Map<String, Value>, creating: bool) -> (Result<Desired, MappingError>, Vec<Step>) {
        let mut steps = Vec::new();
        let outcome = self.run(source, creating, &mut |step| steps.push(step()));
        steps.sort_by_key(|step| step.rule);
        (outcome, steps)
    }

    fn run(
        &self,
        source: &Map<String, Value>,
        creating: bool,
        note: &mut dyn FnMut(&dyn Fn() -> Step),
    ) -> Result<Desired, MappingError> {
        let mut bindings = Bindings::new();
        if self.scripted {
            bindings = bindings.resource(&self.kind, source);
        }
        let mut out = Desired::default();
        let mut ranked = Vec::new();
        for target in &self.targets {
            let mut decided = false;
            let mut clears = false;
            for rule in &target.rules {
                let fail = |text: String| MappingError { rule: rule.index, target: target.path.to_string(), text };
                let output = if decided {
                    Output::Decided
                } else if rule.on == On::Create && !creating {
                    Output::CreateOnly
                } else {
                    rule.evaluate(source, &mut bindings).map_err(fail)?
                };
                note(&|| rule.step(&target.path, &output));
                match output {
                    Output::Value(value) => {
                        if let Some(rank) = rule.matching {
                            ranked.push((rank, target.path.clone(), value.clone()));
                        }
                        target.path.put(&mut out.document, value);
                        decided = true;
                    }
                    Output::Reference(relationship) => {
                        out.references.push(Reference { target: target.path.clone(), relationship });
                        decided = true;
                    }
                    Output::Cleared => clears = true,
                    Output::NotNow => clears |= rule.null == Null::Clear,
                    Output::Hidden | Output::Ignored | Output::CreateOnly | Output::Decided => {}
                }
            }
            target.account(decided || clears, &mut out);
        }
        ranked.sort_by_key(|(rank, ..)| *rank);
        out.matches = ranked.into_iter().map(|(_, path, value)| (path, value)).collect();
        Ok(out)
    }
}

impl Target {
    fn account(&self, touched: bool, out: &mut Desired) {
        if self.rules.iter().any(|rule| rule.sensitive) {
            out.sensitive.push(self.path.clone());
        }
        if self.rules.iter().all(|rule| rule.on == On::Create) {
            out.create_only.push(self.path.clone());
        } else if touched {
            let reference = self.rules.iter().any(|rule| matches!(rule.source, Source::Reference(_)));
            out.owned.push(if reference { owned_path(&self.path) } else { self.path.clone() });
        }
    }
}

impl CompiledRule {
    fn evaluate(&self, source: &Map<String, Value>, bindings: &mut Bindings) -> Result<Output, String> {
        // What an expression says of a sensitive value stays here.
        let tell = |error: &dyn std::fmt::Display| if self.sensitive { "the rule failed".to_owned() } else { error.to_string() };
        if let Some(when) = &self.when
            && !when.holds(bindings).map_err(|error| format!("when: {}", tell(&error)))?
        {
            return Ok(Output::NotNow);
        }
        let value = match &self.source {
            Source::Reference(relationship) => return Ok(Output::Reference(relationship.clone())),
            Source::From(path) => path.read(source).cloned(),
            Source::Constant(value) => Some(value.clone()),
            Source::Expression(expression) => Some(expression.eval_with(bindings).map_err(|error| tell(&error))?),
        };
        Ok(match (value.and_then(clean).or_else(|| self.default.clone()), self.null) {
            (Some(value), _) => Output::Value(value),
            (None, Null::Clear) => Output::Cleared,
            (None, Null::Ignore) => Output::Ignored,
        })
    }

    fn step(&self, target: &DocumentPath, output: &Output) -> Step {
        let input = match &self.source {
            Source::From(path) => path.to_string(),
            Source::Expression(expression) => excerpt(expression.text()),
            Source::Reference(relationship) => relationship.clone(),
            Source::Constant(_) => "constant".to_owned(),
        };
        let output = match output {
            Output::Value(_) if self.sensitive => Output::Hidden,
            other => other.clone(),
        };
        Step { rule: self.index, target: target.to_string(), input, output }
    }
}

fn compile_rule(index: usize, rule: &Rule, at: impl Fn(&str, &str) -> Fault) -> Result<CompiledRule, Fault> {
    let expression = |key: &str, text: &str| Expression::compile(text, Mode::Lenient).map_err(|fault| at(key, &fault.detail));
    let mut sources = Vec::new();
    if let Some(from) = &rule.from {
        sources.push(Source::From(DocumentPath::parse(from).map_err(|why| at("from", &why))?));
    }
    if let Some(text) = &rule.expr {
        sources.push(Source::Expression(expression("expr", text)?));
    }
    if let Some(relationship) = &rule.reference {
        if relationship.is_empty() || rule.default.is_some() || rule.matching.is_some() {
            return Err(at("ref", "it names a relationship and goes without default and match"));
        }
        sources.push(Source::Reference(relationship.clone()));
    }
    if let Some(value) = &rule.constant {
        sources.push(Source::Constant(clean(value.clone()).ok_or_else(|| at("constant", "it must have a value"))?));
    }
    let (Some(source), true) = (sources.pop(), sources.is_empty()) else {
        return Err(at("target", "exactly one of from, expr, ref and constant gives its value"));
    };
    if rule.matching == Some(0) {
        return Err(at("match", "ranks start at 1"));
    }
    let when = rule.when.as_deref().map(|text| expression("when", text)).transpose()?;
    let default =
        rule.default.clone().map(|value| clean(value).ok_or_else(|| at("default", "it must have a value"))).transpose()?;
    Ok(CompiledRule {
        index,
        source,
        default,
        when,
        on: rule.on,
        null: rule.null,
        matching: rule.matching,
        sensitive: rule.sensitive,
    })
}

// Null, [] and {} are unassigned (RFC 7643 §2.5), at every depth.
fn clean(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(items) => {
            let items: Vec<_> = items.into_iter().filter_map(clean).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(members) => {
            let members: Map<_, _> = members.into_iter().filter_map(|(name, value)| Some((name, clean(value)?))).collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
        value => Some(value),
    }
}

#[cfg(test)]
mod tests;
