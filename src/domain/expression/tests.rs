use serde_json::{Value, json};

use super::{Bindings, Expression, Mode};
use crate::domain::time::Timestamp;

fn user() -> Value {
    json!({
        "userName": "béa@corp.example", "active": true, "level": 4, "score": 2.5, "nothing": null,
        "name": {"givenName": "Béatrice", "familyName": "Øster"},
        "emails": [{"value": "h@x", "type": "home"}, {"value": "w@x", "type": "work"}, {"value": "p@x", "primary": true}],
        "tags": ["a", "b"], "list": [1], "map": {"k": 1},
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales", "level": 9},
    })
}

fn bindings() -> Bindings {
    Bindings::new().resource("user", user().as_object().unwrap())
}

fn eval(text: &str, mode: Mode) -> Result<Value, String> {
    let expression = Expression::compile(text, mode).map_err(|fault| fault.to_string())?;
    expression.eval_with(&mut bindings()).map_err(|error| error.to_string())
}

const OPERATORS: [&str; 6] = ["==", "!=", "<", ">", "<=", ">="];

#[test]
fn strict_comparisons_of_different_types_are_errors() {
    let kinds = [
        ("()", "()"),
        ("bool", "user.active"),
        ("number", "user.level"),
        ("number", "user.score"),
        ("text", "user.userName"),
        ("list", "user.tags"),
        ("map", "user.map"),
    ];
    for (left, a) in kinds {
        for (right, b) in kinds {
            for operator in OPERATORS {
                let ordered = !matches!(operator, "==" | "!=");
                let fits = left == right && (!ordered || matches!(left, "number" | "text"));
                // As variables, through literals, inside a closure, and negated: no road leads round.
                for text in [
                    format!("{a} {operator} {b}"),
                    format!("!({a} {operator} {b})"),
                    format!("[{a}].some(|x| x {operator} {b})"),
                    format!("if true {{ {a} {operator} {b} }} else {{ false }}"),
                ] {
                    let got = eval(&text, Mode::Strict);
                    assert_eq!(got.is_ok(), fits, "{text}: {got:?}");
                }
            }
        }
    }
    for literal in [
        "1 == \"1\"",
        "true != 1",
        "() == \"\"",
        "[1] == [\"1\"]",
        "#{a: 1} == #{a: true}",
        "\"a\" > 1",
        "3 in [\"3\"]",
        "user.tags.contains(1)",
        "user.tags.index_of(1) == 0",
        "1 in \"123\"",
        "user.list == user.tags || user.tags == [1, 2]",
        "[1, 2] != [1, \"2\"]",
        "Fn(\"==\").call(1, \"1\")",
        "(1..3) == 2",
        "[1, \"1\"].index_of(\"1\") == 1",
    ] {
        assert!(eval(literal, Mode::Strict).is_err(), "{literal}");
    }
}

#[test]
fn strict_comparisons_of_one_type_hold() {
    for (text, want) in [
        ("user.department == \"Sales\"", true),
        ("user.level < 4.5", true),
        ("4.0 == user.level", true),
        ("user.userName != 'x'", true),
        ("\"x\" == 'x'", true),
        ("\"a\" < \"b\"", true),
        ("user.tags == [\"a\", \"b\"]", true),
        ("user.map == #{k: 1}", true),
        ("user.map == #{j: \"x\"}", false),
        ("\"a\" in user.tags", true),
        ("() == ()", true),
        ("user.emails.some(|e| get(e, \"type\", \"\") == \"work\")", true),
        ("user.level == 4 && !(user.active == false)", true),
    ] {
        assert_eq!(eval(text, Mode::Strict), Ok(json!(want)), "{text}");
    }
}

