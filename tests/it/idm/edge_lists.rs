//! Lists of edges over HTTP: long ones are sent while they are read, in the form that was asked for; cookies serve whom they were
//! given to.

use serde_json::{Value, json};

use super::world::World;
use crate::harness::gateway::{Gateway, query};

const MEMBERS: &str = "/openidm/managed/role/r/members";

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_of_edges_is_whole_and_as_pretty_as_was_asked() {
    for gateway in Gateway::both() {
        let (client, world) = (gateway.admin(), World::beside(&gateway).await);
        for n in 0..1_203 {
            world.create("user", &format!("u{n:04}"), json!({ "userName": format!("u{n:04}") })).await.unwrap();
        }
        let condition = json!({ "name": "r", "condition": "/userName sw \"u\"" });
        assert_eq!(client.put("/openidm/managed/role/r", &condition).await.status, 201);
        for (pairs, count) in [
            (vec![("_fields", "userName")], 1_203),
            (vec![("_sortKeys", "-userName"), ("_fields", "userName")], 1_203),
            (vec![("_pageSize", "700"), ("_fields", "userName"), ("_totalPagedResultsPolicy", "EXACT")], 700),
        ] {
            for pretty in [false, true] {
                let mut pairs = pairs.clone();
                pairs.push(("_queryFilter", "true"));
                pairs.extend(pretty.then_some(("_prettyPrint", "true")));
                let answer = client.get(&query(MEMBERS, &pairs)).await;
                let rows = answer.body["result"].as_array().unwrap_or_else(|| panic!("{pairs:?}: {}", answer.text));
                assert_eq!((rows.len(), &answer.body["resultCount"]), (count, &json!(count)), "{pairs:?}");
                assert!(rows.iter().all(|row| row["userName"] == row["_refResourceId"] && row["_rev"].is_string()));
                // A line for each member of each row.
                assert_eq!(answer.text.lines().count() > 5 * count, pretty, "{pairs:?}");
                assert_eq!((answer.header("cache-control"), &answer.body["error"]), (Some("no-cache"), &Value::Null));
                assert_eq!(answer.body["pagedResultsCookie"].is_string(), count == 700);
                assert_eq!(answer.body["totalPagedResults"], json!(if count == 700 { 1_203 } else { -1 }));
            }
        }
    }
}

#[tokio::test]
async fn a_cookie_serves_the_token_that_it_was_given_to() {
    for gateway in Gateway::both() {
        let [ours, theirs] = [gateway.tenant("ours").await, gateway.tenant("theirs").await];
        for client in [&ours, &theirs] {
            for name in ["a", "b", "c"] {
                let user = json!({ "userName": name, "country": "FR" });
                client.put(&format!("/openidm/managed/user/{name}"), &user).await;
            }
            client.put("/openidm/managed/role/r", &json!({ "name": "r", "condition": "/userName pr" })).await;
        }
        let page = query(MEMBERS, &[("_queryFilter", "true"), ("_pageSize", "1")]);
        let first = ours.get(&page).await;
        let cookie = first.body["pagedResultsCookie"].as_str().unwrap_or_else(|| panic!("{}", first.text)).to_owned();
        let next = format!("{page}&_pagedResultsCookie={cookie}");
        assert_eq!(ours.get(&next).await.body["result"][0]["_refResourceId"], "b");
        for other in [theirs.get(&next).await, theirs.get(&format!("{page}&_pagedResultsCookie={}", &cookie[1..])).await] {
            assert_eq!((other.status, &other.body["code"]), (400, &json!(400)), "{}", other.text);
        }
        // What a condition would do is paged by cookies of the same kind.
        let asked = json!({ "condition": "/country eq \"DE\"" });
        let path = "/openidm/managed/role/r?_action=evaluateCondition&_pageSize=1";
        let first = ours.post(path, &asked).await;
        let cookie = first.body["pagedResultsCookie"].as_str().unwrap_or_else(|| panic!("{}", first.text)).to_owned();
        let next = format!("{path}&_pagedResultsCookie={cookie}");
        assert_eq!(ours.post(&next, &asked).await.body["result"][0]["_refResourceId"], "b");
        for refused in [
            theirs.post(&next, &asked).await,
            ours.post(&next, &json!({ "condition": "/country eq \"IT\"" })).await,
            ours.post(&next, &json!({})).await,
        ] {
            assert_eq!(refused.status, 400, "{}", refused.text);
        }
    }
}
