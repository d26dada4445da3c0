//! The SCIM grammar: filters (RFC 7644 §3.4.2.2) and PATCH paths (§3.5.2), with what clients send beyond it (spec/scim.md §3.1).
//!
//! Tightest first: parentheses and brackets, `not`, `and`, `or`. Names, operators, keywords and literals are read in any case.

use super::ast::{Expr, Limits, Literal, Op};
use super::scan::{Scan, Syntax};
use crate::domain::error::{Fault, Kind};

/// The `path` of a PATCH operation: `attribute`, or `attribute[filter]`, or `attribute[filter].sub`.
#[derive(Debug, Clone, PartialEq)]
pub struct PathExpr {
    /// What the path begins with: `name`, `name.sub`, `URN:name`, `URN:name.sub` or a bare URN.
    pub attribute: String,
    /// Which elements; its paths name sub-attributes.
    pub filter: Option<Expr>,
    /// The sub-attribute named after the brackets.
    pub sub: Option<String>,
}

/// Reads a filter.
///
/// # Errors
/// `InvalidFilter`, with what was expected at which character.
pub fn parse(text: &str) -> Result<Expr, Fault> {
    parse_within(text, Limits::DEFAULT)
}

/// Reads a filter within limits of the caller's.
///
/// # Errors
/// As [`parse`].
pub fn parse_within(text: &str, limits: Limits) -> Result<Expr, Fault> {
    read_within(text, limits).map_err(|e| invalid_filter(&e))
}

/// Reads a filter, for a caller that weighs the error itself.
///
/// # Errors
/// What was expected where.
pub fn read(text: &str) -> Result<Expr, Syntax> {
    read_within(text, Limits::DEFAULT)
}

fn read_within(text: &str, limits: Limits) -> Result<Expr, Syntax> {
    let scan = &mut Scan::new(text, limits)?;
    let out = disjunction(scan, Place::Resource)?;
    end(scan, "'and', 'or' or the end")?;
    Ok(out)
}

/// Reads a PATCH path.
///
/// # Errors
/// `InvalidPath`; `InvalidFilter` for what stands in the brackets (RFC 7644 table 9).
pub fn parse_path(text: &str, limits: Limits) -> Result<PathExpr, Fault> {
    let invalid = |e: Syntax| Fault::new(Kind::InvalidPath, format!("path: {e}"));
    let scan = &mut Scan::new(text, limits).map_err(invalid)?;
    let attribute = path(scan).map_err(invalid)?;
    let mut out = PathExpr { attribute, filter: None, sub: None };
    if scan.peek() == Some('[') {
        out.filter = Some(brackets(scan, &out.attribute).map_err(|e| invalid_filter(&e))?);
        if scan.eat('.') {
            out.sub = Some(name(scan).map_err(invalid)?);
        }
    }
    end(scan, "the end").map_err(invalid)?;
    Ok(out)
}

fn invalid_filter(error: &Syntax) -> Fault {
    Fault::new(Kind::InvalidFilter, format!("filter: {error}"))
}

/// Where an expression stands: brackets do not nest.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Resource,
    Brackets,
}

fn disjunction(scan: &mut Scan, place: Place) -> Result<Expr, Syntax> {
    series(scan, "or", |scan| series(scan, "and", |scan| term(scan, place), Expr::And), Expr::Or)
}

fn series(
    scan: &mut Scan,
    word: &str,
    part: impl Fn(&mut Scan) -> Result<Expr, Syntax>,
    join: fn(Vec<Expr>) -> Expr,
) -> Result<Expr, Syntax> {
    let first = part(scan)?;
    if !keyword(scan, word) {
        return Ok(first);
    }
    scan.node()?;
    let mut parts = vec![first, part(scan)?];
    while keyword(scan, word) {
        parts.push(part(scan)?);
    }
    Ok(join(parts))
}

fn term(scan: &mut Scan, place: Place) -> Result<Expr, Syntax> {
    space(scan);
    let start = scan.position();
    if keyword(scan, "not") {
        space(scan);
        if scan.peek() == Some('(') {
            scan.node()?;
            return Ok(Expr::Not(Box::new(parentheses(scan, place)?)));
        }
        scan.back_to(start);
    }
    if scan.peek() == Some('(') {
        return parentheses(scan, place);
    }
    let attribute = path(scan)?;
    if scan.peek() != Some('[') {
        return comparison(scan, attribute);
    }
    if place == Place::Brackets {
        return Err(scan.expected("an operator (brackets do not nest)"));
    }
    let mut filter = brackets(scan, &attribute)?;
    if scan.eat('.') {
        let sub = name(scan)?;
        scan.node()?;
        filter = Expr::And(vec![filter, comparison(scan, sub)?]);
    }
    scan.node()?;
    Ok(Expr::Element { path: attribute, filter: Box::new(filter) })
}

