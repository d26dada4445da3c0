//! Values in an attribute's type: what stands in a document and what stands in a filter meet here.

use serde_json::Value;

use super::ast::Literal;
use super::{CompareOp, Operand, Target};
use crate::domain::normal;
use crate::domain::schema::AttributeType;
use crate::domain::time::Timestamp;

impl Operand {
    /// A stored value as the attribute's type has it; `None` when it is of another type, or complex.
    pub fn of_value(kind: AttributeType, exact: bool, value: &Value) -> Option<Self> {
        match kind {
            AttributeType::String | AttributeType::Reference | AttributeType::Binary => {
                value.as_str().map(|text| Self::Text(normal::text(text, exact)))
            }
            AttributeType::Boolean => value.as_bool().map(Self::Boolean),
            AttributeType::Integer => value.as_i64().or_else(|| whole(value.as_f64()?)).map(Self::Integer),
            AttributeType::Decimal => value.as_f64().map(Self::Decimal),
            AttributeType::DateTime => value.as_str().and_then(Timestamp::parse).map(Self::Instant),
            AttributeType::Complex => None,
        }
    }

    /// A literal in the target's type. Clients quote booleans and numbers; the target's type decides.
    ///
    /// # Errors
    /// The rule that the operator or the literal breaks, to be said of the attribute.
    pub(super) fn of_literal(target: &Target, op: CompareOp, value: &Literal) -> Result<Self, String> {
        use AttributeType as T;
        let partial = matches!(op, CompareOp::Co | CompareOp::Sw | CompareOp::Ew);
        let (what, wanted, fits) = match target.kind {
            T::String | T::Reference => ("text", "a quoted string", true),
            T::Binary => ("binary", "a quoted string", op == CompareOp::Eq),
            T::Boolean => ("boolean", "true or false", op == CompareOp::Eq),
            T::Integer | T::Decimal => ("a number", "a number", !partial),
            T::DateTime => ("a dateTime", "a quoted xsd:dateTime", !partial),
            T::Complex => ("complex", "nothing", false),
        };
        if !fits {
            return Err(format!("is {what} and does not compare with '{}'", format!("{op:?}").to_lowercase()));
        }
        if matches!(value, Literal::Text(text) if text.contains('\0')) {
            return Err("holds no U+0000".to_owned());
        }
        let found = match target.kind {
            T::String | T::Reference | T::Binary | T::Complex => quoted(value).map(|v| Self::Text(normal::text(v, target.exact))),
            T::Boolean => boolean(value).map(Self::Boolean),
            T::Integer => number(value),
            #[expect(clippy::cast_precision_loss, reason = "a decimal attribute holds floats, so its operand is one")]
            T::Decimal => number(value).map(|n| match n {
                Self::Integer(n) => Self::Decimal(n as f64),
                other => other,
            }),
            T::DateTime => quoted(value).and_then(Timestamp::parse).map(Self::Instant),
        };
        found.ok_or_else(|| format!("is {what} and compares with {wanted}"))
    }

    /// The form that the attribute index keeps: text order is the order of the values, equal texts are equal values.
    /// Text longer than [`normal::INDEX_BYTES`] is cut and hashed.
    pub fn index_form(&self) -> String {
        match self {
            Self::Text(text) => normal::index_text(text),
            Self::Integer(value) => normal::integer(*value),
            Self::Decimal(value) => normal::decimal(*value),
            Self::Boolean(value) => normal::boolean(*value).to_owned(),
            Self::Instant(value) => normal::instant(*value),
        }
    }

    /// Whether `self op other` holds; values of different types do not compare.
    pub fn compares(&self, op: CompareOp, other: &Self) -> bool {
        let order = match (self, other) {
            (Self::Text(a), Self::Text(b)) => return op.holds_for_text(a, b),
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            (Self::Instant(a), Self::Instant(b)) => Some(a.cmp(b)),
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(b)),
            (Self::Decimal(a), Self::Decimal(b)) => a.partial_cmp(b),
            (Self::Integer(a), Self::Decimal(b)) => mixed(*a, *b),
            (Self::Decimal(a), Self::Integer(b)) => mixed(*b, *a).map(std::cmp::Ordering::reverse),
            _ => None,
        };
        order.is_some_and(|order| op.holds_for_order(order))
    }
}

impl CompareOp {
    /// Whether `a op b` holds for two texts in normal form.
    pub fn holds_for_text(self, a: &str, b: &str) -> bool {
        match self {
            Self::Eq => a == b,
            Self::Co => a.contains(b),
            Self::Sw => a.starts_with(b),
            Self::Ew => a.ends_with(b),
            Self::Gt | Self::Ge | Self::Lt | Self::Le => self.holds_for_order(a.cmp(b)),
        }
    }

    fn holds_for_order(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Co | Self::Sw | Self::Ew => false,
        }
    }
}

fn quoted(value: &Literal) -> Option<&str> {
    match value {
        Literal::Text(text) => Some(text),
        _ => None,
    }
}

fn boolean(value: &Literal) -> Option<bool> {
    match value {
        Literal::Boolean(value) => Some(*value),
        Literal::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Literal::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

// Whole numbers become integers, so that 3.0 meets 3.
fn number(value: &Literal) -> Option<Operand> {
    let (integer, decimal) = match value {
        Literal::Integer(value) => (Some(*value), None),
        Literal::Decimal(value) => (None, Some(*value)),
        Literal::Text(text) => {
            let number: serde_json::Number = serde_json::from_str(text).ok()?;
            (number.as_i64(), number.as_f64())
        }
        _ => (None, None),
    };
    integer.or_else(|| whole(decimal?)).map(Operand::Integer).or_else(|| decimal.map(Operand::Decimal))
}

const BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// A number without a fraction as an integer, when it fits.
fn whole(value: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "within i64 and without a fraction, so nothing is cut")]
    let exact = || value as i64;
    (value.fract() == 0.0 && (-BEYOND..BEYOND).contains(&value)).then(exact)
}

// Exact where turning the integer into a float would round it.
fn mixed(a: i64, b: f64) -> Option<std::cmp::Ordering> {
    if let Some(trunk) = whole(b.trunc()) {
        return Some(a.cmp(&trunk).then(0.0.partial_cmp(&b.fract())?));
    }
    0.0.partial_cmp(&b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn integers_and_decimals_order_exactly() {
        for (a, b, order) in [
            (1, 1.0, Some(Equal)),
            (1, 1.5, Some(Less)),
            (-1, -1.5, Some(Greater)),
            (-2, -1.5, Some(Less)),
            (0, -0.0, Some(Equal)),
            (0, -0.5, Some(Greater)),
            (9_007_199_254_740_993, 9_007_199_254_740_992.0, Some(Greater)),
            (i64::MAX, BEYOND, Some(Less)),
            (i64::MIN, -BEYOND, Some(Equal)),
            (i64::MIN, -1e300, Some(Greater)),
            (0, f64::NAN, None),
        ] {
            assert_eq!(mixed(a, b), order, "{a} {b}");
        }
    }
}