#[test]
fn strict_refuses_what_is_missing() {
    for text in [
        "user.nope == \"x\"",
        "user[\"nope\"] == 1",
        "user.name.nope == 1",
        "nobody.x",
        "user.nothing == ()",
        "user?.nope == ()",
        "user.nope ?? \"x\"",
        "switch user.level { 4 => true, _ => false }",
        "now() == \"x\"",
    ] {
        assert!(eval(text, Mode::Strict).is_err(), "{text}");
    }
    for (text, want) in [
        ("get(user, \"nope\", \"x\")", json!("x")),
        ("get(user, \"level\", 0)", json!(4)),
        ("get(get(user, \"nope\", #{}), \"deep\", 7)", json!(7)),
        ("has(user, \"nothing\") || has(user, \"nope\")", json!(false)),
        ("has(user, \"department\")", json!(true)),
    ] {
        assert_eq!(eval(text, Mode::Strict), Ok(want), "{text}");
    }
}

#[test]
fn the_clock_is_given() {
    let night = Expression::compile("hour(now()) < 6 || hour(now()) >= 22", Mode::Strict).unwrap();
    for (at, want) in [("2026-11-21T03:00:00Z", true), ("2026-11-21T12:00:00Z", false), ("2026-11-21T23:00:00+02:00", false)] {
        let mut bindings = Bindings::new().now(Timestamp::parse(at).unwrap());
        assert_eq!(night.holds(&mut bindings), Ok(want), "{at}");
    }
    assert!(night.holds(&mut Bindings::new()).is_err());
    assert!(Expression::compile("1", Mode::Strict).unwrap().holds(&mut Bindings::new()).is_err());
}

#[test]
fn mappings_are_lenient() {
    for (text, want) in [
        ("user.nope", json!(null)),
        ("user.displayName ?? join(\" \", [user.name.givenName, user.name.familyName])", json!("Béatrice Øster")),
        ("join(\"-\", user.nope, \"\", \"x\")", json!("x")),
        ("user.emails.filter(|e| e.type == \"work\").map(|e| e.value)[0]", json!("w@x")),
        ("user.emails.find(|e| e.primary == true)?.value", json!("p@x")),
        ("filter(user.emails, |e| e.value != user.userName).len()", json!(3)),
        ("ascii(user.userName).split(\"@\")[0].to_lower()", json!("bea")),
        ("switch user.level { 4 => \"E\", _ => \"X\" }", json!("E")),
        ("if user.active { \"on\" } else { \"off\" }", json!("on")),
        ("user.active && user.locked != true", json!(true)),
        ("`uid=${dn_escape(req(user.userName))},ou=people`", json!("uid=béa@corp.example,ou=people")),
        ("lower(user.nope)", json!(null)),
        ("upper(\"straße\")", json!("STRASSE")),
        ("trim(\"  x \")", json!("x")),
        ("\" x\".trim()", json!("x")),
        ("split(user.nope, \",\")", json!([])),
        ("replace(\"a-b\", \"-\", \"+\")", json!("a+b")),
        ("replace(user.nope, \"-\", \"+\")", json!(null)),
        ("regex_replace(\"a12b3\", \"[0-9]+\", \"#\")", json!("a#b#")),
        ("substr(\"grün\", 1, 2)", json!("rü")),
        ("substr(\"grün\", -2)", json!("ün")),
        ("ascii(\"Łódź Straße Ærø 中\")", json!("Lodz Strasse AEro ")),
        ("slug(\"  Größe & Form! \")", json!("grosse-form")),
        ("first(user.tags)", json!("a")),
        ("first(user.nope)", json!(null)),
        ("pluck(user.emails, \"type\")", json!(["home", "work"])),
        ("where_eq(user.emails, \"type\", \"work\")[0].value", json!("w@x")),
        ("where_eq(user.emails, \"type\", 1)", json!([])),
        ("pick_primary(user.emails).value", json!("p@x")),
        ("by_type(user.emails, \"WORK\").value", json!("w@x")),
        ("by_type(user.nope, \"work\")?.value", json!(null)),
        ("coalesce(user.nope, \"\", user.level)", json!(4)),
        ("lookup(#{Sales: \"S\"}, user.department, \"-\")", json!("S")),
        ("lookup(#{Sales: \"S\"}, user.nope, \"-\")", json!("-")),
        ("date_fmt(\"2026-11-21T10:00:00Z\", \"%Y%m%d\")", json!("20261121")),
        ("date_add(\"2026-01-31\", 1, \"months\")", json!("2026-02-28T00:00:00.000000Z")),
        ("dn_escape(\" a,b \")", json!("\\ a\\,b\\ ")),
        ("hash_short(\"x\").len()", json!(8)),
        ("user[\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"].level", json!(9)),
    ] {
        assert_eq!(eval(text, Mode::Lenient), Ok(want), "{text}");
    }
    for (text, hint) in [
        ("req(user.nope)", "required"),
        ("req(\"\")", "required"),
        ("user.emails.filter(|e| e.value == user.userName)", "filter(list"),
        ("user.nope.deep", "?."),
        ("[][0]", "first(list)"),
        ("lower([1])", "lower takes text, not a list"),
        ("date_fmt(\"x\", \"%Y\")", "no date"),
        ("date_fmt(\"2026-11-21T10:00:00Z\", \"%Q%\")", "format"),
        ("|x| x", "stored"),
        ("now()", "no function now"),
    ] {
        let error = eval(text, Mode::Lenient).unwrap_err();
        assert!(error.contains(hint), "{text}: {error}");
    }
}

