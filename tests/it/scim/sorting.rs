//! `sortBy` and `sortOrder` (RFC 7644 §3.4.2.3).

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::gateway::{Client, Gateway, query};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Six users, made in this order: u1 to u6.
async fn fill(gateway: &Gateway, scim: &Client) {
    let boss =
        scim.post("/scim/v2/Users", &json!({ "userName": "u1", "displayName": "Émile", "title": "b", "active": false })).await;
    let boss = boss.id();
    for body in [
        json!({
            "userName": "U2", "displayName": "ada", "title": "", "name": { "familyName": "Z" },
            "emails": [{ "value": "z@x" }, { "value": "a@x", "primary": true }],
            ENTERPRISE: { "department": "Sales", "employeeNumber": "10", "manager": { "value": boss } }
        }),
        json!({
            "userName": "u3", "displayName": "Bob", "title": "B", "externalId": "k",
            "emails": [{ "value": "m@x", "type": "home" }, { "value": "b@x", "type": "work" }],
            ENTERPRISE: { "department": "engines" }
        }),
        json!({ "userName": "u4", "displayName": "ADA", "emails": [{ "type": "work", "display": "no value" }], "externalId": "K" }),
        json!({ "userName": "u5", "title": "a", "name": { "familyName": "y" }, ENTERPRISE: { "department": "SALES" } }),
        json!({ "userName": "u6", "displayName": "zoe", "externalId": "a", ENTERPRISE: { "employeeNumber": "9" } }),
    ] {
        gateway.clock.set(gateway.clock.now().plus_seconds(60));
        let made = scim.post("/scim/v2/Users", &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    gateway.clock.set(gateway.clock.now().plus_seconds(60));
    let touch = json!({ "Operations": [{ "op": "add", "path": "nickName", "value": "first" }] });
    assert_eq!(scim.patch(&format!("/scim/v2/Users/{boss}"), &touch).await.status, 200);
}

fn names(body: &Value) -> String {
    let name = |r: &Value| ["userName", "displayName", "name"].iter().find_map(|n| r[n].as_str()).unwrap().to_lowercase();
    body["Resources"].as_array().unwrap().iter().map(name).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn lists_are_sorted() {
    for gateway in Gateway::both() {
        let scim = gateway.admin();
        fill(&gateway, &scim).await;
        let urn = |name: &str| format!("{ENTERPRISE}:{name}");
        for (by, filter, expected) in [
            // Indexed and always there.
            ("userName", None, "u1 u2 u3 u4 u5 u6"),
            ("USERNAME", None, "u1 u2 u3 u4 u5 u6"),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName", None, "u1 u2 u3 u4 u5 u6"),
            ("userName", Some("title pr"), "u1 u2 u3 u5"),
            ("userName", Some("emails.value co \"@\""), "u2 u3"),
            // Indexed, missing in some: those come last, in the order of creation.
            (&urn("department"), None, "u3 u2 u5 u1 u4 u6"),
            (&urn("department").to_uppercase(), None, "u3 u2 u5 u1 u4 u6"),
            (&urn("department"), Some("active eq true"), "u3 u2 u5 u4 u6"),
            (&urn("department"), Some(&format!("{} eq \"sales\"", urn("department"))), "u2 u5"),
            (&urn("employeeNumber"), None, "u2 u6 u1 u3 u4 u5"),
            ("active", None, "u1 u2 u3 u4 u5 u6"),
            // Not indexed. An empty text is a value.
            ("title", None, "u2 u5 u1 u3 u4 u6"),
            ("displayName", None, "u2 u4 u3 u6 u1 u5"),
            ("name.familyName", None, "u5 u2 u1 u3 u4 u6"),
            ("title", Some("active eq true"), "u2 u5 u3 u4 u6"),
            ("title", Some("title co \"b\""), "u1 u3"),
            // The primary element, else the first, counts.
            ("emails", None, "u2 u3 u1 u4 u5 u6"),
            ("emails.value", None, "u2 u3 u1 u4 u5 u6"),
            ("emails.type", None, "u3 u4 u1 u2 u5 u6"),
            // Exact case: capitals before small letters.
            ("externalId", None, "u4 u6 u3 u1 u2 u5"),
            // Through a relationship.
            (&urn("manager.displayName"), None, "u2 u1 u3 u4 u5 u6"),
            ("meta.created", None, "u1 u2 u3 u4 u5 u6"),
            ("meta.lastModified", None, "u2 u3 u4 u5 u6 u1"),
            ("meta.lastModified", Some("title pr"), "u2 u3 u5 u1"),
            ("id", None, "u1 u2 u3 u4 u5 u6"),
        ] {
            let mut pairs = vec![("sortBy", by)];
            pairs.extend(filter.map(|filter| ("filter", filter)));
            let list = scim.get(&query("/scim/v2/Users", &pairs)).await;
            assert_eq!(list.status, 200, "{by}: {}", list.text);
            assert_eq!(names(&list.body), expected, "{by} {filter:?}");
            assert_eq!(list.body["totalResults"], expected.split(' ').count(), "{by} {filter:?}");
            // Descending is the exact reverse; the body of a search says the same.
            let search = json!({ "sortBy": by, "sortOrder": "Descending", "filter": filter });
            let search = scim.post("/scim/v2/Users/.search", &search).await;
            let mut reversed: Vec<&str> = expected.split(' ').collect();
            reversed.reverse();
            assert_eq!(names(&search.body), reversed.join(" "), "{by} {filter:?}");
            // No page is cut differently.
            let page = scim.get(&query("/scim/v2/Users", &[&pairs[..], &[("startIndex", "2"), ("count", "3")]].concat())).await;
            let some: Vec<&str> = expected.split(' ').skip(1).take(3).collect();
            assert_eq!(names(&page.body), some.join(" "), "{by} {filter:?}");
        }
    }
}

#[tokio::test]
async fn the_root_sorts_all_types_as_one_list() {
    for gateway in Gateway::both() {
        let scim = gateway.admin();
        fill(&gateway, &scim).await;
        for name in ["beta", "Zulu"] {
            assert_eq!(scim.post("/scim/v2/Groups", &json!({ "displayName": name })).await.status, 201);
        }
        assert_eq!(scim.post("/scim/v2/Roles", &json!({ "name": "role" })).await.status, 201);
        let list = |by: &'static str, order: &'static str, filter: Option<&'static str>| {
            let scim = scim.clone();
            async move {
                let body = json!({ "sortBy": by, "sortOrder": order, "filter": filter });
                let found = scim.post("/scim/v2/.search", &body).await;
                assert_eq!(found.status, 200, "{}", found.text);
                names(&found.body)
            }
        };
        // Types without the attribute have no value by it.
        let expected = "u2 u4 beta u3 u6 zulu u1 u5 role";
        assert_eq!(list("displayName", "ascending", None).await, expected);
        let reversed: Vec<&str> = expected.split(' ').rev().collect();
        assert_eq!(list("displayName", "descending", None).await, reversed.join(" "));
        assert_eq!(list("displayName", "ascending", Some("displayName sw \"z\"")).await, "u6 zulu");
        assert_eq!(list("userName", "ascending", Some("meta.resourceType ne \"Role\"")).await, "u1 u2 u3 u4 u5 u6 beta zulu");
        assert_eq!(list("meta.lastModified", "ascending", None).await, "u2 u3 u4 u5 u6 u1 beta zulu role");
        let page = scim.get("/scim/v2/?sortBy=displayName&startIndex=3&count=4&attributes=displayName").await.body;
        let shown: Vec<&str> = page["Resources"].as_array().unwrap().iter().map(|r| r["displayName"].as_str().unwrap()).collect();
        assert_eq!((shown, &page["totalResults"]), (vec!["beta", "Bob", "zoe", "Zulu"], &json!(9)));
        assert_eq!(page["Resources"][1].as_object().unwrap().keys().collect::<Vec<_>>(), ["schemas", "id", "displayName"]);
        let none = scim.get("/scim/v2/?sortBy=displayName&count=0").await.body;
        assert_eq!((&none["totalResults"], &none["itemsPerPage"]), (&json!(9), &json!(0)));
    }
}

#[tokio::test]
async fn what_has_no_order_is_refused() {
    let gateway = Gateway::start();
    let scim = gateway.admin();
    for by in ["name", "addresses", "password", "nope", "userName.x", "urn:nope:x"] {
        for path in ["/scim/v2/Users", "/scim/v2/"] {
            let refused = scim.get(&query(path, &[("sortBy", by)])).await;
            assert_eq!(
                (refused.status, &refused.body["scimType"]),
                (400, &json!("invalidValue")),
                "{path} {by}: {}",
                refused.text
            );
            assert!(refused.body["detail"].as_str().unwrap().contains("sortBy"), "{}", refused.text);
        }
    }
    let wrong = scim.get("/scim/v2/Users?sortBy=userName&sortOrder=sideways").await;
    assert_eq!((wrong.status, &wrong.body["scimType"]), (400, &json!("invalidValue")));
    for body in [json!({ "sortBy": 5 }), json!({ "sortBy": "userName", "sortOrder": ["x"] }), json!({ "cursor": 7 })] {
        assert_eq!(scim.post("/scim/v2/Users/.search", &body).await.status, 400, "{body}");
    }
    // An empty name sorts by nothing.
    assert_eq!(scim.send(Method::GET, "/scim/v2/Users?sortBy=&sortOrder=descending", &[], None).await.status, 200);
}

#[tokio::test]
async fn what_would_cost_too_much_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let limits = [("PROVOST_LIMITS__SORT", "4"), ("PROVOST_LIMITS__SCAN", "5")];
    let gateway = Gateway::with(&folder.path().join("data"), &limits);
    let scim = gateway.admin();
    for n in 0..5 {
        let body = json!({ "userName": format!("u{n}"), "title": if n == 0 { "x" } else { "y" } });
        assert_eq!(scim.post("/scim/v2/Users", &body).await.status, 201);
    }
    let status = |pairs: Vec<(&'static str, &'static str)>| {
        let scim = scim.clone();
        async move {
            let answer = scim.get(&query("/scim/v2/Users", &pairs)).await;
            (answer.status, answer.body["scimType"].as_str().unwrap_or_default().to_owned())
        }
    };
    let (fine, too_many) = ((200, String::new()), (400, "tooMany".to_owned()));
    assert_eq!(status(vec![("sortBy", "title")]).await, too_many);
    assert_eq!(status(vec![("sortBy", "title"), ("filter", "title eq \"y\"")]).await, fine);
    assert_eq!(status(vec![("sortBy", "userName")]).await, fine);
    assert_eq!(status(vec![("filter", "title pr")]).await, fine);
    assert_eq!(scim.post("/scim/v2/Users", &json!({ "userName": "u5" })).await.status, 201);
    assert_eq!(status(vec![("filter", "title pr")]).await, too_many);
    assert_eq!(status(vec![("filter", "title pr and userName eq \"u1\"")]).await, fine);
    assert_eq!(status(vec![("filter", "userName sw \"u\"")]).await, fine);
    let far = scim.get("/scim/v2/?sortBy=userName&startIndex=4").await;
    assert_eq!((far.status, &far.body["scimType"]), (400, &json!("tooMany")));
}
