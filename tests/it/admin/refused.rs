//! Definitions that break a rule, as data: each is refused, naming the member.

use std::fs;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::gateway::Gateway;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    r#type: String,
    body: Value,
    says: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_rule_is_refused_by_name() {
    let gateway = Gateway::start();
    let client = gateway.tenant("t").await;
    assert_eq!(client.put("/admin/v1/types/device", &super::types::device()).await.status, 201);
    let types = client.get("/admin/v1/types").await;
    let path = format!("{}/tests/cases/admin/types_refused.yaml", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<Case> = serde_yaml_ng::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut failures = Vec::new();
    for case in &cases {
        let answer = client.put(&format!("/admin/v1/types/{}", case.r#type), &case.body).await;
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        if answer.status != 400 || !detail.contains(&case.says) {
            failures.push(format!("{}: {} {detail}", case.name, answer.status));
        }
    }
    assert!(failures.is_empty(), "{} of {} cases\n{}", failures.len(), cases.len(), failures.join("\n"));
    assert_eq!(client.get("/admin/v1/types").await.body, types.body);
    assert_eq!(client.get("/admin/v1/types/user").await.body["rev"], json!(0));
}
