//! The IDM query filter (spec/idm.md §1.4).
//!
//! Only spaces separate tokens; quotes, parentheses and brackets delimit themselves. `!` binds to the primary after it and
//! must be a token of its own. Keywords are read in any case.

use super::ast::{Expr, Limits, Literal, Op};
use super::scan::{Scan, Syntax};
use crate::domain::error::{Fault, Kind, excerpt};

const OPERATORS: [(&str, Op); 8] = [
    ("eq", Op::Eq),
    ("co", Op::Co),
    ("sw", Op::Sw),
    ("lt", Op::Lt),
    ("le", Op::Le),
    ("gt", Op::Gt),
    ("ge", Op::Ge),
    ("in", Op::In),
];

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is no filter.
    Syntax(Syntax),
    /// It is one, with an operator that is not offered.
    Operator(String),
}

impl From<Syntax> for Refusal {
    fn from(error: Syntax) -> Self {
        Self::Syntax(error)
    }
}

/// Reads the value of `_queryFilter`.
///
/// # Errors
/// `InvalidFilter` with IDM's text when it does not parse, or naming an operator that is not offered.
pub fn parse(text: &str) -> Result<Expr, Fault> {
    parse_within(text, Limits::DEFAULT)
}

/// Reads the value of `_queryFilter` within limits of the caller's.
///
/// # Errors
/// As [`parse`].
pub fn parse_within(text: &str, limits: Limits) -> Result<Expr, Fault> {
    read_within(text, limits).map_err(|e| {
        let detail = match e {
            Refusal::Operator(op) => unsupported(&op),
            Refusal::Syntax(e) if e.beyond => format!("_queryFilter: {e}"),
            Refusal::Syntax(_) => {
                format!("The value '{}' for parameter '_queryFilter' could not be parsed as a valid query filter", excerpt(text))
            }
        };
        Fault::new(Kind::InvalidFilter, detail)
    })
}

/// What to say of an operator that is not offered.
pub fn unsupported(op: &str) -> String {
    format!("operator '{}' is not supported; the operators are eq, co, sw, lt, le, gt, ge, in and pr", excerpt(op))
}

/// Reads a filter, for a caller that weighs the error itself.
///
/// # Errors
/// What was expected where, or an operator that is not offered.
pub fn read(text: &str) -> Result<Expr, Refusal> {
    read_within(text, Limits::DEFAULT)
}

fn read_within(text: &str, limits: Limits) -> Result<Expr, Refusal> {
    let mut parser = Parser { scan: Scan::new(text, limits)?, extension: None };
    let out = parser.disjunction()?;
    parser.space();
    if parser.scan.peek().is_some() {
        return Err(parser.scan.expected("'and', 'or' or the end").into());
    }
    match parser.extension {
        Some(op) => Err(Refusal::Operator(op)),
        None => Ok(out),
    }
}

struct Parser<'a> {
    scan: Scan<'a>,
    // The first operator that parses and is not offered.
    extension: Option<String>,
}

impl<'a> Parser<'a> {
    fn disjunction(&mut self) -> Result<Expr, Syntax> {
        self.series("or", |p| p.series("and", Self::negation, Expr::And), Expr::Or)
    }

    fn series(
        &mut self,
        word: &str,
        part: impl Fn(&mut Self) -> Result<Expr, Syntax>,
        join: fn(Vec<Expr>) -> Expr,
    ) -> Result<Expr, Syntax> {
        let first = part(self)?;
        if !self.keyword(word) {
            return Ok(first);
        }
        self.scan.node()?;
        let mut parts = vec![first, part(self)?];
        while self.keyword(word) {
            parts.push(part(self)?);
        }
        Ok(join(parts))
    }

    fn negation(&mut self) -> Result<Expr, Syntax> {
        if !self.keyword("!") {
            return self.primary();
        }
        self.scan.node()?;
        Ok(Expr::Not(Box::new(self.primary()?)))
    }

