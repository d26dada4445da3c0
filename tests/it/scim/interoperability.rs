//! The bugs that identity providers meet most often elsewhere: tests/cases/scim/interoperability.yaml, and here those that take
//! many objects.

use serde_json::{Value, json};

use crate::harness::cases;
use crate::harness::gateway::{Gateway, query};

/// Those that are told here.
const HERE: [usize; 2] = [11, 15];

#[tokio::test]
async fn what_breaks_elsewhere_works_here() {
    for gateway in Gateway::both() {
        cases::run(&gateway, "scim/interoperability.yaml").await;
    }
}

#[test]
fn every_number_has_its_case() {
    let names = include_str!("../../cases/scim/interoperability.yaml").lines().filter_map(|l| l.strip_prefix("- name: "));
    let mut numbers: Vec<usize> = names.map(|name| name.split('.').next().unwrap().parse().unwrap()).chain(HERE).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=18).collect::<Vec<_>>());
}

/// 11. Members lost over a page limit.
#[tokio::test]
async fn no_member_is_lost_beyond_a_page() {
    let gateway = Gateway::start();
    let scim = gateway.admin();
    let mut ids = Vec::new();
    for n in 0..250 {
        ids.push(scim.post("/scim/v2/Users", &json!({ "userName": format!("u{n}") })).await.id().to_owned());
    }
    let members = |ids: &[String]| ids.iter().map(|id| json!({ "value": id })).collect::<Vec<Value>>();
    let group = scim.post("/scim/v2/Groups", &json!({ "displayName": "g", "members": members(&ids[..150]) })).await;
    let path = format!("/scim/v2/Groups/{}", group.id());
    let add = json!({ "Operations": [{ "op": "Add", "path": "members", "value": members(&ids[150..]) }] });
    // Above a hundred members the answer spares the list.
    assert_eq!(scim.patch(&path, &add).await.status, 204);
    let remove = json!({ "Operations": [{ "op": "Remove", "path": "members", "value": members(&ids[..1]) }] });
    assert_eq!(scim.patch(&path, &remove).await.status, 204);
    let read = scim.get(&path).await;
    let mut found: Vec<&str> = read.body["members"].as_array().unwrap().iter().map(|m| m["value"].as_str().unwrap()).collect();
    found.sort_unstable();
    let mut expected: Vec<&str> = ids[1..].iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// 15. Paging parameters beside a filter hide users past the first hundred.
#[tokio::test]
async fn a_filter_with_paging_looks_at_everybody() {
    let gateway = Gateway::start();
    let scim = gateway.admin();
    for n in 0..130 {
        let body = json!({ "userName": format!("u{n:03}"), "title": if n >= 120 { "last" } else { "first" } });
        assert_eq!(scim.post("/scim/v2/Users", &body).await.status, 201);
    }
    for (filter, start, count, total, shown) in [
        ("userName eq \"u129\"", "1", "100", 1, 1),
        ("title eq \"last\"", "1", "100", 10, 10),
        ("title eq \"last\"", "9", "5", 10, 2),
        ("title sw \"l\" or title co \"irst\"", "121", "100", 130, 10),
        ("title eq \"last\"", "11", "100", 10, 0),
        ("title eq \"last\"", "1", "0", 10, 0),
    ] {
        let path = query("/scim/v2/Users", &[("filter", filter), ("startIndex", start), ("count", count)]);
        let page = scim.get(&path).await;
        assert_eq!(page.body["totalResults"], total, "{path}: {}", page.text);
        assert_eq!(page.body["Resources"].as_array().unwrap().len(), shown, "{path}: {}", page.text);
    }
}
