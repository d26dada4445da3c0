//! Request ids, log lines, and what anyone may ask.

use serde_json::Value;

use crate::harness::process::{Process, folder, serve};

#[tokio::test]
async fn each_line_is_json_and_names_its_request() {
    let (_folder, data) = folder();
    let mut command = serve(&data);
    command.env("PROVOST_LOG_FORMAT", "json").env("PROVOST_LOG", "debug");
    let running = Process::start(command);
    let admin = running.admin();
    let mut ids = Vec::new();
    for path in
        ["/scim/v2/Users", "/openidm/managed/user?_queryFilter=true", "/admin/v1/tokens", "/health", "/nowhere", "/scim/v2/Nope"]
    {
        let answer = admin.get(path).await;
        ids.push(answer.header("x-request-id").unwrap_or_else(|| panic!("{path}: no id")).to_owned());
    }
    let own = admin.send(reqwest::Method::GET, "/health", &[("X-Request-Id", "from-the-client.1")], None).await;
    assert_eq!(own.header("x-request-id"), Some("from-the-client.1"));
    ids.push("from-the-client.1".to_owned());
    let forged = admin.send(reqwest::Method::GET, "/health", &[("X-Request-Id", "two words")], None).await;
    assert_ne!(forged.header("x-request-id"), Some("two words"));
    ids.push(forged.header("x-request-id").unwrap().to_owned());
    for id in ids {
        let line = running.wait_for_line(&id);
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((line["request_id"].as_str(), line["message"].as_str()), (Some(&*id), Some("request")), "{line}");
    }
    for line in running.log() {
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(line["time"].is_string() && line["level"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn what_anyone_may_ask_names_nobody() {
    let running = Process::serve();
    let admin = running.admin();
    let made = admin.post("/admin/v1/tenants", &serde_json::json!({ "name": "acme-of-secrecy" })).await;
    assert_eq!(made.status, 201);
    let made = admin.post("/scim/v2/Users", &serde_json::json!({ "userName": "ada.of.secrecy" })).await;
    assert_eq!(made.status, 201);
    for path in ["/health", "/ready", "/metrics"] {
        let answer = reqwest::get(format!("{}{path}", running.url)).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let text = answer.text().await.unwrap();
        assert!(!text.contains("secrecy") && !text.contains("default"), "{path}: {text}");
    }
}
