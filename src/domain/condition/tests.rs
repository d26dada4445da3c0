use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::filter::{Dialect, random, resolve};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn types() -> Registry {
    Registry::shipped().unwrap()
}

fn user() -> Arc<ObjectType> {
    Arc::clone(types().by_name("user").unwrap())
}

fn parse(text: &str) -> Result<Condition, Fault> {
    Condition::parse(text, &user(), &types())
}

#[test]
fn both_grammars_are_read() {
    let kind = user();
    let person = json!({"id": "1", "userName": "ada", "active": true, "name": {"familyName": "Byron"},
        "addresses": [{"type": "home", "country": "GB"}, {"type": "work", "country": "FR"}],
        ENTERPRISE: {"department": "Sales"}});
    let person = person.as_object().unwrap();
    for (text, expected) in [
        ("/country eq \"FR\"", true),
        ("country eq 'fr'", true),
        ("country eq 'GB'", false),
        ("addresses.country eq \"GB\"", true),
        ("addresses[type eq \"home\" and country eq \"FR\"]", false),
        ("department eq \"sales\" and accountStatus eq \"active\"", true),
        ("! (department eq \"sales\")", false),
        ("not (name.familyName eq \"x\") and active eq true", true),
        ("/sn sw \"by\" or /sn pr", true),
        ("sn in '[\"x\",\"byron\"]'", true),
        (&format!("{ENTERPRISE}:department ew \"les\""), true),
        ("true", true),
        ("false", false),
    ] {
        let condition = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(condition.matches(&View::alone(kind.clone(), person.clone())), expected, "{text}");
        assert_eq!(condition.source, text);
    }
}

#[test]
fn what_it_may_not_read_is_refused() {
    for (text, said) in [
        ("roles eq \"admin\"", "roles would depend on roles"),
        ("/roles/_refResourceId eq \"x\"", "roles would depend on roles"),
        ("roles[value eq \"x\"]", "roles would depend on roles"),
        ("groups.type eq \"direct\"", "'type' of 'groups.type' cannot be read"),
        ("/groups/_refProperties/x eq \"x\"", "cannot be read"),
        ("/groups/nope eq \"x\"", "'nope' is no property of Group"),
        ("/manager/roles/name eq \"x\"", "roles would depend on roles"),
        ("/manager/password eq \"x\"", "may not be filtered on"),
        ("/manager/manager/manager/manager/sn eq \"x\"", "further than 3 steps"),
        ("meta.created gt \"2026-01-01T00:00:00Z\"", "the server changes it"),
        ("externalId eq \"x\"", "each source has its own"),
        ("password eq \"x\"", "may not be filtered on"),
        ("nope eq \"x\"", "'nope' is no property of User; as a SCIM filter: 'nope' is no attribute of User"),
        ("urn:example:absent:x eq \"x\"", "is no attribute"),
        ("active gt true", "does not compare"),
        ("userName eq", "expected a value"),
        ("/sn ew \"x\"", "operator 'ew' is not supported"),
        ("/sn eq \"x\" and", "expected a property at character 15, found the end"),
        ("emails[type eq \"x\"", "expected ']'"),
        ("  ", "it is empty"),
    ] {
        let fault = parse(text).unwrap_err();
        assert_eq!(fault.kind, Kind::InvalidValue, "{text}");
        assert!(fault.detail.starts_with("condition: ") && fault.detail.contains(said), "{text}: {fault}");
    }
}

#[test]
fn it_says_what_it_reads_and_needs() {
    let department = format!("{ENTERPRISE}:department");
    let sales = anchor(&department, "sales");
    for (text, reads, anchors) in [
        ("department eq \"Sales\"", vec![department.as_str()], vec![sales.clone()]),
        (
            "department eq \"Sales\" and accountStatus eq \"active\" and sn pr",
            vec!["name", "name.familyName", "active", department.as_str()],
            vec![sales.clone()],
        ),
        ("accountStatus eq \"active\" and sn pr", vec!["name", "name.familyName", "active"], vec![anchor("active", "true")]),
        (
            "department eq \"Sales\" or title co \"x\"",
            vec!["title", department.as_str()],
            vec![anchor("title", ""), sales.clone()],
        ),
        ("department eq \"Sales\" or ! title pr", vec!["title", department.as_str()], vec![ANY.to_owned()]),
        ("department eq \"Sales\" and false", vec![], vec![]),
        (
            "emails[type eq \"work\" and not (primary eq true)]",
            vec!["emails", "emails.type", "emails.primary"],
            vec![anchor("emails.type", "work")],
        ),
        ("emails[not (primary eq true)]", vec!["emails", "emails.primary"], vec![anchor("emails", "")]),
    ] {
        let condition = parse(text).unwrap();
        let sorted = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(
            condition.reads().map(str::to_owned).collect::<BTreeSet<_>>(),
            reads.iter().map(|s| (*s).to_owned()).collect(),
            "{text}"
        );
        assert_eq!(sorted(condition.anchors()), anchors.into_iter().collect(), "{text}");
    }
}

