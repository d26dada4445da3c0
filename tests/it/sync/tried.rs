//! What was only tried leaves nothing behind in the engine.

use serde_json::{Value, json};

use super::Bench;

async fn a_target_that_was_tried_elsewhere_is_not_called_there(bench: Bench) {
    let target = bench.target(json!({})).await;
    bench.add_user("ann").await;
    bench.settle().await;
    let path = format!("/admin/v1/targets/{target}");
    // Nobody answers there.
    let elsewhere = json!({ "config": { "baseUrl": "http://127.0.0.1:9/v2", "auth": { "type": "bearer", "token": "x" } } });
    let headers = [("Provost-Dry-Run", "1")];
    let tried = bench.admin.send(reqwest::Method::PATCH, &path, &headers, Some(elsewhere.to_string())).await;
    assert_eq!(tried.status, 200, "{}", tried.text);
    // The next change has the revision that was tried.
    let renamed = bench.admin.patch(&path, &json!({ "name": "renamed" })).await;
    assert_eq!((renamed.status, &renamed.body["rev"]), (200, &tried.body["rev"]), "{}", renamed.text);
    bench.add_user("bob").await;
    bench.settle().await;
    assert!(bench.user("bob").await.is_some(), "it went to where the target really is");
    let log = bench.admin.get(&format!("{path}/attempts")).await;
    let failed = |a: &Value| a["outcome"] != "done";
    assert!(!log.body["attempts"].as_array().unwrap().iter().any(failed), "{}", log.text);
}

#[tokio::test]
async fn a_target_that_was_tried_elsewhere_is_not_called_there_on_sqlite() {
    a_target_that_was_tried_elsewhere_is_not_called_there(Bench::start()).await;
}

#[tokio::test]
async fn a_target_that_was_tried_elsewhere_is_not_called_there_on_postgres() {
    a_target_that_was_tried_elsewhere_is_not_called_there(Bench::on_postgres()).await;
}
