//! The gateway is killed between an intent and its answer.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::fault_proxy::{Fault, FaultProxy};
use crate::harness::gateway::{ADMIN, Client};
use crate::harness::python::ScimServer;
use crate::harness::{free_port, poll_until};

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(data: &Path, port: u16) -> Process {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(data.join("log")).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_provost"))
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data", data.to_str().unwrap()])
        .env("PROVOST_ADMIN_TOKEN", ADMIN)
        .env("PROVOST_SYNC__POLL", "100ms")
        .env("PROVOST_SYNC__LEASE_TERM", "6s")
        .env("PROVOST_SYNC__CALL_TIMEOUT", "3s")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .env("PROVOST_LOG", "debug")
        .stderr(log)
        .spawn()
        .unwrap();
    let process = Process(child);
    poll_until("the gateway answers", Duration::from_secs(30), || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok().map(|_| ())
    });
    process
}

async fn until(client: &Client, path: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        let body = client.get(path).await.body;
        if holds(&body) {
            return body;
        }
        assert!(std::time::Instant::now() < deadline, "{what}: {body}");
    }
}

#[tokio::test]
async fn a_killed_gateway_makes_no_second_account() {
    let folder = tempfile::tempdir().unwrap();
    let peer = ScimServer::start();
    let proxy = FaultProxy::start(peer.address());
    let port = free_port();
    let client = Client { url: format!("http://127.0.0.1:{port}"), token: ADMIN.to_owned(), http: reqwest::Client::new() };
    let mut process = serve(folder.path(), port);
    let config = json!({
        "baseUrl": format!("http://{}/v2", proxy.address()), "allowPrivateNetwork": true,
        "auth": {"type": "bearer", "token": ScimServer::TOKEN},
    });
    let made = client.post("/admin/v1/targets", &json!({"name": "t", "kind": "scim", "config": config})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("/admin/v1/targets/{}", made.id());
    assert_eq!(client.post("/scim/v2/Users", &json!({"userName": "warm"})).await.status, 201);
    until(&client, &path, "the first arrives", |target| target["counts"]["linked"] == 1).await;
    // Looked up, and created, but the answer hangs.
    proxy.clear();
    proxy.script([Fault::Pass, Fault::HangAfter]);
    let user = client.post("/scim/v2/Users", &json!({"userName": "once"})).await;
    assert_eq!(user.status, 201, "{}", user.text);
    poll_until("the create reaches the server", Duration::from_secs(30), || (proxy.passed("POST") == 1).then_some(()));
    process.0.kill().unwrap();
    process.0.wait().unwrap();
    drop(process);

    let _process = serve(folder.path(), port);
    // The connections of before are gone with the process.
    let client = Client { http: reqwest::Client::new(), ..client };
    let link = format!("{path}/links/user/{}", user.id());
    let linked = until(&client, &link, "it is found again", |link| link["status"] == "linked").await;
    let url = format!("http://{}/v2/Users?count=100", peer.address());
    let answer = reqwest::Client::new().get(url).bearer_auth(ScimServer::TOKEN).send().await.unwrap();
    let held: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let once: Vec<&Value> = held["Resources"].as_array().unwrap().iter().filter(|user| user["userName"] == "once").collect();
    assert_eq!(once.len(), 1);
    assert_eq!(once[0]["id"], linked["remoteId"]);
    assert_eq!(proxy.passed("POST"), 1);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(!log.is_empty() && !log.contains(ScimServer::TOKEN) && !log.contains(ADMIN), "{log}");
}
