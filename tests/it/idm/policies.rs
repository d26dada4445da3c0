//! Policies asked without writing say what the write says.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::harness::gateway::Gateway;

const USERS: &str = "/openidm/managed/user";

fn asked(id: &str) -> String {
    format!("/openidm/policy/managed/user/{id}?_action=validateObject")
}

/// Names that another tenant has are free, and policies do not tell of them.
#[tokio::test]
async fn policies_know_one_tenant() {
    let gateway = Gateway::start();
    let (ours, theirs) = (gateway.tenant("ours").await, gateway.tenant("theirs").await);
    assert_eq!(theirs.put(&format!("{USERS}/t"), &json!({ "userName": "t" })).await.status, 201);
    for id in ["*", "t"] {
        assert_eq!(ours.post(&asked(id), &json!({ "userName": "t" })).await.body["result"], true);
    }
    assert_eq!(theirs.post(&asked("*"), &json!({ "userName": "t" })).await.body["result"], false);
}

fn failed(verdict: &Value) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |property: &Value| {
        let name = text(&property["property"]);
        let policies = property["policyRequirements"].as_array().unwrap();
        policies.iter().map(|policy| (name.clone(), text(&policy["policyRequirement"]))).collect::<Vec<_>>()
    };
    verdict["failedPolicyRequirements"].as_array().unwrap().iter().flat_map(of).collect()
}

/// Every pairing of what a property may be given.
fn bodies() -> Vec<Value> {
    let sides: [(&str, &[Option<Value>]); 3] = [
        ("userName", &[None, Some(json!("")), Some(json!(1)), Some(json!("ANN")), Some(json!("new"))]),
        ("title", &[None, Some(Value::Null), Some(json!("t")), Some(json!(["t"]))]),
        ("accountStatus", &[None, Some(json!("inactive")), Some(json!("maybe"))]),
    ];
    let mut out = vec![Map::new()];
    for (name, values) in sides {
        let with = |body: &Map<String, Value>, value: &Option<Value>| {
            let mut body = body.clone();
            body.extend(value.clone().map(|value| (name.to_owned(), value)));
            body
        };
        out = out.iter().flat_map(|body| values.iter().map(move |value| with(body, value))).collect();
    }
    out.into_iter().map(Value::Object).collect()
}

#[tokio::test]
async fn what_is_asked_is_what_is_written() {
    for gateway in Gateway::both() {
        let client = gateway.admin();
        assert_eq!(client.put(&format!("{USERS}/ann"), &json!({ "userName": "ann" })).await.status, 201);
        let mut outcomes = BTreeSet::new();
        for body in bodies() {
            for (id, method) in [("*", "POST"), ("ann", "PUT")] {
                let path = if id == "*" { USERS.to_owned() } else { format!("{USERS}/{id}") };
                let written =
                    client.send(method.parse().unwrap(), &path, &[("Provost-Dry-Run", "1")], Some(body.to_string())).await;
                let verdict = client.post(&asked(id), &body).await;
                assert_eq!(verdict.status, 200, "{}", verdict.text);
                let at = format!("{method} {body}: {} and {}", written.text, verdict.text);
                assert_eq!(verdict.body["result"], written.status < 300, "{at}");
                let told = failed(&verdict.body);
                assert_eq!(told.is_empty(), written.status < 300, "{at}");
                if written.status >= 300 {
                    assert_eq!(written.status, 403, "{at}");
                    // What takes the store is looked at when the body alone is right; asked, it is told at once.
                    let by_body: BTreeSet<_> = told.iter().filter(|(_, policy)| policy != "UNIQUE").cloned().collect();
                    let expected = if by_body.is_empty() { &told } else { &by_body };
                    assert_eq!(&failed(&written.body["detail"]), expected, "{at}");
                }
                outcomes.extend(told.into_iter().map(|(_, policy)| policy));
            }
        }
        assert_eq!(outcomes, ["REQUIRED", "UNIQUE", "VALID_TYPE"].map(str::to_owned).into());
        assert_eq!(client.get(&format!("{USERS}?_queryFilter=true&_countOnly=true")).await.body["totalPagedResults"], 1);
    }
}
