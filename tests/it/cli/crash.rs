//! `kill -9` during a load of writes, and a full disk: what was acknowledged is there, and everything holds together.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::gateway::{ADMIN, Client};
use crate::harness::poll_until;
use crate::harness::process::{Process, folder, run, text};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// What was acknowledged, and what was tried last.
#[derive(Debug, Default)]
pub struct Done {
    /// Users by id, with the departments they may be in: the last acknowledged one, and one that was tried after it.
    users: BTreeMap<String, BTreeSet<String>>,
    /// Who was acknowledged as a member, by group.
    members: BTreeMap<String, BTreeSet<String>>,
    /// Who was deleted.
    deleted: BTreeSet<String>,
}

/// Clients that write as fast as they can until they are refused.
pub struct Load {
    acknowledged: Arc<AtomicUsize>,
    done: Arc<Mutex<Done>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts so many clients, each with a group of its own; a role of theirs is held by condition.
    pub fn start(process: &Process, clients: usize) -> Self {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let done = Arc::new(Mutex::new(Done::default()));
        let threads = (0..clients)
            .map(|number| {
                let (client, counter, done) = (process.admin(), acknowledged.clone(), done.clone());
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(write(&client, number, &counter, &done));
                })
            })
            .collect();
        Self { acknowledged, done, threads }
    }

    /// Waits until so many writes are acknowledged.
    pub fn wait_for(&self, writes: usize) {
        let enough = || (self.acknowledged.load(Ordering::SeqCst) >= writes).then_some(());
        poll_until("enough writes", Duration::from_secs(60), enough);
    }

    /// Waits until every client was refused.
    pub fn end(self) -> Done {
        for thread in self.threads {
            thread.join().unwrap();
        }
        Arc::try_unwrap(self.done).unwrap().into_inner().unwrap()
    }
}

