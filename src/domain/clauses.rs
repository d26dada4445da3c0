//! The parts of a filter that must all hold: what an explanation names.

use serde_json::{Map, Value};

use super::filter::ast::Expr;
use super::filter::resolve::resolve_known;
use super::filter::{Dialect, Filter, eval, idm, scim};
use super::schema::{AttributeType, ObjectType, Returned};

/// Most values of one attribute that are shown.
const VALUES: usize = 10;

/// Values by attribute.
pub type Values = Vec<(String, Vec<Value>)>;

/// One part.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// As text, in the form of SCIM.
    pub text: String,
    /// What it means.
    pub filter: Filter,
}

impl Clause {
    /// Whether a document meets it.
    pub fn holds(&self, kind: &ObjectType, doc: &Map<String, Value>) -> bool {
        eval::matches(&self.filter, kind, doc)
    }

    /// The values that a document has of what it reads, by attribute; never those that are not shown.
    pub fn values(&self, kind: &ObjectType, doc: &Map<String, Value>) -> Values {
        let mut out = Vec::new();
        for path in self.filter.attributes() {
            let hidden = |leaf: &super::schema::Attribute| leaf.sensitive || leaf.returned == Returned::Never;
            // The parts of a list are shown, not its elements.
            let whole = kind.leaf(path).kind == AttributeType::Complex;
            if whole || hidden(kind.leaf(path)) || hidden(kind.attribute(path)) {
                continue;
            }
            let mut values = Vec::new();
            eval::each_value(kind, path, doc, |value| {
                if values.len() < VALUES {
                    values.push(value.clone());
                }
            });
            if !values.is_empty() {
                out.push((kind.path_text(path), values));
            }
        }
        out
    }
}

/// The parts of a condition that is a filter over objects of `kind`, in either form; none of what is no such filter.
pub fn of_condition(source: &str, kind: &ObjectType) -> Vec<Clause> {
    let parts = |expr: Expr, dialect: Dialect| {
        let parts = match expr {
            Expr::And(parts) => parts,
            whole => vec![whole],
        };
        let clause = |part: Expr| Some(Clause { text: part.to_string(), filter: resolve_known(&part, kind, dialect).ok()? });
        parts.into_iter().map(clause).collect::<Option<Vec<_>>>()
    };
    let as_idm = idm::read(source).ok().and_then(|expr| parts(expr, Dialect::Idm));
    as_idm.or_else(|| scim::read(source).ok().and_then(|expr| parts(expr, Dialect::Scim))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::schema::Registry;

    #[test]
    fn a_condition_falls_into_its_parts_in_either_form() {
        let registry = Registry::shipped().unwrap();
        let user = registry.by_name("user").unwrap();
        let doc = json!({"title": "boss", "addresses": [{"type": "work", "country": "FR"}], "active": true});
        let doc = doc.as_object().unwrap();
        for source in ["/country eq \"FR\" and /title eq \"clerk\"", "addresses.country eq \"FR\" and title eq \"clerk\""] {
            let parts = of_condition(source, user);
            assert_eq!(parts.iter().map(|part| part.holds(user, doc)).collect::<Vec<_>>(), [true, false], "{source}");
            assert_eq!(parts[1].values(user, doc), [("title".to_owned(), vec![json!("boss")])]);
        }
        assert_eq!(of_condition("title eq \"a\" or title eq \"b\"", user).len(), 1);
        for none in ["{\"type\":\"rhai\",\"source\":\"true\"}", "nothing eq 1", "("] {
            assert_eq!(of_condition(none, user), [], "{none}");
        }
    }
}