fn parentheses(scan: &mut Scan, place: Place) -> Result<Expr, Syntax> {
    scan.open('(')?;
    let out = disjunction(scan, place)?;
    space(scan);
    scan.close(')')?;
    Ok(out)
}

fn brackets(scan: &mut Scan, attribute: &str) -> Result<Expr, Syntax> {
    if !attribute.contains(':') && attribute.contains('.') {
        return Err(scan.expected("an operator (brackets follow an attribute, not a sub-attribute)"));
    }
    scan.open('[')?;
    let out = disjunction(scan, Place::Brackets)?;
    space(scan);
    scan.close(']')?;
    Ok(out)
}

fn comparison(scan: &mut Scan, path: String) -> Result<Expr, Syntax> {
    scan.node()?;
    space(scan);
    let start = scan.position();
    let word = scan.take(|c| c.is_ascii_alphabetic());
    if word.eq_ignore_ascii_case("pr") {
        return Ok(Expr::Present { path });
    }
    let Some((_, op)) = Op::SCIM.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)) else {
        scan.back_to(start);
        return Err(scan.expected("an operator (eq, ne, co, sw, ew, gt, ge, lt, le, pr)"));
    };
    space(scan);
    Ok(Expr::Compare { path, op, value: literal(scan)? })
}

// JSON's literals (RFC 8259): serde_json reads them, so that a number here equals the same number in a document.
fn literal(scan: &mut Scan) -> Result<Literal, Syntax> {
    let start = scan.position();
    if scan.peek() == Some('"') {
        let rest = scan.rest();
        scan.eat('"');
        while let Some(c) = scan.next() {
            if c == '\\' {
                scan.next();
            } else if c == '"' {
                let quoted = &rest[..scan.position() - start];
                match serde_json::from_str::<String>(quoted) {
                    // Stored text holds no U+0000, and PostgreSQL takes none.
                    Ok(text) if !text.contains('\0') => return Ok(Literal::Text(text)),
                    _ => break,
                }
            }
        }
        scan.back_to(start);
        return Err(scan.expected("a JSON string"));
    }
    let word = scan.take(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'));
    let found = match word.to_ascii_lowercase().as_str() {
        "true" => Some(Literal::Boolean(true)),
        "false" => Some(Literal::Boolean(false)),
        "null" => Some(Literal::Null),
        _ => serde_json::from_str::<serde_json::Number>(word)
            .ok()
            .and_then(|number| number.as_i64().map(Literal::Integer).or_else(|| number.as_f64().map(Literal::Decimal))),
    };
    found.ok_or_else(|| {
        scan.back_to(start);
        scan.expected("a value (a quoted string, a number, true, false, null)")
    })
}

// `name`, `name.sub`, or anything with a colon, which only an object type can take apart.
fn path(scan: &mut Scan) -> Result<String, Syntax> {
    space(scan);
    let start = scan.position();
    let text = scan.take(|c| c.is_ascii_alphanumeric() || "-_.:$/%+=@~".contains(c));
    let good = if text.contains(':') {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
    } else {
        let (head, sub) = text.split_once('.').map_or((text, None), |(head, sub)| (head, Some(sub)));
        is_name(head) && sub.is_none_or(is_name)
    };
    if good {
        return Ok(text.to_owned());
    }
    scan.back_to(start);
    Err(scan.expected("an attribute name"))
}

fn name(scan: &mut Scan) -> Result<String, Syntax> {
    let start = scan.position();
    let text = scan.take(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'));
    if is_name(text) {
        return Ok(text.to_owned());
    }
    scan.back_to(start);
    Err(scan.expected("the name of a sub-attribute"))
}

// RFC 7643 §2.1, and `$ref`.
fn is_name(text: &str) -> bool {
    let rest = text.strip_prefix('$').unwrap_or(text);
    rest.starts_with(|c: char| c.is_ascii_alphabetic())
        && rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn keyword(scan: &mut Scan, word: &str) -> bool {
    let start = scan.position();
    space(scan);
    let found = scan.take(|c| c.is_ascii_alphanumeric() || "-_.:$".contains(c)).eq_ignore_ascii_case(word);
    if !found {
        scan.back_to(start);
    }
    found
}

fn space(scan: &mut Scan) {
    scan.take(|c| c.is_ascii_whitespace());
}

fn end(scan: &mut Scan, otherwise: &str) -> Result<(), Syntax> {
    space(scan);
    if scan.peek().is_none() { Ok(()) } else { Err(scan.expected(otherwise)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // The tree, spelled out so that precedence shows.
    fn shape(expr: &Expr) -> String {
        let list = |parts: &[Expr]| parts.iter().map(shape).collect::<Vec<_>>().join(" ");
        match expr {
            Expr::And(parts) => format!("(and {})", list(parts)),
            Expr::Or(parts) => format!("(or {})", list(parts)),
            Expr::Not(inner) => format!("(not {})", shape(inner)),
            Expr::Element { path, filter } => format!("(in {path} {})", shape(filter)),
            leaf => leaf.to_string().replace(' ', "_"),
        }
    }

    #[test]
    fn reads_filters() {
        for (text, expected) in [
            ("userName eq \"bjensen\"", "userName_eq_\"bjensen\""),
            ("USERNAME Eq \"x\"", "USERNAME_eq_\"x\""),
            ("title PR", "title_pr"),
            ("  title\tpr ", "title_pr"),
            ("name.familyName co \"O'Malley\"", "name.familyName_co_\"O'Malley\""),
            (
                "urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"J\"",
                "urn:ietf:params:scim:schemas:core:2.0:User:userName_sw_\"J\"",
            ),
            ("members.$ref eq \"x\"", "members.$ref_eq_\"x\""),
            ("a pr or b pr and c pr", "(or a_pr (and b_pr c_pr))"),
            ("a pr and b pr or c pr", "(or (and a_pr b_pr) c_pr)"),
            ("a pr and (b pr or c pr)", "(and a_pr (or b_pr c_pr))"),
            ("a pr AND b pr And c pr", "(and a_pr b_pr c_pr)"),
            ("(a pr and b pr) and c pr", "(and (and a_pr b_pr) c_pr)"),
            ("not (a pr) and b pr", "(and (not a_pr) b_pr)"),
            ("NOT(a pr or b pr)", "(not (or a_pr b_pr))"),
            ("not (not (a pr))", "(not (not a_pr))"),
            ("(((a pr)))", "a_pr"),
            ("not pr", "not_pr"),
            ("and pr and or eq 1", "(and and_pr or_eq_1)"),
            ("emails[type eq \"work\" and value co \"@x\"]", "(in emails (and type_eq_\"work\" value_co_\"@x\"))"),
            ("emails[type eq \"work\"].value eq \"x\"", "(in emails (and type_eq_\"work\" value_eq_\"x\"))"),
            ("emails[ not ( primary eq true ) ].value pr or a pr", "(or (in emails (and (not primary_eq_true) value_pr)) a_pr)"),
            ("urn:x:y:2.0:U:list[value eq 1]", "(in urn:x:y:2.0:U:list value_eq_1)"),
            ("a eq \"\\u00e9\\\"\\\\\\ud83d\\ude00\"", "a_eq_\"é\\\"\\\\😀\""),
            ("a eq null and b ne Null", "(and a_eq_null b_ne_null)"),
            ("a eq True", "a_eq_true"),
            ("a eq -7 or a gt 1.5 or a lt 2e3", "(or a_eq_-7 a_gt_1.5 a_lt_2000.0)"),
            ("a eq 9223372036854775808", "a_eq_9.223372036854776e18"),
            ("a eq \"x\"and(b pr)", "(and a_eq_\"x\" b_pr)"),
        ] {
            assert_eq!(parse(text).map(|e| shape(&e)).unwrap_or_else(|e| panic!("{text}: {e}")), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_filter() {
        for (text, said) in [
            ("", "expected an attribute name at character 1, found the end"),
            ("   ", "expected an attribute name at character 4, found the end"),
            ("userName", "expected an operator (eq, ne, co, sw, ew, gt, ge, lt, le, pr) at character 9, found the end"),
            ("userName eq", "expected a value (a quoted string, a number, true, false, null) at character 12, found the end"),
            ("é eq 1", "expected an attribute name at character 1, found 'é eq 1'"),
            ("a eq \"é\" b", "expected 'and', 'or' or the end at character 10, found 'b'"),
            ("userName like \"x\"", "expected an operator"),
            ("userName eq bjensen", "expected a value"),
            ("userName eq 'x'", "expected a value"),
            ("userName eq \"x", "expected a JSON string at character 13"),
            ("userName eq \"\\ud83d\"", "expected a JSON string"),
            ("userName eq \"\\x\"", "expected a JSON string"),
            ("userName eq \"a\nb\"", "expected a JSON string"),
            ("a eq 01", "expected a value"),
            ("a eq 1e999", "expected a value"),
            ("a eq .5", "expected a value"),
            ("a eq +1", "expected a value"),
            ("a eq NaN", "expected a value"),
            ("(a pr", "expected ')' at character 6"),
            ("a pr)", "expected 'and', 'or' or the end at character 5"),
            ("a pr and", "expected an attribute name"),
            ("and a pr", "expected an operator"),
            ("a pr b pr", "expected 'and', 'or' or the end"),
            ("a pr nand b pr", "expected 'and', 'or' or the end"),
            ("not a pr", "expected an operator"),
            ("!(a pr)", "expected an attribute name"),
            ("a.b.c pr", "expected an attribute name"),
            ("a. pr", "expected an attribute name"),
            (".a pr", "expected an attribute name"),
            ("1a pr", "expected an attribute name"),
            ("/a pr", "expected an attribute name"),
            ("emails[]", "expected an attribute name at character 8"),
            ("emails[type eq \"work\"", "expected ']'"),
            ("emails[type eq \"work\"].", "expected the name of a sub-attribute"),
            ("emails[type eq \"work\"].value", "expected an operator"),
            ("emails[a[b pr]]", "brackets do not nest"),
            ("name.x[b pr]", "brackets follow an attribute"),
            ("a eq [1]", "expected a value"),
            ("a in \"x\"", "expected an operator"),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!(fault.kind, Kind::InvalidFilter);
            assert!(fault.detail.starts_with("filter: ") && fault.detail.contains(said), "{text}: {fault}");
        }
    }

    #[test]
    fn reads_paths() {
        for (text, attribute, filter, sub) in [
            ("userName", "userName", None, None),
            ("name.familyName", "name.familyName", None, None),
            ("members", "members", None, None),
            ("members[value eq \"2819\"]", "members", Some("value eq \"2819\""), None),
            ("addresses[type eq \"work\"].streetAddress", "addresses", Some("type eq \"work\""), Some("streetAddress")),
            ("roles[primary eq \"True\"].value", "roles", Some("primary eq \"True\""), Some("value")),
            ("members[value eq \"a]b\"].$ref", "members", Some("value eq \"a]b\""), Some("$ref")),
            ("urn:x:y:2.0:User", "urn:x:y:2.0:User", None, None),
            ("urn:x:y:2.0:User:manager.value", "urn:x:y:2.0:User:manager.value", None, None),
            ("urn:x:y:2.0:User:list[a pr or b pr].c", "urn:x:y:2.0:User:list", Some("a pr or b pr"), Some("c")),
        ] {
            let path = parse_path(text, Limits::DEFAULT).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(path.attribute, attribute);
            assert_eq!(path.filter.map(|f| f.to_string()).as_deref(), filter);
            assert_eq!(path.sub.as_deref(), sub);
        }
        for (text, kind) in [
            ("", Kind::InvalidPath),
            ("/userName", Kind::InvalidPath),
            ("user name", Kind::InvalidPath),
            ("a.b.c", Kind::InvalidPath),
            ("members[value eq \"x\"]x", Kind::InvalidPath),
            ("members[value eq \"x\"].a.b", Kind::InvalidPath),
            ("members[value eq \"x\"].", Kind::InvalidPath),
            ("members[0]", Kind::InvalidFilter),
            ("members[value eq \"x\"", Kind::InvalidFilter),
            ("members[value eq x]", Kind::InvalidFilter),
            ("members[value]", Kind::InvalidFilter),
            ("members[]", Kind::InvalidFilter),
        ] {
            assert_eq!(parse_path(text, Limits::DEFAULT).unwrap_err().kind, kind, "{text}");
        }
    }

    #[test]
    fn limits_hold() {
        let nested = |n: usize| format!("{}a pr{}", "(".repeat(n), ")".repeat(n));
        let negated = |n: usize| format!("{}a pr{}", "not (".repeat(n), ")".repeat(n));
        assert!(parse(&nested(32)).is_ok() && parse(&negated(32)).is_ok());
        for text in [nested(33), negated(33), nested(5_000 - 4), "(".repeat(10_000), "not(".repeat(2_500), "a[".repeat(5_000)] {
            assert!(parse(&text).is_err());
        }
        assert!(parse(&nested(33)).unwrap_err().detail.contains("nested deeper than 32 levels"));
        let wide = |n: usize| vec!["a pr"; n].join(" or ");
        assert!(parse(&wide(199)).is_ok());
        assert!(parse(&wide(200)).unwrap_err().detail.contains("more than 200 terms"));
        let long = |n: usize| format!("a eq \"{}\"", "é".repeat(n - 7));
        assert!(parse(&long(10_000)).is_ok());
        assert!(parse(&long(10_001)).unwrap_err().detail.contains("longer than 10000 characters"));
        assert_eq!(parse_path(&"a".repeat(10_001), Limits::DEFAULT).unwrap_err().kind, Kind::InvalidPath);
    }

    fn expression() -> impl Strategy<Value = Expr> {
        let path = prop_oneof![
            "[a-zA-Z][a-zA-Z0-9_-]{0,8}(\\.\\$?[a-z]{1,5})?",
            Just("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName".to_owned()),
            Just("not".to_owned()),
            Just("pr".to_owned()),
        ];
        let value = prop_oneof![
            Just(Literal::Null),
            any::<bool>().prop_map(Literal::Boolean),
            any::<i64>().prop_map(Literal::Integer),
            (-9_000_000_i32..9_000_000).prop_map(|n| Literal::Decimal(f64::from(n) / 64.0)),
            any::<String>().prop_map(Literal::Text),
        ];
        let op = proptest::sample::select(&Op::SCIM[..]).prop_map(|(_, op)| op);
        let leaf = prop_oneof![
            path.clone().prop_map(|path| Expr::Present { path }),
            (path, op, value).prop_map(|(path, op, value)| Expr::Compare { path, op, value }),
        ];
        let tree = |leaf: BoxedStrategy<Expr>, depth| {
            leaf.prop_recursive(depth, 24, 4, |inner| {
                let parts = proptest::collection::vec(inner.clone(), 2..4);
                prop_oneof![
                    parts.clone().prop_map(Expr::And),
                    parts.prop_map(Expr::Or),
                    inner.prop_map(|e| Expr::Not(Box::new(e)))
                ]
            })
        };
        let list = ("[a-z]{1,6}", tree(leaf.clone().boxed(), 2));
        let element = list.prop_map(|(path, filter)| Expr::Element { path, filter: Box::new(filter) });
        tree(prop_oneof![3 => leaf, 1 => element].boxed(), 4)
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(expr in expression()) {
            let text = expr.to_string();
            prop_assert_eq!(parse(&text), Ok(expr.clone()), "{}", text);
            if let Ok(path) = parse_path(&format!("list[{text}].sub"), Limits::DEFAULT) {
                prop_assert_eq!(path.filter, Some(expr));
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>(), pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..60)) {
            for text in [text.clone(), pieces.concat(), pieces.join(" "), format!("{}{text}", pieces.join(" "))] {
                if let Ok(expr) = parse(&text) {
                    prop_assert_eq!(parse(&expr.to_string()), Ok(expr));
                }
                drop(parse_path(&text, Limits::DEFAULT));
                drop(parse_path(&format!("a[{text}].b"), Limits::DEFAULT));
            }
        }

        #[test]
        fn no_long_text_panics(text in proptest::collection::vec(any::<char>(), 9_900..10_100)) {
            let text: String = text.into_iter().collect();
            drop(parse(&text));
            drop(parse(&format!("a eq \"{text}")));
            drop(parse_path(&text, Limits::DEFAULT));
        }
    }

    const PIECES: &[&str] = &[
        "a",
        "emails",
        ".",
        "value",
        "eq",
        "pr",
        "co",
        "and",
        "or",
        "not",
        "(",
        ")",
        "[",
        "]",
        "\"x\"",
        "\"",
        "\\",
        "1",
        "-",
        "1.5",
        "true",
        "null",
        "urn:a:b:c",
        "é",
        "😀",
        " ",
        "\u{0}",
    ];
}
