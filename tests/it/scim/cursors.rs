//! Cursor paging (RFC 9865), and that every way through a list shows each object once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::gateway::{Answer, Client, Gateway, query};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

type Pairs = Vec<(&'static str, &'static str)>;

async fn fill(gateway: &Gateway, scim: &Client) {
    for n in 0..13 {
        if n % 2 == 0 {
            gateway.clock.set(gateway.clock.now().plus_seconds(60));
        }
        let mut body = json!({ "userName": format!("u{:02}", (n * 7) % 13), "title": if n % 2 == 0 { "even" } else { "odd" } });
        if n % 3 > 0 {
            body[ENTERPRISE] = json!({ "department": format!("d{}", n % 3) });
            body["displayName"] = json!(format!("D{}", n % 4));
        }
        assert_eq!(scim.post("/scim/v2/Users", &body).await.status, 201);
    }
    for n in 0..3 {
        assert_eq!(scim.post("/scim/v2/Groups", &json!({ "displayName": format!("D{n}") })).await.status, 201);
        assert_eq!(scim.post("/scim/v2/Roles", &json!({ "name": format!("r{n}") })).await.status, 201);
    }
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let list = answer.body["Resources"].as_array().unwrap();
    assert_eq!(answer.body["itemsPerPage"], list.len());
    list.iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect()
}

async fn page(scim: &Client, path: &str, pairs: &[(&str, &str)], more: &[(&str, &str)]) -> Answer {
    scim.get(&query(path, &[pairs, more].concat())).await
}