    fn primary(&mut self) -> Result<Expr, Syntax> {
        self.space();
        if self.scan.peek() == Some('(') {
            return self.enclosed('(', ')');
        }
        self.scan.node()?;
        if self.keyword("true") {
            return Ok(Expr::True);
        }
        if self.keyword("false") {
            return Ok(Expr::False);
        }
        let pointer = self.word();
        let path = pointer.strip_prefix('/').unwrap_or(pointer).to_owned();
        if path.is_empty() {
            return Err(self.scan.expected("a property"));
        }
        if self.scan.peek() == Some('[') {
            return Ok(Expr::Element { path, filter: Box::new(self.enclosed('[', ']')?) });
        }
        self.space();
        let start = self.scan.position();
        let word = self.word();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Expr::Present { path });
        }
        let known = OPERATORS.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
        if known.is_none() {
            if word.is_empty() || !word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')) {
                self.scan.back_to(start);
                return Err(self.scan.expected("an operator"));
            }
            self.extension.get_or_insert_with(|| word.to_owned());
        }
        self.space();
        let start = self.scan.position();
        let value = self.literal()?;
        let Some((_, op)) = known else {
            // Refused once the rest has parsed.
            return Ok(Expr::False);
        };
        let value = if op == Op::In { self.list(start, &value)? } else { value };
        Ok(Expr::Compare { path, op, value })
    }

    fn enclosed(&mut self, open: char, close: char) -> Result<Expr, Syntax> {
        self.scan.open(open)?;
        let out = self.disjunction()?;
        self.space();
        self.scan.close(close)?;
        Ok(out)
    }

    fn literal(&mut self) -> Result<Literal, Syntax> {
        let start = self.scan.position();
        let quote = self.scan.peek().filter(|c| matches!(c, '"' | '\''));
        if let Some(quote) = quote {
            self.scan.eat(quote);
            let mut out = String::new();
            while let Some(c) = self.scan.next() {
                match c {
                    c if c == quote => return Ok(Literal::Text(out)),
                    '\0' => break,
                    '\\' => out.extend(self.scan.next().filter(|c| *c != '\0')),
                    c => out.push(c),
                }
            }
            self.scan.back_to(start);
            return Err(self.scan.expected("a closed string"));
        }
        let word = self.word();
        let number = || {
            let plain = word.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E'));
            if !plain {
                None
            } else if word.contains('.') {
                word.parse().ok().filter(|n: &f64| n.is_finite()).map(Literal::Decimal)
            } else {
                word.parse().ok().map(Literal::Integer)
            }
        };
        let found = match word.to_ascii_lowercase().as_str() {
            "true" => Some(Literal::Boolean(true)),
            "false" => Some(Literal::Boolean(false)),
            _ => number(),
        };
        found.ok_or_else(|| {
            self.scan.back_to(start);
            self.scan.expected("a value (a quoted string, a number, true, false)")
        })
    }

    // The value of `in` is a string that holds a JSON array.
    fn list(&mut self, start: usize, value: &Literal) -> Result<Literal, Syntax> {
        use serde_json::Value;
        let entries = match value {
            Literal::Text(text) => serde_json::from_str::<Vec<Value>>(text).ok(),
            _ => None,
        };
        let plain = |entry: Value| match entry {
            Value::String(text) => Some(Literal::Text(text)),
            Value::Bool(value) => Some(Literal::Boolean(value)),
            Value::Number(n) => n.as_i64().map(Literal::Integer).or_else(|| n.as_f64().map(Literal::Decimal)),
            _ => None,
        };
        let Some(entries) = entries.and_then(|entries| entries.into_iter().map(plain).collect::<Option<Vec<_>>>()) else {
            self.scan.back_to(start);
            return Err(self.scan.expected("a string that holds a JSON array of strings, numbers or booleans"));
        };
        for _ in &entries {
            self.scan.node()?;
        }
        Ok(Literal::List(entries))
    }

    // Up to a space or a sign that delimits itself.
    fn word(&mut self) -> &'a str {
        self.scan.take(|c| !matches!(c, ' ' | '(' | ')' | '[' | ']' | '"' | '\''))
    }

    fn keyword(&mut self, wanted: &str) -> bool {
        let start = self.scan.position();
        self.space();
        let found = self.word().eq_ignore_ascii_case(wanted);
        if !found {
            self.scan.back_to(start);
        }
        found
    }

    fn space(&mut self) {
        self.scan.take(|c| c == ' ');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_filters() {
        for (text, expected) in [
            ("true", "true"),
            ("FALSE", "false"),
            ("/userName eq \"x\"", "userName eq \"x\""),
            ("userName eq 'x'", "userName eq \"x\""),
            ("userName eq 'a\"b'", "userName eq \"a\\\"b\""),
            ("userName eq \"a\\\"b\\n\"", "userName eq \"a\\\"bn\""),
            ("city eq \"London\"and sn eq \"J\"", "city eq \"London\" and sn eq \"J\""),
            ("a eq 1 or b eq 2 and c eq 3", "a eq 1 or b eq 2 and c eq 3"),
            ("(a eq 1 OR b eq 2) AND c eq 3", "(a eq 1 or b eq 2) and c eq 3"),
            ("! a eq 1", "not (a eq 1)"),
            ("!(a eq 1) and b pr", "not (a eq 1) and b pr"),
            ("! (a pr and b pr)", "not (a pr and b pr)"),
            ("!x eq 1", "!x eq 1"),
            ("a PR", "a pr"),
            ("/a/b~1c~0d eq true", "a/b~1c~0d eq true"),
            ("a gt -1 and a le 1.5 and a lt 0.25e1", "a gt -1 and a le 1.5 and a lt 2.5"),
            ("userName in '[\"a\",\"b\",1]'", "userName in [\"a\",\"b\",1]"),
            ("userName in \"[]\"", "userName in []"),
            ("/effectiveRoles[/_refResourceId eq \"X\"]", "effectiveRoles[_refResourceId eq \"X\"]"),
            ("/a[true]", "a[true]"),
            ("a eq 1. or a eq .5 or a eq +2", "a eq 1.0 or a eq 0.5 or a eq 2"),
            ("(true)", "true"),
            ("a eq \"é😀\"", "a eq \"é😀\""),
        ] {
            assert_eq!(parse(text).map(|e| e.to_string()).unwrap_or_else(|e| panic!("{text}: {e}")), expected, "{text}");
        }
    }

    #[test]
    fn not_binds_to_what_follows() {
        let a = Expr::Present { path: "a".to_owned() };
        let b = Expr::Present { path: "b".to_owned() };
        assert_eq!(parse("! a pr and b pr"), Ok(Expr::And(vec![Expr::Not(Box::new(a)), b])));
    }

    #[test]
    fn refuses_what_is_no_filter() {
        for text in [
            "",
            " ",
            "a",
            "a eq",
            "a eq b",
            "a eq null",
            "a eq \"x",
            "a eq 'x\"",
            "(a pr",
            "a pr)",
            "a pr and",
            "or a pr",
            "a pr b pr",
            "a\teq\t1",
            "a eq 1e3",
            "a eq 99999999999999999999",
            "a eq 1.0e999",
            "a eq inf",
            "a eq-1 x",
            "a $$ 1",
            "! ! a pr",
            "!",
            "! and",
            "not (a pr)",
            "a[b pr",
            "a]b pr",
            "a in \"x\"",
            "a in 1",
            "a in '[null]'",
            "a in '[[1]]'",
            "\"a\" eq 1",
            "/",
            "a ne",
            "a ne x",
        ] {
            let fault = parse(text).map(|e| panic!("{text}: {e}")).unwrap_err();
            assert_eq!(fault.kind, Kind::InvalidFilter);
            let text = text.replace('\t', " ");
            let said = format!("The value '{text}' for parameter '_queryFilter' could not be parsed as a valid query filter");
            assert_eq!(fault.detail, said);
        }
    }

    #[test]
    fn other_operators_parse_and_are_refused() {
        for op in ["ew", "ne", "containsAllValues", "my.op_2"] {
            let fault = parse(&format!("a pr and b {op} \"x\" or c pr")).unwrap_err();
            assert_eq!(fault.kind, Kind::InvalidFilter);
            assert!(fault.detail.starts_with(&format!("operator '{op}' is not supported")), "{fault}");
        }
        assert!(parse("b ew \"x\" and").unwrap_err().detail.starts_with("The value "));
    }

    #[test]
    fn limits_hold() {
        let nested = |n: usize| format!("{}a pr{}", "(".repeat(n), ")".repeat(n));
        assert!(parse(&nested(32)).is_ok());
        for text in [nested(33), "(".repeat(10_000), "! (".repeat(3_000), "a[".repeat(5_000)] {
            assert!(parse(&text).is_err());
        }
        assert!(parse(&vec!["a pr"; 199].join(" and ")).is_ok());
        assert!(parse(&vec!["a pr"; 200].join(" and ")).is_err());
        assert!(parse(&format!("a in '[{}]'", vec!["1"; 200].join(","))).is_err());
        assert!(parse(&format!("a eq '{}'", "x".repeat(10_000))).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..60)) {
            for text in [text.clone(), pieces.concat(), pieces.join(" "), format!("{}{text}", pieces.join(" "))] {
                drop(parse(&text));
            }
        }

        #[test]
        fn no_long_text_panics(text in proptest::collection::vec(any::<char>(), 9_900..10_100)) {
            let text: String = text.into_iter().collect();
            drop(parse(&text));
            drop(parse(&format!("a eq '{text}")));
        }
    }

    const PIECES: &[&str] = &[
        "a", "/a/b", "eq", "pr", "co", "in", "and", "or", "!", "(", ")", "[", "]", "'x'", "\"", "'", "\\", "1", "-", "1.5",
        "true", "'[1]'", "é", "😀", " ", "\u{0}",
    ];
}
