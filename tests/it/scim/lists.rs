//! Filters, pages, projections.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::gateway::{Client, Gateway, query};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PROVOST: &str = "urn:provost:scim:schemas:extension:2.0:User";

struct World {
    gateway: Gateway,
    scim: Client,
    ada: String,
    bob: String,
    eng: String,
    all: String,
}

impl World {
    async fn new(gateway: Gateway) -> Self {
        let scim = gateway.token(&["scim.read", "scim.write", "scim.roles"], "generic", "hr").await;
        let user = |body: Value| {
            let scim = scim.clone();
            async move { scim.post("/scim/v2/Users", &body).await.id().to_owned() }
        };
        let ada = user(json!({
            "userName": "Ada", "externalId": "e1", "title": "50%_off", "active": true, "userType": "Employee",
            "name": { "givenName": "Ada", "familyName": "King" }, "displayName": "Ada King",
            "emails": [{ "value": "ada@work.example", "type": "work", "primary": true }, { "value": "ada@home.example", "type": "home" }],
            "addresses": [{ "type": "work", "country": "GB", "locality": "London" }],
            "x509Certificates": [{ "value": "YQ==" }],
            ENTERPRISE: { "employeeNumber": "7", "department": "Engines" }, PROVOST: { "description": "first" },
        }))
        .await;
        gateway.clock.set(gateway.clock.now().plus_seconds(60));
        let bob = user(json!({
            "userName": "bob", "externalId": "e2", "active": false, "displayName": "Bób",
            "emails": [{ "value": "bob@home.example", "type": "work" }, { "value": "ada@work.example", "type": "home" }],
            ENTERPRISE: { "department": "Sales", "manager": { "value": ada } },
        }))
        .await;
        gateway.clock.set(gateway.clock.now().plus_seconds(60));
        user(json!({ "userName": "cyd", "title": "", "emails": [] })).await;
        let group = |body: Value| {
            let scim = scim.clone();
            async move { scim.post("/scim/v2/Groups", &body).await.id().to_owned() }
        };
        let eng =
            group(json!({ "displayName": "Eng", "externalId": "e1", "members": [{ "value": ada }, { "value": bob }] })).await;
        let all = group(json!({ "displayName": "All", "members": [{ "value": eng }] })).await;
        for name in ["reader", "writer"] {
            scim.post("/scim/v2/Roles", &json!({ "name": name })).await;
        }
        Self { gateway, scim, ada, bob, eng, all }
    }

