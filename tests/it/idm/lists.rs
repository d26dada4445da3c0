//! Lists in the IDM dialect: every way through one shows each object once, whatever changes meanwhile (B6), and a long one is
//! whole.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::world::World;
use crate::admin::extension;
use crate::harness::gateway::{Answer, Client, Gateway, query};

const USERS: &str = "/openidm/managed/user";

type Pairs = &'static [(&'static str, &'static str)];

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let list = answer.body["result"].as_array().unwrap();
    assert_eq!(answer.body["resultCount"], list.len());
    list.iter().map(|row| row["_id"].as_str().unwrap().to_owned()).collect()
}

async fn ask(client: &Client, pairs: &[(&str, &str)], more: &[(&str, &str)]) -> Answer {
    client.get(&query(USERS, &[pairs, more].concat())).await
}

/// Page by page, by cookie; `between` does what it likes.
async fn walk(client: &Client, pairs: &[(&str, &str)], size: usize, mut between: impl AsyncFnMut(usize)) -> Vec<String> {
    let (mut out, mut cookie, size) = (Vec::new(), None::<String>, size.to_string());
    for page in 0.. {
        let mut more = vec![("_pageSize", size.as_str())];
        more.extend(cookie.as_deref().map(|cookie| ("_pagedResultsCookie", cookie)));
        let answer = ask(client, pairs, &more).await;
        out.extend(ids(&answer));
        cookie = answer.body["pagedResultsCookie"].as_str().map(str::to_owned);
        if cookie.is_none() {
            break;
        }
        between(page).await;
    }
    out
}

async fn fill(client: &Client) {
    for n in 0..13 {
        let mut body = json!({ "userName": format!("u{:02}", (n * 7) % 13), "title": if n % 2 == 0 { "even" } else { "odd" } });
        if n % 3 > 0 {
            body["department"] = json!(format!("d{}", n % 3));
            body["sn"] = json!(format!("S{}", n % 4));
            body["mail"] = json!(format!("{}@x", (n * 5) % 13));
        }
        body["accountStatus"] = json!(if n % 5 == 0 { "inactive" } else { "active" });
        assert_eq!(client.put(&format!("{USERS}/i{n:02}"), &body).await.status, 201);
    }
}

#[tokio::test]
async fn every_way_through_a_list_shows_each_once() {
    for gateway in Gateway::both() {
        let client = gateway.admin();
        fill(&client).await;
        let all: [(&str, Pairs, usize); 12] = [
            ("plain", &[("_queryFilter", "true")], 13),
            ("filtered", &[("_queryFilter", "title eq \"even\"")], 7),
            ("by id", &[("_queryFilter", "true"), ("_sortKeys", "-_id")], 13),
            ("by an index", &[("_queryFilter", "true"), ("_sortKeys", "userName")], 13),
            ("by an index, down", &[("_queryFilter", "title eq \"odd\""), ("_sortKeys", "-userName")], 6),
            ("by what some lack", &[("_queryFilter", "true"), ("_sortKeys", "department")], 13),
            ("by what some lack, down", &[("_queryFilter", "true"), ("_sortKeys", "-department")], 13),
            ("by an element", &[("_queryFilter", "true"), ("_sortKeys", "-mail")], 13),
            ("by a word", &[("_queryFilter", "true"), ("_sortKeys", "accountStatus")], 13),
            ("by two", &[("_queryFilter", "true"), ("_sortKeys", "-title,userName")], 13),
            ("by three", &[("_queryFilter", "userName pr"), ("_sortKeys", "department,-sn,_id")], 13),
            ("by number of query", &[("_queryId", "query-all-ids")], 13),
        ];
        for (what, pairs, count) in all {
            let whole = ids(&ask(&client, pairs, &[]).await);
            assert_eq!(whole.len(), count, "{what}");
            assert_eq!(whole.iter().collect::<BTreeSet<_>>().len(), count, "{what}: {whole:?}");
            for size in [1, 2, 5, 13, 100] {
                assert_eq!(walk(&client, pairs, size, async |_| {}).await, whole, "{what}, {size} a page");
            }
            let text = count.to_string();
            let mut stepped = Vec::new();
            for offset in (0..count).step_by(4) {
                let page = [("_pageSize", "4"), ("_pagedResultsOffset", &*offset.to_string())];
                stepped.extend(ids(&ask(&client, pairs, &page).await));
            }
            assert_eq!(stepped, whole, "{what}, by offset up to {text}");
            let counted = ask(&client, pairs, &[("_countOnly", "true")]).await;
            assert_eq!((ids(&counted).len(), &counted.body["totalPagedResults"]), (0, &json!(count)), "{what}");
        }
    }
}