#[tokio::test]
async fn every_way_through_a_list_shows_each_once() {
    for gateway in Gateway::both() {
        let scim = gateway.admin();
        fill(&gateway, &scim).await;
        let queries: [(&str, Pairs, usize); 14] = [
            ("/scim/v2/Users", vec![], 13),
            ("/scim/v2/Users", vec![("filter", "userName sw \"u0\"")], 10),
            ("/scim/v2/Users", vec![("filter", "title eq \"even\"")], 7),
            ("/scim/v2/Users", vec![("sortBy", "userName")], 13),
            ("/scim/v2/Users", vec![("sortBy", "userName"), ("sortOrder", "descending"), ("filter", "title eq \"odd\"")], 6),
            ("/scim/v2/Users", vec![("sortBy", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department")], 13),
            (
                "/scim/v2/Users",
                vec![
                    ("sortBy", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"),
                    ("sortOrder", "descending"),
                    ("filter", "userName lt \"u09\""),
                ],
                9,
            ),
            ("/scim/v2/Users", vec![("sortBy", "displayName"), ("sortOrder", "descending")], 13),
            ("/scim/v2/Users", vec![("sortBy", "meta.lastModified"), ("sortOrder", "descending")], 13),
            ("/scim/v2/Users", vec![("sortBy", "id"), ("sortOrder", "descending")], 13),
            ("/scim/v2/", vec![], 19),
            ("/scim/v2/", vec![("filter", "displayName sw \"D\"")], 11),
            ("/scim/v2/", vec![("sortBy", "displayName")], 19),
            ("/scim/v2/", vec![("sortBy", "meta.created"), ("sortOrder", "descending"), ("attributes", "id")], 19),
        ];
        for (path, pairs, size) in queries {
            let full = ids(&page(&scim, path, &pairs, &[]).await);
            assert_eq!(full.len(), size, "{pairs:?}");
            assert_eq!(full.iter().collect::<BTreeSet<_>>().len(), size, "{pairs:?}");
            for count in ["1", "4", "5", "19", "200"] {
                let take: usize = count.parse().unwrap();
                by_index(&scim, path, &pairs, &full, take).await;
                by_cursor(&scim, path, &pairs, &full, take).await;
            }
        }
    }
}

async fn by_index(scim: &Client, path: &str, pairs: &[(&str, &str)], full: &[String], count: usize) {
    for (place, expected) in full.chunks(count).enumerate() {
        let start = (place * count + 1).to_string();
        let found = page(scim, path, pairs, &[("startIndex", &start), ("count", &count.to_string())]).await;
        assert_eq!(ids(&found), expected, "{pairs:?} {count} {start}");
        assert_eq!(found.body["totalResults"], full.len(), "{pairs:?}");
        assert_eq!((found.body.get("nextCursor"), found.body.get("previousCursor")), (None, None));
    }
    let beyond = page(scim, path, pairs, &[("startIndex", &(full.len() + 1).to_string())]).await;
    assert_eq!((ids(&beyond).len(), &beyond.body["totalResults"]), (0, &json!(full.len())));
}

/// There and back again.
async fn by_cursor(scim: &Client, path: &str, pairs: &[(&str, &str)], full: &[String], count: usize) {
    let text = count.to_string();
    let mut cursor = String::new();
    let mut pages: Vec<(Vec<String>, Value)> = Vec::new();
    loop {
        // Once it is in the cursor the count may be left out.
        let more = [("cursor", cursor.as_str()), ("count", text.as_str())];
        let found = page(scim, path, pairs, if cursor.is_empty() { &more } else { &more[..1] }).await;
        assert_eq!(found.body.get("startIndex"), None);
        pages.push((ids(&found), found.body.clone()));
        assert_eq!(found.body.get("previousCursor").is_some(), pages.len() > 1, "{}", found.text);
        if pages.len() == 1 {
            assert_eq!(found.body["totalResults"], full.len());
        }
        let Some(next) = found.body.get("nextCursor") else { break };
        cursor = next.as_str().unwrap().to_owned();
        assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{cursor}");
    }
    let chunks: Vec<_> = full.chunks(count).collect();
    assert_eq!(pages.iter().map(|(ids, _)| &ids[..]).collect::<Vec<_>>(), chunks, "{pairs:?} {count}");
    let mut back = pages.last().unwrap().1["previousCursor"].as_str().map(str::to_owned);
    for place in (0..pages.len() - 1).rev() {
        let body = json!({ "cursor": back.unwrap(), "count": count });
        let found = if pairs.is_empty() {
            scim.post(&format!("{}/.search", path.trim_end_matches('/')), &body).await
        } else {
            page(scim, path, pairs, &[("cursor", body["cursor"].as_str().unwrap())]).await
        };
        assert_eq!(ids(&found), chunks[place], "{pairs:?} {count}");
        // And forth: the page after is the one that was seen.
        let next = page(scim, path, pairs, &[("cursor", found.body["nextCursor"].as_str().unwrap())]).await;
        assert_eq!(ids(&next), chunks[place + 1], "{pairs:?} {count}");
        back = found.body.get("previousCursor").map(|c| c.as_str().unwrap().to_owned());
        assert_eq!(back.is_some(), place > 0, "{pairs:?} {count}");
    }
}

#[tokio::test]
async fn a_walk_stands_still_while_others_write() {
    for gateway in Gateway::both() {
        for sort in [vec![], vec![("sortBy", "userName")], vec![("sortBy", "title"), ("sortOrder", "descending")]] {
            let scim = gateway.tenant(&format!("walk-{}", sort.len() + sort.first().map_or(0, |s| s.1.len()))).await;
            fill(&gateway, &scim).await;
            let full = ids(&page(&scim, "/scim/v2/Users", &sort, &[]).await);
            let deleted = [&full[0], &full[6]];
            let (mut seen, mut cursor, mut number) = (Vec::new(), String::new(), 0);
            loop {
                let found = page(&scim, "/scim/v2/Users", &sort, &[("cursor", &cursor), ("count", "2")]).await;
                seen.extend(ids(&found));
                let Some(next) = found.body.get("nextCursor") else { break };
                cursor = next.as_str().unwrap().to_owned();
                number += 1;
                assert!(number < 60, "the walk does not end");
                if number <= 8 {
                    // Before, within and behind the walk.
                    for name in ["a", "u05x", "z"] {
                        let body = json!({ "userName": format!("{name}{number}"), "title": "even" });
                        assert_eq!(scim.post("/scim/v2/Users", &body).await.status, 201);
                    }
                }
                if number == 1 {
                    for id in deleted {
                        assert_eq!(scim.delete(&format!("/scim/v2/Users/{id}")).await.status, 204);
                    }
                }
            }
            assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "{sort:?}: one came twice");
            for id in full.iter().filter(|id| **id != full[6]) {
                assert!(seen.contains(id), "{sort:?}: one was missed");
            }
            assert!(!seen.contains(&full[6]), "{sort:?}: one came after it was deleted");
            let total = page(&scim, "/scim/v2/Users", &sort, &[("count", "0")]).await;
            assert_eq!((&total.body["totalResults"], ids(&total).len()), (&json!(13 - 2 + 24), 0), "{sort:?}");
        }
    }
}

#[tokio::test]
async fn the_way_back_from_an_emptied_page_misses_nobody() {
    for gateway in Gateway::both() {
        let scim = gateway.admin();
        for name in ["a", "b", "c"] {
            assert_eq!(scim.post("/scim/v2/Users", &json!({ "userName": name })).await.status, 201);
        }
        for sort in [&[][..], &[("sortBy", "userName")], &[("sortBy", "userName"), ("sortOrder", "descending")]] {
            let first = page(&scim, "/scim/v2/Users", sort, &[("cursor", ""), ("count", "2")]).await;
            let next = first.body["nextCursor"].as_str().unwrap();
            let second = page(&scim, "/scim/v2/Users", sort, &[("cursor", next)]).await;
            let last = second.body["Resources"][0].clone();
            let address = format!("/scim/v2/Users/{}", last["id"].as_str().unwrap());
            assert_eq!(scim.delete(&address).await.status, 204);
            let empty = page(&scim, "/scim/v2/Users", sort, &[("cursor", next)]).await;
            assert_eq!((ids(&empty).len(), empty.body.get("nextCursor")), (0, None), "{sort:?}");
            let back = empty.body["previousCursor"].as_str().unwrap();
            let again = page(&scim, "/scim/v2/Users", sort, &[("cursor", back)]).await;
            assert_eq!(ids(&again), ids(&first), "{sort:?}");
            assert_eq!(scim.post("/scim/v2/Users", &json!({ "userName": last["userName"] })).await.status, 201);
        }
    }
}

#[tokio::test]
async fn a_cursor_is_of_use_for_nothing_else() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        fill(&gateway, &admin).await;
        let reader = gateway.token(&["scim.read"], "generic", "hr").await;
        let same_source = gateway.token(&["scim.read"], "generic", "hr").await;
        let elsewhere = gateway.tenant("elsewhere").await;
        let filter = ("filter", "userName pr");
        let first = page(&reader, "/scim/v2/Users", &[filter], &[("cursor", ""), ("count", "5")]).await;
        let cursor = first.body["nextCursor"].as_str().unwrap().to_owned();
        let cut = &cursor[..cursor.len() - 2];
        let users = "/scim/v2/Users";
        let refused = |client: Client, path: &'static str, pairs: Vec<(&'static str, String)>, kind: &'static str| async move {
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = client.get(&query(path, &pairs)).await;
            assert_eq!((answer.status, &answer.body["scimType"]), (400, &json!(kind)), "{pairs:?}: {}", answer.text);
        };
        let with = |cursor: &str, more: &[(&'static str, &str)]| {
            let mut pairs = vec![("cursor", cursor.to_owned())];
            pairs.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
            pairs
        };
        for (client, path, pairs, kind) in [
            // Another's, damaged, or of another query.
            (&same_source, users, with(&cursor, &[filter]), "invalidCursor"),
            (&admin, users, with(&cursor, &[filter]), "invalidCursor"),
            (&elsewhere, users, with(&cursor, &[filter]), "invalidCursor"),
            (&reader, users, with(cut, &[filter]), "invalidCursor"),
            (&reader, users, with(&format!("{cursor}~"), &[filter]), "invalidCursor"),
            (&reader, users, with("nonsense", &[filter]), "invalidCursor"),
            (&reader, users, with(&cursor, &[]), "invalidCursor"),
            (&reader, users, with(&cursor, &[("filter", "userName eq \"u01\"")]), "invalidCursor"),
            (&reader, users, with(&cursor, &[filter, ("sortBy", "userName")]), "invalidCursor"),
            (&reader, users, with(&cursor, &[filter, ("sortBy", "userName"), ("sortOrder", "descending")]), "invalidCursor"),
            (&reader, "/scim/v2/Groups", with(&cursor, &[("filter", "displayName pr")]), "invalidCursor"),
            (&reader, "/scim/v2/", with(&cursor, &[filter]), "invalidCursor"),
            // Sizes.
            (&reader, users, with(&cursor, &[filter, ("count", "6")]), "invalidCount"),
            (&reader, users, with(&cursor, &[filter, ("count", "0")]), "invalidCount"),
            (&reader, users, with("", &[filter, ("count", "1001")]), "invalidCount"),
            // Two ways of paging at once.
            (&reader, users, with("", &[filter, ("startIndex", "1")]), "invalidValue"),
            (&reader, users, with(&cursor, &[filter, ("startIndex", "6")]), "invalidValue"),
        ] {
            refused(client.clone(), path, pairs, kind).await;
        }
        // For what it was given it can be used again and again, by the body of a search too.
        let second = page(&reader, users, &[filter], &[("cursor", &cursor)]).await;
        let again = json!({ "filter": "userName pr", "cursor": cursor, "count": 5, "attributes": ["userName"] });
        assert_eq!(ids(&reader.post("/scim/v2/Users/.search", &again).await), ids(&second));
        let none = page(&reader, users, &[filter], &[("cursor", ""), ("count", "0")]).await;
        assert_eq!((ids(&none).len(), &none.body["totalResults"], none.body.get("nextCursor")), (0, &json!(13), None));
        // Without a value it starts, too.
        assert_eq!(ids(&reader.get("/scim/v2/Users?cursor&count=5").await).len(), 5);
        // A cursor lasts an hour; each page is authorised anew.
        gateway.clock.set(gateway.clock.now().plus_seconds(3_600));
        assert_eq!(ids(&page(&reader, users, &[filter], &[("cursor", &cursor)]).await), ids(&second));
        gateway.clock.set(gateway.clock.now().plus_seconds(1));
        refused(reader.clone(), users, with(&cursor, &[filter]), "expiredCursor").await;
        let renewed = page(&reader, users, &[filter], &[("cursor", ""), ("count", "5")]).await;
        let renewed = renewed.body["nextCursor"].as_str().unwrap().to_owned();
        let tokens = admin.get("/admin/v1/tokens").await.body;
        let list = tokens.as_array().or_else(|| tokens.as_object().unwrap().values().find_map(Value::as_array)).unwrap();
        for token in list.iter().filter(|t| t["source"] == "hr") {
            let gone = admin.delete(&format!("/admin/v1/tokens/{}", token["id"].as_str().unwrap())).await;
            assert!(gone.status < 300, "{}", gone.text);
        }
        assert_eq!(page(&reader, users, &[filter], &[("cursor", &renewed)]).await.status, 401);
    }
}