#[test]
fn anchors_stay_small() {
    let condition = parse(&format!("title eq \"{}\"", "x".repeat(9_000))).unwrap();
    assert!(condition.anchors()[0].len() < 300);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn who_matches_has_an_anchor(
        (expr, person) in (random::expression(&user()), random::resource(&user())),
    ) {
        let kind = user();
        let filter = resolve(&expr, &kind, Dialect::Scim).unwrap();
        if eval::matches(&filter, &kind, &person) {
            let anchors = needed_own(&filter, &kind).anchors;
            let own = anchors_of(&View::alone(kind.clone(), person.clone()));
            prop_assert!(anchors.iter().any(|a| own.contains(a)), "{expr} needs {anchors:?}, has {own:?}");
        }
    }
}

fn alone(kind: &str, doc: Value) -> View {
    View::alone(Arc::clone(types().by_name(kind).unwrap()), doc.as_object().unwrap().clone())
}

fn led() -> View {
    let mut view = alone("user", json!({ "id": "u", "userName": "u", "title": "clerk" }));
    view.led.insert("manager".to_owned(), vec![Arc::new(alone("user", json!({ "id": "m", "userName": "m", "title": "Boss" })))]);
    let groups = [("g", "Staff"), ("h", "Others")].map(|(id, name)| alone("group", json!({ "id": id, "displayName": name })));
    view.led.insert("groups".to_owned(), groups.into_iter().map(Arc::new).collect());
    view
}

#[test]
fn what_edges_lead_to_is_read_in_both_grammars() {
    let manager = format!("{ENTERPRISE}:manager");
    for (text, expected) in [
        ("/manager/title eq \"boss\"", true),
        ("/manager/title eq \"boss\" and /title eq \"boss\"", false),
        ("! (/manager/title eq \"boss\") or /title eq \"clerk\"", true),
        ("/manager pr", true),
        ("/reports pr", false),
        ("/manager/_ref eq \"managed/user/m\"", true),
        ("/manager/_ref eq \"managed/group/m\"", false),
        ("/manager/_refResourceId eq \"m\"", true),
        ("/manager/_id eq \"n\"", false),
        ("/manager eq \"m\"", true),
        (&format!("{manager} eq \"m\""), true),
        (&format!("{manager}.value ne \"m\""), false),
        (&format!("{manager}.displayName pr"), false),
        (&format!("{manager} eq null"), false),
        ("groups.value eq \"g\" and groups.display eq \"others\"", true),
        ("groups[value eq \"g\" and display eq \"others\"]", false),
        ("groups[value ne \"g\"]", true),
        ("groups.value ne \"g\"", false),
        ("/groups[/_refResourceId eq \"h\" and /name eq \"others\"]", true),
        ("/groups/displayName sw \"st\"", true),
        ("/groups/_refResourceId in '[\"x\",\"h\"]'", true),
        ("groups pr and not (groups.display eq \"x\")", true),
    ] {
        let condition = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(condition.matches(&led()), expected, "{text}");
        let own = anchors_of(&led());
        assert!(!expected || condition.anchors().iter().any(|anchor| own.contains(anchor)), "{text}: {:?}", condition.anchors());
    }
}

#[test]
fn it_says_what_it_reads_of_others() {
    let told = |text: &str| parse(text).unwrap().reads().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(told("/manager/title eq \"x\" or /sn pr"), ["manager>", "manager>title", "name", "name.familyName"]);
    assert_eq!(told("groups.display eq \"x\""), ["groups>", "groups>displayName"]);
    assert_eq!(told("/memberOfOrg/parent/name eq \"x\""), ["memberOfOrg>", "memberOfOrg>parent>", "memberOfOrg>parent>name"]);
    let script = |source: &str| told(&json!({ "type": "rhai", "source": source }).to_string());
    assert_eq!(script("user.country == \"FR\""), ["addresses", "addresses.country"]);
    assert_eq!(script("user.manager.title == \"x\""), ["manager>", "manager>title"]);
    assert_eq!(script("user.groups.len() > 1"), ["groups>", "groups>*"]);
    assert_eq!(script("user.keys().len() > 1"), ["*"]);
    assert_eq!(parse("/manager/title eq \"x\"").unwrap().anchors(), [format!("manager>{}", anchor("title", "x"))]);
    assert_eq!(parse("/manager/title pr and /country eq \"FR\"").unwrap().anchors(), [anchor("addresses.country", "fr")]);
    let touched = |read: &str, changed: &str| reads::touches(std::iter::once(read), &BTreeSet::from([changed.to_owned()]));
    for (read, changed, expected) in [
        ("title", "title", true),
        ("title", "manager>title", false),
        ("*", "title", true),
        ("*", "manager>title", false),
        ("manager>*", "manager>title", true),
        ("manager>*", "manager>", false),
        ("manager>*", "title", false),
    ] {
        assert_eq!(touched(read, changed), expected, "{read} {changed}");
    }
}

