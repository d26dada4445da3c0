//! PATCH by a table, tests/cases/scim/patch.yaml, whose head says what it holds: under every profile, on both engines, the
//! state read again after each.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::transcripts::holds;
use crate::harness::gateway::{Answer, Client, Gateway};

const PROFILES: [&str; 5] = ["generic", "strict", "entra", "okta", "auto"];
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Every cell that the table must speak of.
const ROWS: &[&str] = &[
    "4",
    "4.1",
    "4.2 no path",
    "4.2 single simple",
    "4.2 complex single",
    "4.2 multi-valued",
    "4.2 filter matched",
    "4.2 filter unmatched",
    "4.3 no path",
    "4.3 unassigned",
    "4.3 complex single",
    "4.3 multi-valued",
    "4.3 filter matched",
    "4.3 filter unmatched",
    "4.4 no path",
    "4.4 no filter, no value",
    "4.4 value array",
    "4.4 filter",
    "4.4 filter with sub-attribute",
    "4.4 required or readOnly",
    "4.5",
    "4.6",
    "4.7",
    "4.8",
    "4.9",
    "4.10",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    row: String,
    what: String,
    #[serde(default = "user")]
    on: String,
    #[serde(default)]
    start: Map<String, Value>,
    #[serde(default)]
    r#do: Option<Value>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    state: Option<Map<String, Value>>,
    #[serde(default)]
    refused: Refused,
    #[serde(default)]
    says: String,
    /// The state changes and the version does not.
    #[serde(default)]
    still: bool,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Refused {
    #[default]
    Never,
    Always(String),
    By(BTreeMap<String, String>),
}

fn user() -> String {
    "user".to_owned()
}

fn table() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/scim/patch.yaml");
    serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn the_table_speaks_of_every_cell() {
    let table = table();
    for row in ROWS {
        assert!(table.iter().any(|case| case.row == *row), "no case for {row}");
    }
}

#[tokio::test]
async fn each_cell_of_the_tables_on_sqlite() {
    run(&Gateway::start(), &PROFILES).await;
}

#[tokio::test]
async fn each_cell_of_the_tables_on_postgres() {
    // What differs between the other profiles is no matter of the store.
    run(&Gateway::on_postgres(), &PROFILES[..2]).await;
}

struct World {
    generic: Client,
    known: BTreeMap<String, String>,
}

async fn run(gateway: &Gateway, profiles: &[&str]) {
    let scopes = ["scim.read", "scim.write", "scim.roles"];
    let generic = gateway.token(&scopes, "generic", "idp").await;
    let mut known = BTreeMap::from([("ent".to_owned(), ENTERPRISE.to_owned())]);
    for name in ["ada", "bob", "cy"] {
        let made = generic.post("/scim/v2/Users", &json!({ "userName": name, "displayName": name })).await;
        known.insert(name.to_owned(), made.id().to_owned());
    }
    known.insert("admin".to_owned(), generic.post("/scim/v2/Roles", &json!({ "name": "Admin" })).await.id().to_owned());
    let world = World { generic, known };
    let mut failures = Vec::new();
    let mut count = 0;
    for profile in profiles {
        let client = gateway.token(&scopes, profile, "idp").await;
        for case in table() {
            count += 1;
            if let Err(what) = play(gateway, &world, &client, profile, &case, count).await {
                failures.push(format!("{profile}: {} {}: {what}", case.row, case.what));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count} failed\n{}", failures.len(), failures.join("\n"));
}

async fn play(gateway: &Gateway, world: &World, client: &Client, profile: &str, case: &Case, count: usize) -> Result<(), String> {
    let name = format!("u{count}");
    let mut known = world.known.clone();
    known.insert("name".to_owned(), name.clone());
    let (endpoint, mut body) = match case.on.as_str() {
        "group" => {
            ("/scim/v2/Groups", json!({ "displayName": "g", "members": [{ "value": known["ada"] }, { "value": known["bob"] }] }))
        }
        _ => (
            "/scim/v2/Users",
            json!({
                "userName": name, "externalId": "e", "name": { "givenName": "B", "familyName": "J" }, "title": "t",
                "emails": [
                    { "value": "w@x", "type": "work", "primary": true }, { "value": "h@x", "type": "home" },
                    { "value": "o@x", "type": "other" },
                ],
                ENTERPRISE: { "department": "d" },
            }),
        ),
    };
    for (key, value) in &case.start {
        body[key] = value.clone();
    }
    let made = world.generic.post(endpoint, &body).await;
    if made.status != 201 {
        return Err(format!("not made: {}", made.text));
    }
    let path = format!("{endpoint}/{}", made.id());
    known.insert("id".to_owned(), made.id().to_owned());
    let before = world.generic.get(&path).await;
    gateway.clock.set(gateway.clock.now().plus_seconds(1));

    let sent = case.body.clone().unwrap_or_else(|| json!({ "schemas": [PATCH_OP], "Operations": case.r#do }));
    let answer = client.patch(&path, &filled(&sent, &known)).await;
    let after = world.generic.get(&path).await;
    let refused = match &case.refused {
        Refused::Never => None,
        Refused::Always(scim_type) => Some(scim_type),
        Refused::By(each) => each.get(profile),
    };
    match refused {
        Some(scim_type) => refusal(case, scim_type, &answer, &before, &after),
        None => outcome(case, &answer, &before, &after, &known),
    }
}

fn refusal(case: &Case, scim_type: &str, answer: &Answer, before: &Answer, after: &Answer) -> Result<(), String> {
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    if answer.status != 400 || answer.body["scimType"] != scim_type || detail.is_empty() || !detail.contains(&case.says) {
        return Err(format!("expected 400 {scim_type}, got {} {}", answer.status, answer.text));
    }
    if before.body != after.body {
        return Err(format!("refused and yet written: {}", after.text));
    }
    Ok(())
}

fn outcome(
    case: &Case,
    answer: &Answer,
    before: &Answer,
    after: &Answer,
    known: &BTreeMap<String, String>,
) -> Result<(), String> {
    match answer.status {
        200 if answer.body != after.body => return Err(format!("answered {}, read {}", answer.text, after.text)),
        200 => {}
        204 if answer.text.is_empty() => {}
        _ => return Err(format!("{} {}", answer.status, answer.text)),
    }
    if answer.header("etag") != after.header("etag") {
        return Err("another ETag when read again".to_owned());
    }
    let expected = match filled(&json!(case.state.clone().unwrap_or_default()), known) {
        Value::Object(expected) => expected,
        _ => Map::new(),
    };
    let names = before.body.as_object().unwrap().keys().chain(after.body.as_object().unwrap().keys()).chain(expected.keys());
    for name in names.filter(|name| !matches!(name.as_str(), "meta" | "schemas")) {
        let (was, is) = (&before.body[name], &after.body[name]);
        let as_it_should = match expected.get(name) {
            None => was == is,
            // Of references the answer tells more than was written.
            Some(value) if matches!(name.as_str(), "members" | "roles" | ENTERPRISE) => holds(value, is),
            Some(value) => holds(value, is) && holds(is, value),
        };
        if !as_it_should {
            let wanted = expected.get(name).unwrap_or(was);
            return Err(format!("{name} is {is}, not {wanted}"));
        }
    }
    let moves = case.state.is_some() && !case.still;
    for part in ["version", "lastModified"] {
        if (before.body["meta"][part] != after.body["meta"][part]) != moves {
            return Err(format!("meta.{part} {} move: {}", if moves { "did not" } else { "did" }, after.body["meta"]));
        }
    }
    Ok(())
}

fn filled(value: &Value, known: &BTreeMap<String, String>) -> Value {
    let text =
        |text: &str| known.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
    match value {
        Value::String(one) => text(one).into(),
        Value::Array(list) => list.iter().map(|v| filled(v, known)).collect(),
        Value::Object(parts) => parts.iter().map(|(key, v)| (text(key), filled(v, known))).collect::<Map<_, _>>().into(),
        other => other.clone(),
    }
}