#[test]
fn bindings_come_out_as_they_went_in() {
    let mut bindings = bindings();
    let capturing = Expression::compile("filter(user.emails, |e| e.value != user.userName).len()", Mode::Lenient).unwrap();
    let method = Expression::compile("user.emails.filter(|e| e.type == \"work\").len()", Mode::Lenient).unwrap();
    for _ in 0..3 {
        assert_eq!(capturing.eval_with(&mut bindings), Ok(json!(3)));
        assert_eq!(method.eval_with(&mut bindings), Ok(json!(1)));
    }
    let change = Expression::compile("user.tags.push(1)", Mode::Lenient).unwrap();
    assert!(change.eval_with(&mut bindings).is_err());
}

#[test]
fn only_expressions_compile() {
    for text in [
        "",
        "  ",
        "let x = 1; x",
        "1; 2",
        "while true {}",
        "loop {}",
        "for x in [1] {}",
        "do {} while true",
        "eval(\"1\")",
        "fn f() { 1 }",
        "import \"x\"",
        "user.x = 1",
        "x += 1",
        "if true { let y = 1; y } else { 2 }",
        "return 1",
        "throw 1",
        "print(1)",
        "debug(1)",
        "1 +",
        "\"open",
        "{ 1 }",
        "try { 1 } catch { 2 }",
        "[1].map(|x| { let y = x; y })",
    ] {
        for mode in [Mode::Strict, Mode::Lenient] {
            assert!(Expression::compile(text, mode).is_err(), "{text} {mode:?}");
        }
    }
    let fault = Expression::compile("user.a ==\n  )", Mode::Strict).unwrap_err();
    assert!(fault.detail.starts_with("line 2, column 3:"), "{fault}");
    for absent in ["sleep(1)", "exit()", "parse_json(\"1\")", "timestamp()"] {
        assert!(eval(absent, Mode::Lenient).is_err(), "{absent}");
    }
}

#[test]
fn what_is_hostile_stops() {
    let nested = format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000));
    let sum = vec!["1"; 4_000].join("+");
    for text in [nested.as_str(), sum.as_str(), &"x".repeat(super::LONGEST + 1)] {
        assert!(Expression::compile(text, Mode::Strict).is_err());
    }
    let list = format!("[{}]", vec!["1"; 60].join(","));
    for text in [
        format!("{list}.map(|a| {list}.map(|b| {list}.map(|c| {list}.map(|d| d))))"),
        format!("{list}.filter(|a| {list}.filter(|b| {list}.some(|c| c > 1)).len() > 0).len() > 0"),
        "\"x\".pad(1000000, \"x\")".to_owned(),
        format!("[{}]", vec!["0"; 3_000].join(",")),
        "9223372036854775807 + 1".to_owned(),
        "1 / 0".to_owned(),
    ] {
        assert!(eval(&text, Mode::Lenient).is_err(), "{text}");
    }
}

#[test]
fn one_compiled_expression_serves_many_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Expression>();
    let expression = Expression::compile("user.level == 4", Mode::Strict).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!((0..200).all(|_| expression.holds(&mut bindings()) == Ok(true))));
        }
    });
}
