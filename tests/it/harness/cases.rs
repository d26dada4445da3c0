//! Cases as data: requests, what must come back, and the state read afterwards. One tenant for each case.
//!
//! A step is `do: METHOD path`, with `headers` and `body`; it expects `status`, a subset of the body (`expect`), `header`s and
//! things that are `absent` (JSON pointers), or an answer that is `empty`, and may `save` values of the answer for `${name}` in later steps. In `expect` a
//! list must match element by element, `"*"` matches anything that is there, and null what is not. `do: CLOCK instant` turns the
//! clock, which each case finds where it stood at first.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use provost::domain::time::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::gateway::{Client, Gateway, START};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The client profile to send it under; without, the tenant's own admin sends it.
    #[serde(default)]
    profile: Option<String>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    r#do: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    #[serde(default)]
    status: u16,
    expect: Option<Value>,
    #[serde(default)]
    header: BTreeMap<String, Option<String>>,
    #[serde(default)]
    empty: bool,
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default)]
    save: BTreeMap<String, String>,
}

/// Runs every case of a file under tests/cases and panics with all that failed.
pub async fn run(gateway: &Gateway, file: &str) {
    let path = format!("{}/tests/cases/{file}", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<Case> = serde_yaml_ng::from_str(&fs::read_to_string(&path).unwrap()).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert!(!cases.is_empty());
    let mut failures = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let client = gateway.tenant(&format!("case-{number}")).await;
        let client = match &case.profile {
            Some(profile) => client.with_profile(profile).await,
            None => client,
        };
        gateway.clock.set(Timestamp::parse(START).unwrap());
        if let Err(what) = play(gateway, &client, case).await {
            failures.push(format!("{}: {what}", case.name));
        }
    }
    assert!(failures.is_empty(), "{} of {} cases failed\n{}", failures.len(), cases.len(), failures.join("\n"));
}

async fn play(gateway: &Gateway, client: &Client, case: &Case) -> Result<(), String> {
    let mut known = HashMap::from([("url".to_owned(), client.url.clone())]);
    for step in &case.steps {
        let wish = filled(&step.r#do, &known);
        let (method, path) = wish.split_once(' ').unwrap();
        if method == "CLOCK" {
            gateway.clock.set(Timestamp::parse(path).unwrap());
            continue;
        }
        let headers: Vec<(String, String)> = step.headers.iter().map(|(k, v)| (k.clone(), filled(v, &known))).collect();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let body = step.body.as_ref().map(|body| filled(&body.to_string(), &known));
        let answer = client.send(Method::from_bytes(method.as_bytes()).unwrap(), path, &headers, body).await;
        let failed = |what: String| Err(format!("{wish}: {what}\n    answer {} {}", answer.status, answer.text));
        if answer.status != step.status {
            return failed(format!("expected {}", step.status));
        }
        if let Some(expect) = &step.expect {
            let expect: Value = serde_json::from_str(&filled(&expect.to_string(), &known)).unwrap();
            if let Err(what) = covers(&expect, Some(&answer.body), "") {
                return failed(what);
            }
        }
        for (name, value) in &step.header {
            let value = value.as_ref().map(|value| filled(value, &known));
            let found = answer.header(name);
            let any = value.as_deref() == Some("*") && found.is_some();
            if !any && found != value.as_deref() {
                return failed(format!("header {name} is {found:?}, not {value:?}"));
            }
        }
        if step.empty && !answer.text.is_empty() {
            return failed("there is a body".to_owned());
        }
        if let Some(there) = step.absent.iter().find(|pointer| answer.body.pointer(pointer).is_some()) {
            return failed(format!("{there} is there"));
        }
        for (name, pointer) in &step.save {
            match answer.body.pointer(pointer).and_then(Value::as_str) {
                Some(value) => _ = known.insert(name.clone(), value.to_owned()),
                None => return failed(format!("no text at {pointer}")),
            }
        }
    }
    Ok(())
}

fn filled(text: &str, known: &HashMap<String, String>) -> String {
    known.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
}

fn covers(expect: &Value, found: Option<&Value>, at: &str) -> Result<(), String> {
    match (expect, found) {
        (Value::Null, None | Some(Value::Null)) => Ok(()),
        (Value::String(any), Some(value)) if any == "*" && !value.is_null() => Ok(()),
        (Value::Object(expect), Some(Value::Object(found))) => {
            expect.iter().try_for_each(|(name, value)| covers(value, found.get(name), &format!("{at}/{name}")))
        }
        (Value::Array(expect), Some(Value::Array(found))) if expect.len() == found.len() => {
            let mut pairs = expect.iter().zip(found).enumerate();
            pairs.try_for_each(|(index, (value, found))| covers(value, Some(found), &format!("{at}/{index}")))
        }
        (expect, Some(found)) if expect == found => Ok(()),
        (expect, found) => Err(format!("{at} is {}, not {expect}", found.map_or("absent".to_owned(), Value::to_string))),
    }
}