// The body of an answer that acknowledges, or nothing when the server is gone or cannot.
async fn send(client: &Client, method: Method, path: &str, body: Option<Value>) -> Option<Value> {
    let request = client.http.request(method, format!("{}{path}", client.url)).bearer_auth(&client.token);
    let request = match body {
        Some(body) => request.header("Content-Type", "application/scim+json").body(body.to_string()),
        None => request,
    };
    let answer = request.send().await.ok()?;
    let status = answer.status();
    let text = answer.text().await.ok()?;
    assert!(status.is_success() || status.as_u16() == 503, "{status}: {text}");
    status.is_success().then(|| serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn write(client: &Client, number: usize, counter: &AtomicUsize, done: &Mutex<Done>) {
    let run = uuid();
    let acknowledge = || counter.fetch_add(1, Ordering::SeqCst);
    let role = json!({ "name": format!("role-{run}"), "condition": format!("/department eq \"sales-{number}\"") });
    if send(client, Method::POST, "/openidm/managed/role?_action=create", Some(role)).await.is_none() {
        return;
    }
    let group = json!({ "displayName": format!("group-{run}") });
    let Some(group) = send(client, Method::POST, "/scim/v2/Groups", Some(group)).await else { return };
    let group = group["id"].as_str().unwrap().to_owned();
    for turn in 0.. {
        let user = json!({
            "userName": format!("user-{run}-{turn}"), "externalId": format!("e-{run}-{turn}"), "active": true,
            "emails": [{ "value": format!("{turn}@{run}.example"), "type": "work" }],
            ENTERPRISE: { "department": format!("sales-{number}") },
        });
        let Some(user) = send(client, Method::POST, "/scim/v2/Users", Some(user)).await else { return };
        acknowledge();
        let id = user["id"].as_str().unwrap().to_owned();
        done.lock().unwrap().users.insert(id.clone(), BTreeSet::from([format!("sales-{number}")]));

        let add = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": id }] }] });
        if send(client, Method::PATCH, &format!("/scim/v2/Groups/{group}"), Some(add)).await.is_none() {
            return;
        }
        acknowledge();
        done.lock().unwrap().members.entry(group.clone()).or_default().insert(id.clone());

        let moved = json!({ "Operations": [{ "op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "moved" }] });
        done.lock().unwrap().users.get_mut(&id).unwrap().insert("moved".to_owned());
        if send(client, Method::PATCH, &format!("/scim/v2/Users/{id}"), Some(moved)).await.is_none() {
            return;
        }
        acknowledge();
        done.lock().unwrap().users.insert(id.clone(), BTreeSet::from(["moved".to_owned()]));

        if turn % 5 == 4 {
            {
                // Whether it is there is open from here on.
                let mut done = done.lock().unwrap();
                done.users.remove(&id);
                done.members.entry(group.clone()).or_default().remove(&id);
            }
            if send(client, Method::DELETE, &format!("/scim/v2/Users/{id}"), None).await.is_none() {
                return;
            }
            acknowledge();
            done.lock().unwrap().deleted.insert(id);
        }
    }
}

fn uuid() -> String {
    provost::runtime::random::key().simple().to_string()
}

impl Done {
    /// Asks a gateway whether all of it is there.
    pub fn check(&self, process: &Process) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let admin = process.admin();
            let mut departments = BTreeMap::new();
            loop {
                let path =
                    format!("/scim/v2/Users?count=500&startIndex={}&attributes={ENTERPRISE}:department", departments.len() + 1);
                let page = admin.get(&path).await;
                for user in page.body["Resources"].as_array().unwrap() {
                    let department = user[ENTERPRISE]["department"].as_str().unwrap_or_default();
                    departments.insert(user["id"].as_str().unwrap().to_owned(), department.to_owned());
                }
                if departments.len() >= usize::try_from(page.body["totalResults"].as_u64().unwrap()).unwrap() {
                    break;
                }
            }
            for (id, allowed) in &self.users {
                let found = departments.get(id).unwrap_or_else(|| panic!("user {id} was acknowledged and is gone"));
                assert!(allowed.contains(found), "user {id} is in {found}, not in {allowed:?}");
            }
            for id in &self.deleted {
                assert!(!departments.contains_key(id), "user {id} was deleted and is back");
            }
            for (group, members) in &self.members {
                let answer = admin.get(&format!("/scim/v2/Groups/{group}")).await;
                let there: BTreeSet<&str> = answer.body["members"]
                    .as_array()
                    .map(|list| list.iter().map(|m| m["value"].as_str().unwrap()).collect())
                    .unwrap_or_default();
                for member in members {
                    assert!(there.contains(member.as_str()), "{member} was acknowledged as a member and is none");
                }
            }
        });
    }
}

#[test]
fn kill_nine_loses_nothing_acknowledged() {
    let (_folder, data) = folder();
    for writes in [1, 40, 150, 400] {
        let running = Process::on(&data);
        let load = Load::start(&running, 8);
        load.wait_for(writes);
        running.kill();
        let done = load.end();
        let told = run(&["doctor", "--data", text(&data)], &[]).ok();
        assert!(told.ends_with(": 0 findings\n"), "{told}");
        let again = Process::on(&data);
        done.check(&again);
        again.kill();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_nothing_else() {
    let (_folder, data) = folder();
    let first = Process::on(&data);
    let ada = first.admin().post("/scim/v2/Users", &json!({ "userName": "ada" })).await;
    assert_eq!(ada.status, 201);
    first.stop();

    // No file may grow beyond 1 MiB, which is as if the disk were full; the signal that says so is ignored.
    let mut limited = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\"";
    limited.args(["-c", script, env!("CARGO_BIN_EXE_provost"), text(&data)]).env("PROVOST_ADMIN_TOKEN", ADMIN);
    let running = Process::start(limited);
    let admin = running.admin();
    let mut there = vec![ada.id().to_owned()];
    let refused = loop {
        let user = json!({ "userName": format!("user-{}", there.len()), "title": "x".repeat(20_000) });
        let answer = admin.post("/scim/v2/Users", &user).await;
        match answer.status {
            201 => there.push(answer.id().to_owned()),
            _ => break answer,
        }
        assert!(there.len() < 1000, "the limit does not hold");
    };
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.text);
    assert!(there.len() > 3, "{}", there.len());
    for id in &there {
        assert_eq!(admin.get(&format!("/scim/v2/Users/{id}")).await.status, 200);
    }
    let patch = json!({ "Operations": [{ "op": "replace", "path": "title", "value": "y".repeat(20_000) }] });
    assert_eq!(admin.patch(&format!("/scim/v2/Users/{}", there[1]), &patch).await.status, 503);
    assert_eq!(admin.get("/scim/v2/Users?count=1").await.status, 200);
    running.kill();

    let told = run(&["doctor", "--data", text(&data)], &[]).ok();
    assert!(told.ends_with(": 0 findings\n"), "{told}");
    let again = Process::on(&data);
    for id in &there {
        assert_eq!(again.admin().get(&format!("/scim/v2/Users/{id}")).await.status, 200);
    }
    assert_eq!(again.admin().post("/scim/v2/Users", &json!({ "userName": "after" })).await.status, 201);
}
