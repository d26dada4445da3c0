//! What real clients send in an ordinary run, written down as data in tests/transcripts and replayed under each profile that
//! has to carry it. After every step the resource is read again.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::harness::gateway::{Answer, Client, Gateway};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transcript {
    /// The profiles that must carry it.
    profiles: Vec<String>,
    /// Headers of every request.
    headers: BTreeMap<String, String>,
    /// What stands on the address of every request.
    #[serde(default)]
    query: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// What the client is about.
    what: String,
    /// Method and path below `/scim/v2`; `${name}` stands for what an earlier step saved.
    send: String,
    #[serde(default)]
    with: Option<Value>,
    /// The expected status; for all profiles, or one each.
    status: Status,
    /// What the answer must hold; null means absent, arrays count as sets.
    #[serde(default)]
    answer: Option<Value>,
    /// What a write leaves behind: the resource read again afterwards, wherever it was written.
    #[serde(default)]
    state: Option<Value>,
    /// Names for members of the answer.
    #[serde(default)]
    save: BTreeMap<String, String>,
    /// Only under these profiles.
    #[serde(default)]
    only: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Status {
    Always(u16),
    By(BTreeMap<String, u16>),
}

struct Run {
    client: Client,
    profile: String,
    headers: BTreeMap<String, String>,
    query: String,
    saved: BTreeMap<String, String>,
}

impl Run {
    fn fill(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (name, value) in &self.saved {
            out = out.replace(&format!("${{{name}}}"), value);
        }
        assert!(!out.contains("${"), "nothing was saved for {out}");
        out
    }

    fn fill_in(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.fill(text).into(),
            Value::Array(list) => list.iter().map(|v| self.fill_in(v)).collect(),
            Value::Object(parts) => parts.iter().map(|(k, v)| (k.clone(), self.fill_in(v))).collect::<Map<_, _>>().into(),
            other => other.clone(),
        }
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let method: Method = method.parse().unwrap();
        let sign = if path.contains('?') { '&' } else { '?' };
        let query = if self.query.is_empty() { String::new() } else { format!("{sign}{}", self.query) };
        self.client.send(method, &format!("/scim/v2{path}{query}"), &headers, body.map(|b| b.to_string())).await
    }

    async fn step(&mut self, step: &Step) {
        if step.only.as_ref().is_some_and(|only| !only.contains(&self.profile)) {
            return;
        }
        let at = format!("{} / {}", self.profile, step.what);
        let (method, path) = step.send.split_once(' ').unwrap();
        let path = self.fill(path);
        let status = match &step.status {
            Status::Always(status) => *status,
            Status::By(each) => each[&self.profile],
        };
        // What is refused leaves everything as it was.
        let refused = method == "POST" && status >= 400;
        let before = if refused { Some(self.send("GET", &path, None).await) } else { None };
        let answer = self.send(method, &path, step.with.as_ref().map(|b| self.fill_in(b))).await;
        assert_eq!(answer.status, status, "{at}: {}", answer.text);
        match status {
            204 => assert_eq!(answer.text, "", "{at}"),
            _ => assert_eq!(answer.header("content-type"), Some("application/scim+json"), "{at}"),
        }
        for (name, member) in &step.save {
            self.saved.insert(name.clone(), answer.body[member].as_str().unwrap().to_owned());
        }
        if let Some(expected) = &step.answer
            && status != 204
        {
            check(&at, &self.fill_in(expected), &answer.body);
        }
        if let Some(before) = before {
            let after = self.send("GET", &path, None).await;
            assert_eq!((before.status, &before.body), (200, &after.body), "{at}: refused and yet written");
        }
        self.read_again(&at, method, &path, &answer, step).await;
    }

    async fn read_again(&self, at: &str, method: &str, path: &str, answer: &Answer, step: &Step) {
        let written = match method {
            "GET" => return,
            "POST" if answer.status == 201 => format!("{path}/{}", answer.id()),
            "POST" => return,
            _ => path.split('?').next().unwrap().to_owned(),
        };
        let read = self.send("GET", &written, None).await;
        if method == "DELETE" || answer.status == 404 {
            assert_eq!(read.status, 404, "{at}: still there: {}", read.text);
            return;
        }
        let expected = step.state.as_ref().unwrap_or_else(|| panic!("{at}: the transcript does not say what is left behind"));
        assert_eq!(read.status, 200, "{at}: {}", read.text);
        check(&format!("{at}, read again"), &self.fill_in(expected), &read.body);
        if answer.status < 300 {
            assert_eq!(read.header("etag"), answer.header("etag"), "{at}");
        }
        if let Some(version) = answer.body.pointer("/meta/version") {
            assert_eq!(Some(version), read.body.pointer("/meta/version"), "{at}");
        }
        if answer.status == 201 {
            assert_eq!(answer.header("location"), read.body["meta"]["location"].as_str(), "{at}");
        }
    }
}

fn check(at: &str, expected: &Value, actual: &Value) {
    assert!(holds(expected, actual), "{at}\nexpected {expected:#}\nin {actual:#}");
}

/// Whether `actual` has all of `expected`.
pub(super) fn holds(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Null, _) => actual.is_null(),
        (Value::Object(parts), Value::Object(_)) => {
            parts.iter().all(|(name, part)| holds(part, actual.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Array(parts), Value::Array(list)) => {
            let mut left: Vec<&Value> = list.iter().collect();
            parts.len() == left.len()
                && parts.iter().all(|part| {
                    let found = left.iter().position(|one| holds(part, one));
                    found.map(|at| left.remove(at)).is_some()
                })
        }
        _ => expected == actual,
    }
}

async fn replay(name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(name);
    let transcript: Transcript = serde_yaml_ng::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    for profile in &transcript.profiles {
        for gateway in Gateway::both() {
            let client = gateway.token(&["scim.read", "scim.write", "scim.roles"], profile, "idp").await;
            let saved = BTreeMap::from([("base".to_owned(), format!("{}/scim/v2", gateway.url))]);
            let (headers, query) = (transcript.headers.clone(), transcript.query.clone());
            let mut run = Run { client, profile: profile.clone(), headers, query, saved };
            for step in &transcript.steps {
                run.step(step).await;
            }
        }
    }
}

#[tokio::test]
async fn entra_in_its_default_form() {
    replay("entra.yaml").await;
}

#[tokio::test]
async fn entra_with_the_flag_for_standard_patches() {
    replay("entra-aadoptscim062020.yaml").await;
}

#[tokio::test]
async fn okta_integration_network_app() {
    replay("okta-oin.yaml").await;
}

#[tokio::test]
async fn okta_custom_app() {
    replay("okta-aiw.yaml").await;
}

#[tokio::test]
async fn microsofts_validator() {
    replay("entra-validator.yaml").await;
}

#[tokio::test]
async fn onelogin() {
    replay("onelogin.yaml").await;
}

#[tokio::test]
async fn jumpcloud() {
    replay("jumpcloud.yaml").await;
}

#[tokio::test]
async fn google_workspace() {
    replay("google.yaml").await;
}

#[tokio::test]
async fn authentik_rauthy_and_keycloak() {
    replay("authentik.yaml").await;
}

#[tokio::test]
async fn a_client_that_keeps_to_the_rfc() {
    replay("sailpoint.yaml").await;
}

#[test]
fn every_transcript_is_replayed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let source = include_str!("transcripts.rs");
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(source.contains(&format!("replay(\"{name}\")")), "{name} is not replayed");
    }
}