#[tokio::test]
async fn keys_order_as_they_say() {
    let gateway = Gateway::start();
    let client = gateway.admin();
    for (id, sn, title, status) in [
        ("a", Some("Öst"), Some("y"), "inactive"),
        ("b", Some("öst"), Some("x"), "active"),
        ("c", Some("Ost"), None, "active"),
        ("d", None, Some("z"), "inactive"),
        ("e", Some("Ostler"), Some("x"), "active"),
    ] {
        let body = json!({ "userName": id, "sn": sn, "title": title, "accountStatus": status });
        assert_eq!(client.put(&format!("{USERS}/{id}"), &body).await.status, 201);
    }
    for (keys, expected) in [
        ("sn", "c e a b d"),
        ("-sn", "d b a e c"),
        ("sn,title", "c e b a d"),
        ("sn,-title", "c e a b d"),
        ("-sn,title", "d b a e c"),
        ("title,-userName", "e b a d c"),
        ("-title,userName", "c d a b e"),
        // Equal ones run with the index, which has it the other way round.
        ("accountStatus", "e c b d a"),
        ("-accountStatus", "a d b c e"),
        ("accountStatus,_id", "b c e a d"),
        ("-accountStatus,_id", "a d b c e"),
        ("accountStatus,-_id", "e c b d a"),
        (" /userName", "a b c d e"),
        ("-/_id", "e d c b a"),
    ] {
        let found = ids(&ask(&client, &[("_queryFilter", "true"), ("_sortKeys", keys)], &[]).await);
        assert_eq!(found.join(" "), expected, "{keys}");
    }
    let twice = ids(&client.get(&format!("{USERS}?_queryFilter=true&_sortKeys=title&_sortKeys=-userName")).await);
    assert_eq!(twice.join(" "), "e b a d c");
}

/// B6: who is there from the first page to the last is seen once; who comes or goes hides nobody and shows nobody twice.
#[tokio::test]
async fn b6_paging_bears_what_comes_and_goes() {
    for gateway in Gateway::both() {
        for (at, keys) in ["", "userName", "-userName", "title,userName", "-mail"].into_iter().enumerate() {
            let client = gateway.tenant(&format!("paging{at}")).await;
            for n in 0..40 {
                let body = json!({ "userName": format!("m{n:02}"), "title": format!("t{}", n % 3), "mail": format!("{n:02}@x") });
                assert_eq!(client.put(&format!("{USERS}/stay{n:02}"), &body).await.status, 201);
                let body = json!({ "userName": format!("m{n:02}x"), "title": format!("t{}", n % 3) });
                assert_eq!(client.put(&format!("{USERS}/go{n:02}"), &body).await.status, 201);
            }
            let mut pairs = vec![("_queryFilter", "userName sw \"m\"")];
            pairs.extend((!keys.is_empty()).then_some(("_sortKeys", keys)));
            let other = client.clone();
            let seen = walk(&client, &pairs, 7, async |page| {
                for n in [3 * page, 3 * page + 1, 39 - page] {
                    let gone = other.delete(&format!("{USERS}/go{n:02}")).await.status;
                    assert!([200, 404].contains(&gone));
                }
                for name in ["a", "m20", "z"] {
                    let body = json!({ "userName": format!("m{name}new{page}"), "title": "t1" });
                    assert_eq!(other.put(&format!("{USERS}/new{name}{page}"), &body).await.status, 201);
                }
            })
            .await;
            assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "{keys}: somebody twice in {seen:?}");
            let stayed = seen.iter().filter(|id| id.starts_with("stay")).count();
            assert_eq!(stayed, 40, "{keys}: somebody hidden in {seen:?}");
        }
    }
}

