//! Ids, queries, methods and addresses.

use reqwest::Method;
use serde_json::json;

use super::{ENDPOINTS, World, refused};
use crate::harness::gateway::query;

#[tokio::test]
async fn queries_that_do_not_fit() {
    for world in World::each().await {
        queries_that_do_not_fit_in(&world).await;
        world.untouched().await;
    }
}

async fn queries_that_do_not_fit_in(world: &World) {
    let long = format!("title eq \"{}\"", "x".repeat(10_000));
    let fits = format!("title eq \"{}\"", "x".repeat(9_900));
    let many = vec!["title pr"; 600].join(" or ");
    let deep = format!("{}title pr{}", "(".repeat(300), ")".repeat(300));
    let nots = format!("{}title pr{}", "not (".repeat(300), ")".repeat(300));
    for (filter, status) in [
        ("", 400),
        ("title", 400),
        ("title eq", 400),
        ("title eq x", 400),
        ("title eq \"x", 400),
        ("title eq 'x'", 400),
        ("title xx \"x\"", 400),
        ("title eq \"x\" and", 400),
        ("and", 400),
        ("(title pr", 400),
        ("title pr)", 400),
        ("not title pr", 400),
        ("nosuch eq \"x\"", 400),
        ("name.nosuch eq \"x\"", 400),
        ("active gt true", 400),
        ("active eq \"maybe\"", 400),
        ("meta.created gt \"yesterday\"", 400),
        ("meta.created gt 5", 400),
        ("title gt 5", 400),
        ("title eq \"\\u0000\"", 400),
        ("title eq \"\\ud800\"", 400),
        ("title eq \"a\\qb\"", 400),
        ("emails[type eq \"work\"", 400),
        ("emails[]", 400),
        ("emails[emails[type pr]]", 400),
        ("title[value eq \"x\"]", 400),
        ("password eq \"x\"", 400),
        ("password sw \"x\"", 400),
        ("title eq {}", 400),
        ("title eq [\"x\"]", 400),
        ("🦀 eq \"x\"", 400),
        (&many, 400),
        (&deep, 400),
        (&nots, 400),
        (&long, 400),
        (&fits, 200),
    ] {
        let shown: String = filter.chars().take(60).collect();
        let get = world.generic.get(&query(ENDPOINTS[0], &[("filter", filter)])).await;
        assert_eq!(get.status, status, "{shown}: {}", get.text);
        let search = world.generic.post(&format!("{}/.search", ENDPOINTS[0]), &json!({ "filter": filter })).await;
        match status {
            200 => assert_eq!((search.status, &search.body["totalResults"]), (200, &json!(0)), "{shown}"),
            _ => refused(&shown, &search, status, Some("invalidFilter")),
        }
    }
    for endpoint in ENDPOINTS {
        for (query, status) in [
            ("count=-5", 200),
            ("count=0", 200),
            ("startIndex=-1", 200),
            ("startIndex=99999999999999999999", 400),
            ("count=many", 400),
            ("count=1.5", 400),
            ("count=", 400),
            ("startIndex=x", 400),
            ("count=10&sortBy=externalId&sortOrder=descending", 200),
            ("count=10&sortBy=externalId&sortOrder=sideways", 400),
            ("sortBy=nosuch", 400),
            ("sortBy=meta", 400),
            ("cursor", 200),
            ("cursor=%C3%A9", 400),
            ("cursor=&startIndex=1", 400),
            ("colour=red", 200),
            ("attributes=id&excludedAttributes=meta", 400),
            ("attributes=nosuch", 200),
            ("attributes=,,,", 200),
            ("attributes=%00", 400),
            ("filter=%FF%FE", 400),
            ("filter=%", 400),
            ("filter=title%20eq%20%22%FF%22", 400),
            ("%FF=1", 400),
            ("filter", 400),
            ("&&&", 200),
        ] {
            let answer = world.generic.get(&format!("{endpoint}?{query}")).await;
            match status {
                200 => assert_eq!(answer.status, 200, "{query}: {}", answer.text),
                _ => refused(query, &answer, status, None),
            }
        }
        for body in [json!({ "count": "1" }), json!({ "startIndex": 1.5 }), json!({ "filter": 1 }), json!({ "attributes": 1 })] {
            refused(
                &body.to_string(),
                &world.generic.post(&format!("{endpoint}/.search"), &body).await,
                400,
                Some("invalidValue"),
            );
        }
    }
}

