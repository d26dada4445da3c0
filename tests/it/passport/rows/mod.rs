//! The Passport document, row by row (spec/access.md §1.1): each of P1 to P70 has a test of its own, named by its number, over
//! HTTP and on both engines. Rows P68 to P70 are in `tests/it/oauth/life.rs`.

use std::collections::BTreeSet;
use std::path::Path;

use provost::domain::secret::MasterKey;
use provost::domain::time::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::gateway::{ADMIN, Client, Gateway};
use crate::harness::postgres;
use crate::harness::process::{self, Process};
use crate::oauth::world::{Account, part};

mod checks;
mod choices;
mod definitions;
mod idinfo;
mod lint;
mod policies;
mod policy_forms;
mod roles;
mod tokens;

/// The managed identity of the document.
const MI: &str = "mi-guid-1234";
/// Its address.
const AT: &str = "/passport/admin/managed-identities/mi-guid-1234";
const POLICIES: &str = "/passport/admin/resource-policies";
/// The workflow of the document.
const WORKFLOW: (&str, &str) = ("workflow", "wf-monthly-payroll");
/// The condition of the document, letter by letter.
const NIGHT: &str = "hour(now()) < 6 || hour(now()) >= 22";

/// The company of the document: tenant, roles, and a payroll scheduler that somebody owns.
struct World {
    gateway: Gateway,
    admin: Client,
    account: Account,
}

impl World {
    async fn both() -> Vec<Self> {
        Self::both_with(&[]).await
    }

    async fn both_with(environment: &[(&str, &str)]) -> Vec<Self> {
        let mut worlds = Vec::new();
        for gateway in Gateway::both_with(environment) {
            let admin = gateway.tenant("tenant-abc").await;
            let account = furnish(&admin).await;
            worlds.push(Self { gateway, admin, account });
        }
        worlds
    }

    /// Gives the scheduler these roles and no others.
    async fn hold(&self, roles: &[&str]) -> Value {
        let done = self.admin.put(&format!("{AT}/roles"), &json!({ "roles": roles })).await;
        assert_eq!(done.status, 200, "{}", done.text);
        done.body
    }

    async fn role(&self, name: &str, permissions: &[&str]) -> String {
        role(&self.admin, name, permissions).await
    }

    /// A user that holds a role, by its id.
    async fn person(&self, id: &str, role: &str) {
        let body = json!({ "userName": id, "displayName": id, "roles": [{ "_ref": format!("managed/role/{role}") }] });
        let made = self.admin.put(&format!("/openidm/managed/user/{id}"), &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }

    /// A token of the scheduler, and what it says.
    async fn token(&self) -> (String, Value) {
        let (secret, _) = self.account.secret().await;
        let token = self.account.token(&secret, &[]).await;
        let claims = part(&token, 1);
        (token, claims)
    }

    /// What `GET /passport/idinfo` tells the bearer.
    async fn info(&self, token: &str) -> Value {
        let told = self.gateway.client(token).get("/passport/idinfo").await;
        assert_eq!(told.status, 200, "{}", told.text);
        told.body
    }

    async fn check(&self, caller: &str, permission: &str) -> Value {
        check(&self.admin, json!({ "caller": caller, "permission": permission })).await
    }

    async fn check_at(&self, caller: &str, permission: &str, (kind, id): (&str, &str)) -> Value {
        let resource = json!({ "type": kind, "id": id });
        check(&self.admin, json!({ "caller": caller, "permission": permission, "resource": resource })).await
    }

    /// Whether the scheduler may run the payroll there, at a time.
    async fn runs_at(&self, time: &str) -> bool {
        self.gateway.clock.set(Timestamp::parse(time).unwrap());
        self.check_at(MI, "payroll.run", WORKFLOW).await["allowed"].as_bool().unwrap()
    }

    async fn policy(&self, body: &Value) -> String {
        policy(&self.admin, body).await
    }

    async fn tag(&self, tags: &[&str]) {
        let done = self.admin.put(&format!("{AT}/tags"), &json!({ "tags": tags })).await;
        assert_eq!((done.status, &done.body["tags"]), (200, &json!(tags)), "{}", done.text);
    }

    /// The findings about accounts and about roles: rule, id of the subject, name of the role.
    async fn findings(&self) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        for path in ["/admin/v1/findings?limit=1000", "/admin/v1/findings?limit=1000&after=role"] {
            let told = self.admin.get(path).await;
            assert_eq!(told.status, 200, "{}", told.text);
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let of = |f: &Value| (text(&f["rule"]), text(&f["subject"]["id"]), text(&f["role"]["name"]));
            found.extend(told.body["findings"].as_array().unwrap().iter().map(of));
        }
        found
    }

    /// What is found about the scheduler for a role.
    async fn found_for(&self, role: &str) -> BTreeSet<String> {
        let found = self.findings().await.into_iter();
        found.filter(|(_, subject, of)| subject == MI && of == role).map(|(rule, ..)| rule).collect()
    }