    async fn names(&self, client: &Client, endpoint: &str, filter: &str) -> String {
        let found = client.post(&format!("/scim/v2/{endpoint}/.search"), &json!({ "filter": filter })).await;
        assert_eq!(found.status, 200, "{filter}: {}", found.text);
        let listed: Vec<&str> = found.body["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| ["userName", "displayName", "name"].iter().find_map(|n| r[n].as_str()).unwrap())
            .collect();
        assert_eq!(found.body["totalResults"], listed.len(), "{filter}");
        // The same by the query string.
        let get = client.get(&query(&format!("/scim/v2/{endpoint}"), &[("filter", filter)])).await;
        assert_eq!(get.body, found.body, "{filter}");
        listed.join(" ")
    }
}

#[tokio::test]
async fn filters_find_whom_they_say() {
    for gateway in Gateway::both() {
        find_whom_they_say(&World::new(gateway).await).await;
    }
}

async fn find_whom_they_say(world: &World) {
    let (ada, bob, eng, all) = (&world.ada, &world.bob, &world.eng, &world.all);
    let department = format!("{ENTERPRISE}:department");
    let users = [
        ("userName eq \"ada\"", "Ada"),
        ("USERNAME EQ \"ADA\"", "Ada"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"ada\"", "Ada"),
        ("userName ne \"ada\"", "bob cyd"),
        ("userName co \"D\"", "Ada cyd"),
        ("userName sw \"A\"", "Ada"),
        ("userName ew \"B\"", "bob"),
        ("userName gt \"ada\"", "bob cyd"),
        ("userName ge \"ada\"", "Ada bob cyd"),
        ("userName lt \"bob\"", "Ada"),
        ("userName le \"bob\"", "Ada bob"),
        ("title pr", "Ada cyd"),
        ("title eq \"\"", "cyd"),
        ("title eq null", "bob"),
        ("title ne null", "Ada cyd"),
        ("not (title pr)", "bob"),
        ("title co \"%_\"", "Ada"),
        ("title sw \"50_\"", ""),
        ("title ne \"x\"", "Ada bob cyd"),
        ("active eq true", "Ada cyd"),
        ("active eq \"True\"", "Ada cyd"),
        ("active eq false", "bob"),
        ("active ne true", "bob"),
        ("displayName eq \"BÓB\"", "bob"),
        ("displayName co \"o\\u0301b\"", "bob"),
        ("name.familyName eq \"king\"", "Ada"),
        ("name pr", "Ada"),
        ("emails pr", "Ada bob"),
        ("emails eq \"ada@work.example\"", "Ada bob"),
        ("emails.value eq \"ada@work.example\"", "Ada bob"),
        ("emails[type eq \"work\"].value eq \"ada@work.example\"", "Ada"),
        ("emails[type eq \"work\" and value co \"home\"]", "bob"),
        ("emails.type eq \"work\" and emails.value eq \"ada@home.example\"", "Ada"),
        ("emails[type eq \"work\" and value eq \"ada@home.example\"]", ""),
        ("emails[primary eq \"True\"].value sw \"ada\"", "Ada"),
        ("not (emails[type eq \"home\"])", "cyd"),
        ("addresses[type eq \"work\"].country eq \"gb\"", "Ada"),
        ("addresses.locality eq \"london\" or userName eq \"cyd\"", "Ada cyd"),
        ("userName eq \"ada\" or userName eq \"bob\" and active eq true", "Ada"),
        ("(userName eq \"ada\" or userName eq \"bob\") and active eq false", "bob"),
        ("x509Certificates.value eq \"YQ==\"", "Ada"),
        ("userType eq \"employee\"", "Ada"),
        ("meta.resourceType eq \"User\"", "Ada bob cyd"),
        ("meta.created eq \"2026-03-01T12:00:00Z\"", "Ada"),
        ("meta.created ge \"2026-03-01T13:01:00.000000+01:00\"", "bob cyd"),
        ("meta.lastModified lt \"2026-03-01T12:01:00Z\"", "Ada"),
        ("meta.lastModified gt \"2026-03-01T12:01:00.000001Z\"", "cyd"),
        ("externalId eq \"e1\"", "Ada"),
        ("externalId eq \"E1\"", ""),
        ("externalId sw \"e\"", "Ada bob"),
        ("externalId pr", "Ada bob"),
        (&format!("{department} eq \"engines\""), "Ada"),
        (&format!("{} eq \"engines\"", department.to_uppercase()), "Ada"),
        (&format!("{department} pr and not ({department} sw \"S\")"), "Ada"),
        (&format!("{PROVOST}:description eq \"First\""), "Ada"),
        (&format!("id eq \"{ada}\""), "Ada"),
        (&format!("id eq \"{}\"", ada.to_uppercase()), ""),
        ("id eq \"nobody\"", ""),
        (&format!("{ENTERPRISE}:manager.value eq \"{ada}\""), "bob"),
        (&format!("{ENTERPRISE}:manager eq \"{ada}\""), "bob"),
        (&format!("{ENTERPRISE}:manager pr"), "bob"),
        (&format!("groups.value eq \"{eng}\""), "Ada bob"),
        (&format!("groups.value eq \"{all}\""), "Ada bob"),
        (&format!("groups[type eq \"direct\"].value eq \"{all}\""), ""),
        ("groups.display eq \"eng\"", "Ada bob"),
        ("groups pr", "Ada bob"),
        ("not (groups pr)", "cyd"),
    ];
    for (filter, expected) in users {
        assert_eq!(world.names(&world.scim, "Users", filter).await, expected, "{filter}");
    }
    let groups = [
        ("displayName eq \"eng\"", "Eng"),
        ("externalId eq \"e1\"", "Eng"),
        (&format!("members.value eq \"{bob}\""), "Eng"),
        (&format!("members eq \"{bob}\""), "Eng"),
        (&format!("members[value eq \"{eng}\"]"), "All"),
        (&format!("members.value eq \"{eng}\" or members.value eq \"{ada}\""), "Eng All"),
        ("members.value eq \"nobody\"", ""),
        ("members.type eq \"Group\"", "All"),
        ("members pr", "Eng All"),
        (&format!("id eq \"{eng}\" and members.value eq \"{ada}\""), "Eng"),
        (&format!("not (members.value eq \"{ada}\")"), "All"),
        (&format!("urn:ietf:params:scim:schemas:core:2.0:Group:MEMBERS.Value eq \"{bob}\""), "Eng"),
        (&format!("members[value eq \"{bob}\" and type eq \"User\"]"), "Eng"),
        (&format!("members[value eq \"{bob}\" and type eq \"Group\"]"), ""),
        (&format!("members.value eq \"{}\"", bob.to_uppercase()), ""),
        ("members.display co \"ó\"", "Eng"),
        ("externalId pr", "Eng"),
        ("displayName ew \"g\" or displayName ew \"L\"", "Eng All"),
        ("meta.lastModified ge \"2026-03-01T12:02:00Z\" and meta.created le \"2026-03-01T13:02:00+01:00\"", "Eng All"),
        ("meta.lastModified lt \"2026-03-01T12:02:00Z\"", ""),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"x\"", ""),
    ];
    for (filter, expected) in groups {
        assert_eq!(world.names(&world.scim, "Groups", filter).await, expected, "{filter}");
    }
    for (filter, expected) in [
        ("name eq \"reader\"", "reader"),
        ("name eq \"Reader\"", ""),
        ("name sw \"w\"", "writer"),
        ("urn:provost:scim:schemas:core:2.0:Role:NAME eq \"reader\"", "reader"),
        ("name co \"_\" or name co \"%\"", ""),
        ("meta.lastModified gt \"2026-03-01T12:01:59.999999Z\" and name ne \"reader\"", "writer"),
        ("externalId pr", ""),
        ("not (members pr)", "reader writer"),
        ("meta.resourceType eq \"Role\"", "reader writer"),
    ] {
        assert_eq!(world.names(&world.scim, "Roles", filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn external_ids_belong_to_their_source() {
    let world = World::new(Gateway::start()).await;
    let idp = world.gateway.token(&["scim.read", "scim.write"], "generic", "idp").await;
    let path = format!("/scim/v2/Users/{}", world.ada);
    assert_eq!(world.names(&idp, "Users", "externalId eq \"e1\"").await, "");
    assert_eq!(idp.get(&path).await.body.get("externalId"), None);
    // Another source may use the same value for somebody else.
    let bob = format!("/scim/v2/Users/{}", world.bob);
    let set = json!({ "Operations": [{ "op": "add", "path": "externalId", "value": "e1" }] });
    assert_eq!(idp.patch(&bob, &set).await.body["externalId"], "e1");
    assert_eq!(world.names(&idp, "Users", "externalId eq \"e1\"").await, "bob");
    assert_eq!(world.names(&idp, "Users", "externalId pr").await, "bob");
    assert_eq!(world.names(&world.scim, "Users", "externalId eq \"e1\"").await, "Ada");
    assert_eq!(world.names(&world.scim, "Users", "externalId eq \"e2\"").await, "bob");
    assert_eq!(world.scim.get(&bob).await.body["externalId"], "e2");
    // A token that takes the place of another keeps the source.
    let rotated = world.gateway.token(&["scim.read"], "generic", "hr").await;
    assert_eq!(world.names(&rotated, "Users", "externalId eq \"e2\"").await, "bob");
}

#[tokio::test]
async fn pages_show_each_once() {
    for gateway in Gateway::both() {
        page_through(&gateway).await;
    }
}

async fn page_through(gateway: &Gateway) {
    let scim = gateway.admin();
    for n in 0..23 {
        let body = json!({ "userName": format!("u{n}"), "title": if n % 2 == 0 { "even" } else { "odd" } });
        assert_eq!(scim.post("/scim/v2/Users", &body).await.status, 201);
    }
    let whole = scim.get("/scim/v2/Users").await.body;
    let ids = |body: &Value| -> Vec<String> {
        body["Resources"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids(&whole);
    assert_eq!((all.len(), &whole["totalResults"], &whole["startIndex"]), (23, &json!(23), &json!(1)));
    for count in [1, 2, 5, 10, 22, 23, 100] {
        let (mut walked, mut start) = (Vec::new(), 1);
        loop {
            let page = scim.get(&format!("/scim/v2/Users?startIndex={start}&count={count}")).await.body;
            let found = ids(&page);
            assert_eq!((&page["totalResults"], &page["startIndex"]), (&json!(23), &json!(start)));
            assert_eq!(page["itemsPerPage"], found.len());
            if found.is_empty() {
                break;
            }
            start += found.len();
            walked.extend(found);
        }
        assert_eq!(walked, all, "count={count}");
    }
    // An indexed and an unindexed filter page alike.
    for filter in ["title%20eq%20%22odd%22", "userName%20sw%20%22u1%22"] {
        let every = ids(&scim.get(&format!("/scim/v2/Users?filter={filter}")).await.body);
        assert_eq!(every.len(), 11, "{filter}");
        let mut walked = Vec::new();
        for start in [1, 5, 9] {
            let page = scim.get(&format!("/scim/v2/Users?filter={filter}&startIndex={start}&count=4")).await.body;
            assert_eq!(page["totalResults"], 11);
            walked.extend(ids(&page));
        }
        assert_eq!(walked, every, "{filter}");
    }
    for (query, found, start) in [
        ("count=0", 0, 1),
        ("count=-3", 0, 1),
        ("startIndex=0&count=2", 2, 1),
        ("startIndex=-7&count=2", 2, 1),
        ("startIndex=24", 0, 24),
        ("startIndex=23", 1, 23),
        ("startIndex=900000", 0, 900_000),
        ("count=1000000", 23, 1),
    ] {
        let page = scim.get(&format!("/scim/v2/Users?{query}")).await;
        assert_eq!(page.status, 200, "{query}: {}", page.text);
        assert_eq!(page.body["Resources"].as_array().map(Vec::len), Some(found), "{query}");
        let numbers = [&page.body["totalResults"], &page.body["itemsPerPage"], &page.body["startIndex"]];
        assert_eq!(numbers, [&json!(23), &json!(found), &json!(start)], "{query}");
    }
}

#[tokio::test]
async fn at_the_root_what_a_type_lacks_has_no_value() {
    let gateway = Gateway::start();
    let scim = gateway.admin();
    let user = scim.post("/scim/v2/Users", &json!({ "userName": "ann", "title": "x" })).await;
    let group = scim.post("/scim/v2/Groups", &json!({ "displayName": "staff" })).await;
    let role = scim.post("/scim/v2/Roles", &json!({ "name": "reader", "serviceAccountRole": true })).await;
    for (filter, found) in [
        ("userName eq \"ann\" or serviceAccountRole eq true", vec![&user, &role]),
        ("not (title eq \"x\")", vec![&group, &role]),
        ("title ne \"x\"", vec![&group, &role]),
        ("members pr or userName pr", vec![&user]),
        ("emails[type eq \"work\"] or displayName eq \"staff\"", vec![&group]),
    ] {
        let answer = scim.get(&query("/scim/v2/", &[("filter", filter)])).await;
        assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
        let ids: Vec<&str> = answer.body["Resources"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
        assert_eq!(ids, found.iter().map(|r| r.id()).collect::<Vec<_>>(), "{filter}");
    }
}

#[tokio::test]
async fn the_root_hides_no_mistake() {
    let gateway = Gateway::start();
    let scim = gateway.admin();
    for (filter, kind) in [("password eq \"x\"", "sensitive"), ("active gt true", "invalidFilter"), ("nope pr", "invalidFilter")]
    {
        let answer = scim.get(&query("/scim/v2/", &[("filter", filter)])).await;
        assert_eq!((answer.status, &answer.body["scimType"]), (400, &json!(kind)), "{filter}: {}", answer.text);
    }
}

#[tokio::test]
async fn the_root_lists_every_type() {
    let world = World::new(Gateway::start()).await;
    let account = world.scim.post("/scim/v2/ServiceAccounts", &json!({ "name": "job" })).await;
    assert_eq!(account.status, 201, "{}", account.text);
    let all = world.scim.get("/scim/v2/").await.body;
    assert_eq!((&all["totalResults"], &all["itemsPerPage"]), (&json!(8), &json!(8)), "{all}");
    let listed = all["Resources"].as_array().unwrap().iter().find(|r| r["id"] == account.id());
    assert_eq!(listed, Some(&account.body), "{all}");
    let mut ids = BTreeSet::new();
    for start in [1, 3, 5, 7] {
        let page = world.scim.post("/scim/v2/.search", &json!({ "startIndex": start, "count": 2 })).await.body;
        assert_eq!(page["totalResults"], 8);
        ids.extend(page["Resources"].as_array().unwrap().iter().map(|r| r["id"].to_string()));
    }
    assert_eq!(ids.len(), 8);
    let some =
        world.scim.post("/scim/v2/.search", &json!({ "filter": "displayName pr", "attributes": ["displayName"] })).await.body;
    assert_eq!(some["totalResults"], 4, "{some}");
    for (kind, count) in [("User", 3), ("Group", 2), ("Role", 2), ("ServiceAccount", 1)] {
        let filter = format!("meta.resourceType eq \"{kind}\"");
        let kinds = world.scim.post("/scim/v2/.search", &json!({ "filter": filter })).await.body;
        assert_eq!(kinds["totalResults"], count, "{kinds}");
    }
}

#[tokio::test]
async fn projections_hold_on_every_verb() {
    let world = World::new(Gateway::start()).await;
    let names = |value: &Value| -> Vec<String> {
        let mut names: Vec<String> =
            value.as_object().unwrap().keys().map(|k| k.rsplit(':').nth(1).map_or(k.clone(), |_| short(k))).collect();
        names.sort();
        names
    };
    fn short(urn: &str) -> String {
        if urn.starts_with("urn:") { urn.split(':').rev().nth(2).unwrap_or_default().to_owned() } else { urn.to_owned() }
    }
    let user = format!("/scim/v2/Users/{}", world.ada);
    let whole = world.scim.get(&user).await.body;
    let cases = [
        ("attributes=userName", "id schemas userName"),
        ("attributes=USERNAME,nosuch,password", "id schemas userName"),
        ("attributes=name.givenName", "id name schemas"),
        ("attributes=emails.value", "emails id schemas"),
        ("attributes=urn:ietf:params:scim:schemas:core:2.0:User:title", "id schemas title"),
        ("attributes=meta.version", "id meta schemas"),
        (
            "excludedAttributes=id,schemas,meta,name,emails,groups,addresses,x509Certificates,title,userType,active,displayName,externalId",
            "enterprise extension id schemas userName",
        ),
    ];
    for (query, expected) in cases {
        let expected: Vec<&str> = expected.split(' ').collect();
        let get = world.scim.get(&format!("{user}?{query}")).await;
        assert_eq!(names(&get.body), expected, "{query}: {}", get.text);
        assert_eq!(get.header("etag"), Some("W/\"1\""));
        let put = world.scim.put(&format!("{user}?{query}"), &whole).await;
        assert_eq!(put.body, get.body, "{query}");
        let patch = json!({ "Operations": [{ "op": "replace", "path": "title", "value": whole["title"] }] });
        assert_eq!(world.scim.patch(&format!("{user}?{query}"), &patch).await.body, get.body, "{query}");
        let list = world.scim.get(&format!("/scim/v2/Users?filter=userName%20eq%20%22ada%22&{query}")).await;
        assert_eq!(list.body["Resources"], json!([get.body]), "{query}");
        let (name, value) = query.split_once('=').unwrap();
        let search = json!({ "filter": "userName eq \"ada\"", name: value.split(',').collect::<Vec<_>>() });
        assert_eq!(world.scim.post("/scim/v2/Users/.search", &search).await.body["Resources"], json!([get.body]), "{query}");
        let mut fresh = whole.clone();
        fresh["userName"] = json!("fresh");
        let made = world.scim.post(&format!("/scim/v2/Users?{query}"), &fresh).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let mut shown = names(&made.body);
        // A new user is in no group.
        shown.retain(|n| n != "groups");
        assert_eq!(shown, expected, "{query}: {}", made.text);
        assert_eq!(world.scim.delete(&format!("/scim/v2/Users/{}", made.id())).await.status, 204);
    }
    let role = world.scim.get("/scim/v2/Roles").await.body["Resources"][0].clone();
    assert_eq!(role.get("members"), None, "returned on request only");
    let grant = json!({ "Operations": [{ "op": "add", "path": "roles", "value": [{ "value": role["id"] }] }] });
    assert_eq!(world.scim.patch(&user, &grant).await.status, 200);
    let asked = world.scim.get(&format!("/scim/v2/Roles/{}?attributes=members", role["id"].as_str().unwrap())).await;
    assert_eq!(asked.body["members"][0]["value"], world.ada, "{}", asked.text);
}
