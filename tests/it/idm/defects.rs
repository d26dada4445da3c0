//! The defects B1 to B6 of spec/idm.md §3.3 at their own size, over HTTP, written and read in either dialect; the small ones are
//! cases of defects.yaml.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::world::World;
use crate::harness::gateway::{Client, Gateway, query};

async fn users(gateway: &Gateway, count: usize) {
    let world = World::beside(gateway).await;
    for n in 0..count {
        let body = json!({ "userName": format!("u{n:04}"), "country": "FR", "title": format!("t{}", n % 2) });
        world.create("user", &format!("u{n:04}"), body).await.unwrap();
    }
}

async fn members(client: &Client) -> usize {
    let page = "/openidm/managed/role/r/members?_queryFilter=true&_countOnly=true";
    usize::try_from(client.get(page).await.body["totalPagedResults"].as_u64().unwrap()).unwrap()
}

async fn holders(client: &Client) -> usize {
    let list = query("/scim/v2/Users", &[("filter", "roles.value eq \"r\""), ("count", "0")]);
    usize::try_from(client.get(&list).await.body["totalResults"].as_u64().unwrap()).unwrap()
}

/// More than a page of 500 gains, changes and loses.
#[tokio::test(flavor = "multi_thread")]
async fn b1_nobody_beyond_the_first_page_is_forgotten() {
    for gateway in Gateway::both() {
        let client = gateway.admin();
        users(&gateway, 501).await;
        client.put("/openidm/managed/role/r", &json!({ "name": "r", "condition": "/country eq \"FR\"" })).await;
        assert_eq!((members(&client).await, holders(&client).await), (501, 501));
        let condition = |text: Value| json!([{ "operation": "replace", "field": "/condition", "value": text }]);
        client.patch("/openidm/managed/role/r", &condition(json!("/title eq \"t1\""))).await;
        assert_eq!((members(&client).await, holders(&client).await), (250, 250));
        client.patch("/openidm/managed/role/r", &condition(json!("/country eq \"FR\" or /country eq \"DE\""))).await;
        assert_eq!((members(&client).await, holders(&client).await), (501, 501));
        client.put("/openidm/managed/role/r", &json!({ "name": "r" })).await;
        assert_eq!((members(&client).await, holders(&client).await), (0, 0));
        assert_eq!(client.delete("/openidm/managed/role/r").await.status, 200);
    }
}

/// Pages of a role's members while the set changes: who stays is seen once, in either dialect.
#[tokio::test(flavor = "multi_thread")]
async fn b6_pages_bear_members_that_come_and_go() {
    for gateway in Gateway::both() {
        let client = gateway.admin();
        users(&gateway, 60).await;
        client.put("/openidm/managed/role/r", &json!({ "name": "r", "condition": "/country eq \"FR\"" })).await;
        for (dialect, keys) in [("idm", ""), ("idm", "userName"), ("idm", "-userName"), ("scim", "")] {
            let (mut seen, mut cookie, mut page): (Vec<String>, Option<String>, usize) = (Vec::new(), None, 0);
            loop {
                let answer = if dialect == "idm" {
                    let mut pairs = vec![("_queryFilter", "true"), ("_pageSize", "7")];
                    pairs.extend((!keys.is_empty()).then_some(("_sortKeys", keys)));
                    pairs.extend(cookie.as_deref().map(|cookie| ("_pagedResultsCookie", cookie)));
                    client.get(&query("/openidm/managed/role/r/members", &pairs)).await
                } else {
                    let mut pairs = vec![("filter", "roles.value eq \"r\""), ("count", "7")];
                    pairs.push(("cursor", cookie.as_deref().unwrap_or_default()));
                    client.get(&query("/scim/v2/Users", &pairs)).await
                };
                assert_eq!(answer.status, 200, "{}", answer.text);
                let (list, id, next) = match dialect {
                    "idm" => ("result", "_refResourceId", "pagedResultsCookie"),
                    _ => ("Resources", "id", "nextCursor"),
                };
                let rows = answer.body[list].as_array().unwrap();
                seen.extend(rows.iter().map(|row| row[id].as_str().unwrap().to_owned()));
                // One loses the role and one comes to hold it, before and behind the place: through IDM and through SCIM.
                let (gone, back) = (format!("u{:04}", 3 * page % 30 * 2 + 1), format!("u{:04}", (3 * page + 15) % 30 * 2 + 1));
                let moved = json!([{ "operation": "replace", "field": "/country", "value": "DE" }]);
                assert_eq!(client.patch(&format!("/openidm/managed/user/{gone}"), &moved).await.status, 200);
                let moved = json!({ "Operations": [{ "op": "replace", "path": "addresses.country", "value": "FR" }] });
                assert_eq!(client.patch(&format!("/scim/v2/Users/{back}"), &moved).await.status, 200);
                cookie = answer.body[next].as_str().map(str::to_owned);
                page += 1;
                if cookie.is_none() {
                    break;
                }
            }
            let once: BTreeSet<&String> = seen.iter().collect();
            assert_eq!(once.len(), seen.len(), "{dialect} {keys}: somebody twice in {seen:?}");
            // Those of even numbers held it all the time.
            let stayed = (0..60).step_by(2).filter(|n| once.contains(&format!("u{n:04}"))).count();
            assert_eq!(stayed, 30, "{dialect} {keys}: somebody hidden in {seen:?}");
        }
    }
}