    /// That a write needs the bearer of an administrator: 401 without one, 403 with one that only reads, and nothing is done.
    async fn needs_admin(&self, method: Method, path: &str, body: Option<Value>, untouched: &str) {
        let before = self.admin.get(untouched).await;
        let text = body.map(|body| body.to_string());
        let bare = self.admin.http.request(method.clone(), format!("{}{path}", self.gateway.url));
        let bare = bare.header("Content-Type", "application/json").body(text.clone().unwrap_or_default());
        let answer = bare.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{method} {path}");
        assert!(answer.headers().contains_key("www-authenticate"), "{method} {path}");
        let scopes = json!(["passport.read", "access.evaluate", "scim.read", "scim.write", "idm.read", "idm.write"]);
        let made = self.admin.post("/admin/v1/tokens", &json!({ "name": "clerk", "scopes": scopes })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        for (token, status) in [("nobody", 401), (made.body["token"].as_str().unwrap(), 403)] {
            let answer = self.gateway.client(token).send(method.clone(), path, &[], text.clone()).await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        }
        let after = self.admin.get(untouched).await;
        assert_eq!((before.status, before.text), (after.status, after.text), "{method} {path} did something");
    }
}

async fn furnish(admin: &Client) -> Account {
    let executor = json!({
        "name": "payroll-executor", "description": "Runs the payroll", "isServiceAccountRole": true,
        "permissions": ["workflow.execute", "payroll.read", "payroll.run", "report.payroll.read"],
    });
    let reader = json!({ "name": "report-reader", "isServiceAccountRole": true, "permissions": ["report.payroll.read"] });
    for body in [executor, reader] {
        assert_eq!(admin.post("/passport/admin/roles", &body).await.status, 201);
    }
    assert_eq!(admin.put("/openidm/managed/user/boss", &json!({ "userName": "boss" })).await.status, 201);
    let body = json!({ "name": "payroll-scheduler", "owner": { "_ref": "managed/user/boss" } });
    let made = admin.put(&format!("/openidm/managed/service_account/{MI}"), &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let client_id = made.body["clientId"].as_str().unwrap().to_owned();
    Account { admin: admin.clone(), id: MI.to_owned(), client_id }
}

async fn role(admin: &Client, name: &str, permissions: &[&str]) -> String {
    let made = admin.post("/passport/admin/roles", &json!({ "name": name, "permissions": permissions })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.id().to_owned()
}

async fn policy(admin: &Client, body: &Value) -> String {
    let made = admin.post(POLICIES, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    format!("{POLICIES}/{}", made.id())
}

async fn check(client: &Client, body: Value) -> Value {
    let told = client.post("/passport/check-permission", &body).await;
    assert_eq!(told.status, 200, "{}", told.text);
    told.body
}

/// The policy of the document, with these exceptions.
fn payroll_policy(exceptions: &[&str]) -> Value {
    json!({ "resourceType": WORKFLOW.0, "resourceId": WORKFLOW.1, "conditions": [
        { "effect": "Deny", "condition": NIGHT, "message": "Payroll runs between 06:00 and 22:00 UTC", "exceptions": exceptions },
    ] })
}

/// The real program on either engine, with more in its environment.
fn processes(environment: &[(&str, &str)]) -> Vec<(Process, Option<TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let mut embedded = process::serve(&folder.path().join("data"));
    embedded.envs(environment.iter().copied());
    let (url, key) = (postgres::fresh_database(), MasterKey::from_bytes([7; 32]).to_text());
    let mut server = process::provost();
    server.args(["serve", "--listen", "127.0.0.1:0"]).env("PROVOST_ADMIN_TOKEN", ADMIN);
    server.env("PROVOST_DATABASE_URL", url).env("PROVOST_MASTER_KEY", key.expose()).envs(environment.iter().copied());
    vec![(Process::start(embedded), Some(folder)), (Process::start(server), None)]
}

/// The text of every test file below a folder of `tests/it`.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &std::fs::read_to_string(&path).unwrap();
        }
    }
    text
}

#[test]
fn every_row_and_every_choice_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let text = ["passport", "oauth"].map(|folder| sources(&root.join(folder))).concat();
    // Only what is run is a test.
    let tests: Vec<&str> =
        text.split("#[tokio::test").skip(1).filter_map(|rest| rest.split_once("async fn ")).map(|p| p.1).collect();
    let named = |name: &str| tests.iter().any(|test| test.starts_with(name));
    let lacking: Vec<String> = (1..=70).map(|row| format!("p{row:02}_")).filter(|name| !named(name)).collect();
    assert!(lacking.is_empty(), "rows without a test: {lacking:?}");
    for choice in ["a", "b", "c", "d"] {
        assert!(named(&format!("choice_{choice}_")), "({choice}) has no test");
    }
}