#[test]
fn an_expression_that_fails_does_not_match_and_says_why() {
    let condition = parse(r#"{"type":"rhai","source":"user.country == \"FR\""}"#).unwrap();
    let error = condition.check(&led()).unwrap_err();
    assert!(error.to_string().starts_with("line 1, column 6: no attribute 'country'"), "{error}");
    assert!(!condition.matches(&led()));
    let nested = |depth: usize| json!({ "type": "rhai", "source": format!("{}true{}", "(".repeat(depth), ")".repeat(depth)) });
    assert!(parse(&nested(5).to_string()).is_ok());
    let fault = parse(&nested(40).to_string()).unwrap_err();
    assert!(fault.detail.starts_with("condition: line 1, column "), "{fault}");
}

/// What runs too long fails; the limits stop it.
#[test]
fn an_expression_that_runs_too_long_is_refused_on_save() {
    let list = format!("[{}]", vec!["1"; 150].join(","));
    let source = format!("{list}.filter(|x| {list}.filter(|y| x == y).len() > 0).len() > 3 && user.userName != \"\"");
    let fault = parse(&json!({ "type": "rhai", "source": source }).to_string()).unwrap_err();
    assert!(fault.detail.contains("more than 20000 operations"), "{fault}");
}

#[test]
fn a_condition_falls_into_its_parts_in_either_form() {
    let person = json!({"id": "u", "title": "boss", "addresses": [{"type": "work", "country": "FR"}], "active": true});
    let person = View::alone(user(), person.as_object().unwrap().clone());
    for source in ["/country eq \"FR\" and /title eq \"clerk\"", "addresses.country eq \"FR\" and title eq \"clerk\""] {
        let parts = parse(source).unwrap().parts(&user(), &types());
        assert_eq!(parts.iter().map(|part| part.holds(&person)).collect::<Vec<_>>(), [true, false], "{source}");
        let told = parts[1].clone().told(&person);
        assert_eq!((told.values, told.outcome), (vec![("title".to_owned(), vec![json!("boss")])], None));
    }
    assert_eq!(parse("title eq \"a\" or title eq \"b\"").unwrap().parts(&user(), &types()).len(), 1);
}

#[test]
fn parts_tell_what_they_read_of_others_and_never_too_much() {
    let types = types();
    let view = |kind: &str, doc: Value| View::alone(types.by_name(kind).unwrap().clone(), doc.as_object().unwrap().clone());
    let mut person = view("user", json!({"id": "u", "userName": "u", "title": "x".repeat(500)}));
    let group = |n: usize| Arc::new(view("group", json!({"id": format!("g{n}"), "displayName": format!("n{n}")})));
    person.led.insert("manager".to_owned(), vec![Arc::new(view("user", json!({"id": "m", "title": "boss"})))]);
    person.led.insert("groups".to_owned(), (0..30).map(group).collect());
    let told = |text: &str| {
        let parts = parse(text).unwrap().parts(&user(), &types);
        parts.into_iter().map(|part| part.told(&person)).collect::<Vec<_>>()
    };
    let names = |term: &Term| term.values.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let [manager, group] = &told("/manager/title eq \"boss\" and /groups/name eq \"n7\"")[..] else { panic!() };
    assert_eq!(manager.text, "manager/title eq \"boss\"");
    let reference = |name: &str, to: &str| (name.to_owned(), vec![json!(to)]);
    assert_eq!(manager.values, [reference("manager", "managed/user/m"), reference("manager/title", "boss")]);
    // The one that met it, of thirty; of those that do not, a few.
    assert_eq!(group.values, [reference("groups", "managed/group/g7"), reference("groups/displayName", "n7")]);
    let [none] = &told("/groups/name eq \"none\"")[..] else { panic!() };
    assert!(none.values.iter().all(|(_, values)| values.len() == 10), "{none:?}");
    let script = r#"{"type":"rhai","source":"user.manager.title == \"boss\" && get(user, \"title\", \"\") == \"x\""}"#;
    let [script] = &told(script)[..] else { panic!() };
    assert_eq!(
        (names(script), &script.outcome),
        (vec!["title".into(), "manager/title".into(), "manager".into()], &Some(Ok(false)))
    );
    assert!(script.values[0].1[0].as_str().unwrap().chars().count() < 100, "a long text is cut");
    let [failing] = &told(r#"{"type":"rhai","source":"user.department == \"x\""}"#)[..] else { panic!() };
    assert!(matches!(&failing.outcome, Some(Err(error)) if error.text.contains("department")));
    let [all] = &told(r#"{"type":"rhai","source":"user.keys().len() > 0"}"#)[..] else { panic!() };
    assert_eq!(names(all), ["userName", "title"]);
}
