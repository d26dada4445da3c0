//! A bulk leaves the same as its operations sent one by one, each after what it refers to.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::gateway::{Client, Gateway};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// An operation; numbers mean operations of the same bulk, modulo their count, one more than them nobody.
#[derive(Debug, Clone)]
enum Op {
    User { name: u8, manager: Option<usize> },
    Group { name: u8, members: Vec<usize> },
    Title { of: usize, title: u8, version: Option<u8> },
    Replace { of: usize, name: u8, manager: Option<usize> },
    Add { to: usize, members: Vec<usize> },
    Remove { from: usize, member: usize },
    Delete { of: usize, group: bool },
    Nonsense,
}

fn op() -> impl Strategy<Value = Op> {
    let some = 0_usize..40;
    prop_oneof![
        6 => (0_u8..12, proptest::option::of(some.clone())).prop_map(|(name, manager)| Op::User { name, manager }),
        4 => (0_u8..4, vec(some.clone(), 0..4)).prop_map(|(name, members)| Op::Group { name, members }),
        2 => (some.clone(), 0_u8..3, proptest::option::of(1_u8..3))
            .prop_map(|(of, title, version)| Op::Title { of, title, version }),
        2 => (some.clone(), 0_u8..12, proptest::option::of(some.clone()))
            .prop_map(|(of, name, manager)| Op::Replace { of, name, manager }),
        3 => (some.clone(), vec(some.clone(), 0..3)).prop_map(|(to, members)| Op::Add { to, members }),
        2 => (some.clone(), some.clone()).prop_map(|(from, member)| Op::Remove { from, member }),
        2 => (some, any::<bool>()).prop_map(|(of, group)| Op::Delete { of, group }),
        1 => Just(Op::Nonsense),
    ]
}

/// The operations as a bulk has them. What is referred to ranks lower, wherever it stands, so that there is no circle.
fn wire(ops: &[Op], ranks: &[u32]) -> Vec<Value> {
    let refer = |at: usize, to: usize| match to % (ops.len() + 1) {
        nobody if nobody == ops.len() => Some("bulkId:nobody".to_owned()),
        to => (ranks[to] < ranks[at]).then(|| format!("bulkId:{to}")),
    };
    let list = |at: usize, to: &[usize]| -> Vec<Value> {
        to.iter().filter_map(|to| refer(at, *to)).map(|value| json!({ "value": value })).collect()
    };
    let boss = |at: usize, to: &Option<usize>| to.and_then(|to| refer(at, to)).map(|value| json!({ "value": value }));
    let path = |at: usize, endpoint: &str, to: usize| format!("/{endpoint}/{}", refer(at, to).unwrap_or_else(|| "x".to_owned()));
    let name = |at: usize| json!(at.to_string());
    ops.iter()
        .enumerate()
        .map(|(at, op)| match op {
            Op::User { name: user, manager } => {
                let data = json!({ "userName": format!("u{user}"), "externalId": name(at), ENTERPRISE: { "manager": boss(at, manager) } });
                json!({ "method": "POST", "path": "/Users", "bulkId": name(at), "data": data })
            }
            Op::Group { name: group, members } => {
                let data = json!({ "displayName": format!("g{group}"), "externalId": name(at), "members": list(at, members) });
                json!({ "method": "POST", "path": "/Groups", "bulkId": name(at), "data": data })
            }
            Op::Title { of, title, version } => {
                let data = json!({ "Operations": [{ "op": "replace", "path": "title", "value": title.to_string() }] });
                let version = version.map(|v| format!("W/\"{v}\""));
                json!({ "method": "PATCH", "path": path(at, "Users", *of), "version": version, "data": data })
            }
            Op::Replace { of, name: user, manager } => {
                let data = json!({ "userName": format!("u{user}"), "externalId": name(at), ENTERPRISE: { "manager": boss(at, manager) } });
                json!({ "method": "PUT", "path": path(at, "Users", *of), "data": data })
            }
            Op::Add { to, members } => {
                let data = json!({ "Operations": [{ "op": "add", "path": "members", "value": list(at, members) }] });
                json!({ "method": "PATCH", "path": path(at, "Groups", *to), "data": data })
            }
            Op::Remove { from, member } => {
                let id = refer(at, *member).unwrap_or_else(|| "x".to_owned());
                let data = json!({ "Operations": [{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }] });
                json!({ "method": "PATCH", "path": path(at, "Groups", *from), "data": data })
            }
            Op::Delete { of, group } => {
                json!({ "method": "DELETE", "path": path(at, if *group { "Groups" } else { "Users" }, *of) })
            }
            Op::Nonsense => json!({ "method": "POST", "path": "/Users", "bulkId": name(at), "data": { "userName": 7 } }),
        })
        .collect()
}