#[tokio::test]
async fn paging_is_announced() {
    let folder = tempfile::tempdir().unwrap();
    let limits =
        [("PROVOST_LIMITS__PAGE_DEFAULT", "7"), ("PROVOST_LIMITS__PAGE_MAX", "9"), ("PROVOST_LIMITS__CURSOR_TIMEOUT", "90s")];
    let gateway = Gateway::with(&folder.path().join("data"), &limits);
    let scim = gateway.admin();
    fill(&gateway, &scim).await;
    let config = scim.get("/scim/v2/ServiceProviderConfig").await.body;
    let expected = json!({
        "cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 7, "maxPageSize": 9,
        "cursorTimeout": 90
    });
    assert_eq!((&config["pagination"], &config["sort"]), (&expected, &json!({ "supported": true })));
    assert_eq!(ids(&scim.get("/scim/v2/Users").await).len(), 7);
    assert_eq!(ids(&scim.get("/scim/v2/Users?count=10").await).len(), 9);
    assert_eq!(ids(&scim.get("/scim/v2/Users?cursor=").await).len(), 7);
    assert_eq!(ids(&scim.get("/scim/v2/Users?cursor=&count=9").await).len(), 9);
    assert_eq!(scim.get("/scim/v2/Users?cursor=&count=10").await.body["scimType"], "invalidCount");
}