#[tokio::test]
async fn ids_that_nobody_has() {
    for world in World::each().await {
        ids_that_nobody_has_in(&world).await;
        world.untouched().await;
    }
}

async fn ids_that_nobody_has_in(world: &World) {
    let ids = [
        "nobody",
        "%2F",
        "a%2Fb",
        "%25",
        "%2525",
        "%",
        "%zz",
        "%FF",
        "%C3%A9",
        "é",
        "🦀",
        "a%20b",
        "a+b",
        "%22",
        "'",
        ";",
        "null",
        "-1",
        "0",
        "00000000-0000-0000-0000-000000000000",
        "..%2f..%2fetc",
        "bulkId:x",
        "%0A",
    ];
    let long = "x".repeat(4_000);
    for (at, endpoint) in ENDPOINTS.iter().enumerate() {
        let body = [json!({ "userName": "x" }), json!({ "displayName": "x" }), json!({ "name": "x" })][at].clone();
        let patch = json!({ "Operations": [{ "op": "add", "path": "externalId", "value": "x" }] });
        let path = format!("{endpoint}/a%00b");
        refused(&path, &world.generic.get(&path).await, 400, Some("invalidValue"));
        refused(&path, &world.generic.patch(&path, &patch).await, 400, Some("invalidValue"));
        for id in ids.into_iter().chain([long.as_str()]) {
            let path = format!("{endpoint}/{id}");
            refused(&path, &world.generic.get(&path).await, 404, None);
            refused(&path, &world.generic.put(&path, &body).await, 404, None);
            refused(&path, &world.generic.patch(&path, &patch).await, 404, None);
            refused(&path, &world.generic.delete(&path).await, 404, None);
        }
        // One type's id is not another's.
        let other = &world.ids[(at + 1) % 3];
        refused(other, &world.generic.get(&format!("{endpoint}/{other}")).await, 404, None);
    }
}

#[tokio::test]
async fn addresses_and_methods_there_are_not() {
    for world in World::each().await {
        addresses_and_methods_there_are_not_in(&world).await;
        world.untouched().await;
    }
}