fn referred(operation: &Value) -> Vec<String> {
    let text = operation.to_string();
    text.split("bulkId:").skip(1).map(|rest| rest.split(['"', '\\', '/']).next().unwrap().to_owned()).collect()
}

/// Sends one operation after what it refers to, unless that is done; notes the status of each.
async fn single(client: &Client, operations: &[Value], at: usize, done: &mut HashMap<usize, (String, Option<String>)>) {
    if done.contains_key(&at) {
        return;
    }
    let names = referred(&operations[at]);
    for name in &names {
        if let Ok(needed) = name.parse::<usize>()
            && operations[needed]["method"] == "POST"
        {
            Box::pin(single(client, operations, needed, done)).await;
        }
    }
    let mut text = operations[at].to_string();
    for name in &names {
        let known = name.parse::<usize>().ok().filter(|n| operations[*n]["method"] == "POST").map(|n| &done[&n].1);
        let failure = match known {
            Some(Some(id)) => {
                text = text
                    .replace(&format!("bulkId:{name}\""), &format!("{id}\""))
                    .replace(&format!("bulkId:{name}\\"), &format!("{id}\\"));
                continue;
            }
            Some(None) => "409",
            None => "400",
        };
        done.insert(at, (failure.to_owned(), None));
        return;
    }
    let operation: Value = serde_json::from_str(&text).unwrap();
    let method: Method = operation["method"].as_str().unwrap().parse().unwrap();
    let headers: Vec<(&str, &str)> = operation["version"].as_str().map(|v| ("If-Match", v)).into_iter().collect();
    let body = operation.get("data").map(Value::to_string);
    let answer = client.send(method, &format!("/scim/v2{}", operation["path"].as_str().unwrap()), &headers, body).await;
    // A large group would be 204; there is none.
    let id = (answer.status == 201).then(|| answer.id().to_owned());
    done.insert(at, (answer.status.to_string(), id));
}

/// Users and groups, with the names that clients gave in the place of ids.
async fn state(client: &Client) -> Vec<String> {
    let listed = client.post("/scim/v2/.search", &json!({ "count": 1000 })).await;
    let resources = listed.body["Resources"].as_array().unwrap().clone();
    let names: HashMap<&str, &str> =
        resources.iter().map(|r| (r["id"].as_str().unwrap(), r["externalId"].as_str().unwrap_or("?"))).collect();
    let mut out = Vec::new();
    for resource in &resources {
        let mut shown = resource.clone();
        let version = shown["meta"]["version"].take();
        shown["meta"] = version;
        for list in ["members", "groups"] {
            if let Some(list) = shown.get_mut(list).and_then(Value::as_array_mut) {
                list.sort_by_key(|element| names[element["value"].as_str().unwrap()].to_owned());
            }
        }
        let text = shown.to_string();
        out.push(names.iter().fold(text, |text, (id, name)| text.replace(id, name)));
    }
    out.sort();
    out
}

fn compare(gateway: &Gateway, cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let number = std::cell::Cell::new(0);
    let bulks = (1_usize..24).prop_flat_map(|n| (vec(op(), n), vec(any::<u32>(), n)));
    let outcome = runner.run(&bulks, |(ops, ranks)| {
        number.set(number.get() + 1);
        let operations = wire(&ops, &ranks);
        let (mine, theirs, statuses, expected) = runtime.block_on(async {
            let at_once = gateway.tenant(&format!("at-once-{}", number.get())).await;
            let one_by_one = gateway.tenant(&format!("one-by-one-{}", number.get())).await;
            let answer = at_once.post("/scim/v2/Bulk", &json!({ "Operations": operations })).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let told = answer.body["Operations"].as_array().unwrap();
            let statuses: Vec<String> = told.iter().map(|o| o["status"].as_str().unwrap().to_owned()).collect();
            let mut done = HashMap::new();
            for at in 0..operations.len() {
                single(&one_by_one, &operations, at, &mut done).await;
            }
            let expected: Vec<String> = (0..operations.len()).map(|at| done[&at].0.clone()).collect();
            (state(&at_once).await, state(&one_by_one).await, statuses, expected)
        });
        prop_assert_eq!(statuses, expected, "{:#?}", operations);
        prop_assert_eq!(mine, theirs, "{:#?}", operations);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn a_bulk_is_the_sum_of_its_operations_on_sqlite() {
    compare(&Gateway::start(), 40);
}

#[test]
fn a_bulk_is_the_sum_of_its_operations_on_postgres() {
    compare(&Gateway::on_postgres(), 15);
}