/// More than a batch: the answer is sent while it is read, and is whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_pages_is_whole_and_sent_as_it_is_read() {
    for gateway in Gateway::both() {
        let (client, world) = (gateway.admin(), World::beside(&gateway).await);
        let users =
            (0..1_203).map(|n| (format!("u{n:04}"), json!({ "userName": format!("u{n:04}"), "title": format!("t{}", n % 2) })));
        if gateway.service.store().is_sqlite() {
            world.create_all("user", users).await;
        } else {
            // So many at once would have to be tried again and again.
            for (id, body) in users {
                world.create("user", &id, body).await.unwrap();
            }
        }
        for (pairs, count) in [
            (vec![("_queryFilter", "true"), ("_fields", "userName")], 1_203),
            (vec![("_queryFilter", "true"), ("_fields", "userName"), ("_prettyPrint", "true")], 1_203),
            (vec![("_queryFilter", "title eq \"t0\"")], 602),
            (vec![("_queryFilter", "true"), ("_sortKeys", "-userName")], 1_203),
            (vec![("_queryFilter", "true"), ("_pageSize", "700"), ("_totalPagedResultsPolicy", "EXACT")], 700),
            (vec![("_queryFilter", "true"), ("_pageSize", "1203")], 1_203),
            (vec![("_queryFilter", "true"), ("_pagedResultsOffset", "3")], 1_200),
        ] {
            let answer = ask(&client, &pairs, &[]).await;
            let found = ids(&answer);
            assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), count, "{pairs:?}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.body["error"], Value::Null);
            let total = if pairs.iter().any(|(_, value)| *value == "EXACT") { 1_203 } else { -1 };
            assert_eq!(answer.body["totalPagedResults"], total, "{pairs:?}");
            assert_eq!(answer.body["pagedResultsCookie"].is_string(), count == 700, "{pairs:?}");
            if let Some(cookie) = answer.body["pagedResultsCookie"].as_str() {
                let rest = ids(&ask(&client, &pairs, &[("_pagedResultsCookie", cookie)]).await);
                assert_eq!(rest.len(), 503);
                assert!(rest.iter().all(|id| !found.contains(id)));
            }
        }
        let sorted = ids(&ask(&client, &[("_queryFilter", "true"), ("_sortKeys", "userName")], &[]).await);
        assert!(sorted.is_sorted() && sorted.len() == 1_203);
    }
}

/// What a list rests on changed while it was sent: it ends, and says why, instead of going on with what may not be so.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_go_on_ends_with_its_error() {
    let gateway = Gateway::start();
    let (client, world) = (gateway.admin(), World::beside(&gateway).await);
    let long = "x".repeat(8_000);
    let users = (0..4_000).map(|n| (format!("u{n:04}"), json!({ "userName": format!("u{n:04}"), "description": long })));
    world.create_all("user", users).await;
    let url = format!("{}{}", client.url, query(USERS, &[("_queryFilter", "userName sw \"u\"")]));
    let mut answer = client.http.get(url).bearer_auth(&client.token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    // More than any buffer between here and there is still to come.
    let mut text = answer.chunk().await.unwrap().unwrap().to_vec();
    let badge = json!({ "name": "badge", "type": "string" });
    let changed = client.put("/admin/v1/types/user", &extension(&[badge])).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    while let Some(chunk) = answer.chunk().await.unwrap() {
        text.extend(chunk);
    }
    let body: Value = serde_json::from_slice(&text).unwrap();
    let count = body["result"].as_array().unwrap().len();
    assert!((500..4_000).contains(&count), "{count}");
    assert_eq!((&body["resultCount"], &body["error"]["code"]), (&json!(count), &json!(503)), "{}", body["error"]);
    assert_eq!((&body["error"]["reason"], &body["pagedResultsCookie"]), (&json!("Service Unavailable"), &Value::Null));
}

#[tokio::test]
async fn a_cookie_is_of_use_for_its_query_to_its_holder_and_for_its_time() {
    let gateway = Gateway::start();
    let client = gateway.admin();
    fill(&client).await;
    let pairs = [("_queryFilter", "true"), ("_sortKeys", "userName"), ("_pageSize", "4")];
    let first = ask(&client, &pairs, &[]).await;
    let cookie = first.body["pagedResultsCookie"].as_str().unwrap();
    let with = [("_pagedResultsCookie", cookie)];
    assert_eq!(ids(&ask(&client, &pairs, &with).await).len(), 4);
    // The size of a page may change.
    assert_eq!(ids(&ask(&client, &[pairs[0], pairs[1], ("_pageSize", "100")], &with).await).len(), 9);
    for other in [
        vec![("_queryFilter", "userName pr"), pairs[1]],
        vec![pairs[0]],
        vec![pairs[0], ("_sortKeys", "-userName")],
        vec![("_queryId", "query-all")],
    ] {
        let refused = ask(&client, &other, &with).await;
        assert_eq!(refused.status, 400, "{other:?}: {}", refused.text);
        assert!(refused.body["message"].as_str().unwrap().contains("_pagedResultsCookie"), "{}", refused.text);
    }
    let stranger = gateway.token(&["idm.read"], "generic", "hr").await;
    assert_eq!(ask(&stranger, &pairs, &with).await.status, 400);
    let elsewhere = gateway.tenant("other").await;
    assert_eq!(ask(&elsewhere, &pairs, &with).await.status, 400);
    gateway.clock.set(gateway.clock.now().plus_seconds(3_601));
    let late = ask(&client, &pairs, &with).await;
    assert_eq!((late.status, late.body["message"].as_str().unwrap().contains("expired")), (400, true), "{}", late.text);
}