async fn addresses_and_methods_there_are_not_in(world: &World) {
    let user = format!("/scim/v2/Users/{}", world.ids[0]);
    for path in ["/scim/v2/Nothing", "/scim/v2/users", "/scim/v2/Users/a/b", "/scim/v2/Users//", "/scim/v2/Schemas/x"] {
        refused(path, &world.generic.get(path).await, 404, None);
    }
    refused("a create at nothing", &world.generic.post("/scim/v2/Nothing", &json!({ "userName": "x" })).await, 404, None);
    for (method, path, allow) in [
        ("DELETE", "/scim/v2/Users", "GET, HEAD, POST"),
        ("PUT", "/scim/v2/Groups", "GET, HEAD, POST"),
        ("PATCH", "/scim/v2/Roles/", "GET, HEAD, POST"),
        ("POST", user.as_str(), "GET, HEAD, PUT, PATCH, DELETE"),
        ("OPTIONS", user.as_str(), "GET, HEAD, PUT, PATCH, DELETE"),
        ("GET", "/scim/v2/Users/.search", "POST"),
        ("DELETE", "/scim/v2/.search", "POST"),
        ("POST", "/scim/v2/ServiceProviderConfig", "GET, HEAD"),
        ("PUT", "/scim/v2/Schemas", "GET, HEAD"),
        ("PATCH", "/scim/v2/ResourceTypes", "GET, HEAD"),
        ("DELETE", "/scim/v2/ResourceTypes/User", "GET, HEAD"),
        ("POST", "/scim/v2", "GET, HEAD"),
    ] {
        let answer = world.generic.send(method.parse().unwrap(), path, &[], None).await;
        refused(&format!("{method} {path}"), &answer, 405, None);
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
    for query in ["type=%00", "actor=%00", "objectId=x", "after=x", "limit=x"] {
        let answer = world.gateway.admin().get(&format!("/admin/v1/changes?{query}")).await;
        assert_eq!((answer.status, &answer.body["status"]), (400, &json!(400)), "{query}: {}", answer.text);
    }
    for query in ["links?status=%00", "links?type=%FF", "attempts?outcome=%00", "attempts?outcome=%FF"] {
        let path = format!("/admin/v1/targets/01890000-0000-7000-8000-000000000000/{query}");
        let answer = world.gateway.admin().get(&path).await;
        assert_eq!((answer.status, &answer.body["status"]), (400, &json!(400)), "{query}: {}", answer.text);
    }
    let filtered = world.generic.get("/scim/v2/Schemas?filter=id%20pr").await;
    refused("a filter on discovery", &filtered, 403, None);
}

#[tokio::test]
async fn a_slash_at_the_end_is_nothing_special() {
    for world in World::each().await {
        a_slash_at_the_end_is_nothing_special_in(&world).await;
        world.untouched().await;
    }
}

async fn a_slash_at_the_end_is_nothing_special_in(world: &World) {
    for path in [
        "/scim/v2/Users/?filter=userName%20eq%20%22a%22",
        "/scim/v2/Users/",
        "/scim/v2/Schemas/",
        "/scim/v2/ResourceTypes/User/",
        "/scim/v2/ServiceProviderConfig/",
        "/scim/v2/",
        &format!("/scim/v2/Users/{}/", world.ids[0]),
    ] {
        let answer = world.generic.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let head = world.generic.send(Method::HEAD, path, &[], None).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("etag"), answer.header("etag"), "{path}");
    }
    let made = world.generic.post("/scim/v2/Users/", &json!({ "userName": "slash" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(world.generic.delete(&format!("/scim/v2/Users/{}/", made.id())).await.status, 204);
}

#[tokio::test]
async fn ids_may_hold_what_addresses_reserve() {
    for world in World::each().await {
        ids_may_hold_what_addresses_reserve_in(&world).await;
        world.untouched().await;
    }
}

async fn ids_may_hold_what_addresses_reserve_in(world: &World) {
    let admin = world.gateway.admin();
    for (id, encoded) in [
        ("a/b", "a%2Fb"),
        ("50%", "50%25"),
        ("%2F", "%252F"),
        ("é ü", "%C3%A9%20%C3%BC"),
        ("a+b", "a%2Bb"),
        ("🦀", "%F0%9F%A6%80"),
    ] {
        let headers = [("If-None-Match", "*")];
        let body = json!({ "userName": format!("user {id}") }).to_string();
        let made = admin.send(Method::PUT, &format!("/openidm/managed/user/{encoded}"), &headers, Some(body)).await;
        assert_eq!((made.status, made.body["_id"].as_str()), (201, Some(id)), "{}", made.text);
        let read = world.generic.get(&format!("/scim/v2/Users/{encoded}")).await;
        assert_eq!((read.status, read.body["id"].as_str()), (200, Some(id)), "{}", read.text);
        let location = read.body["meta"]["location"].as_str().unwrap();
        let again = world.generic.get(location.strip_prefix(&world.gateway.url).unwrap()).await;
        assert_eq!(again.body["id"], id, "{location}");
        let filtered = world.generic.post("/scim/v2/Users/.search", &json!({ "filter": format!("id eq {}", json!(id)) })).await;
        assert_eq!(filtered.body["totalResults"], 1, "{id}");
        assert_eq!(world.generic.delete(&format!("/scim/v2/Users/{encoded}")).await.status, 204);
    }
}
