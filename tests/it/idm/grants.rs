//! Conditional grants at scale, and what they cost.

use std::collections::BTreeSet;

use provost::domain::condition::{self, View};
use provost::service::Result;
use provost::service::load::Needs;
use provost::store::conditions;
use serde_json::{Value, json};

use super::world::World;

async fn held_by(world: &World, role: &str) -> usize {
    world.conditional().await.into_iter().filter(|(_, held)| held == role).count()
}

/// B1: more than a page of users; and the most that one request changes.
#[tokio::test(flavor = "multi_thread")]
async fn b1_all_of_501_and_all_of_10_000_are_granted_and_revoked() {
    let world = World::on_sqlite().await;
    let users = (0..10_000).map(|n| {
        let title = (n < 501).then_some("boss");
        (format!("u{n}"), json!({ "userName": format!("u{n}"), "country": "FR", "title": title }))
    });
    world.create_all("user", users).await;
    world.create("role", "all", json!({ "name": "all", "condition": "/country eq \"FR\"" })).await.unwrap();
    world
        .create("role", "some", json!({ "name": "some", "condition": "/title eq \"boss\" or /title eq \"none\"" }))
        .await
        .unwrap();
    assert_eq!((held_by(&world, "all").await, held_by(&world, "some").await), (10_000, 501));
    world.set("role", "some", "condition", json!("/title eq \"none\" or /userName eq \"u9999\"")).await.unwrap();
    assert_eq!(held_by(&world, "some").await, 1);
    world.set("role", "some", "condition", json!("/title eq \"boss\"")).await.unwrap();
    assert_eq!(held_by(&world, "some").await, 501);
    world.set("role", "some", "condition", Value::Null).await.unwrap();
    world.set("role", "all", "condition", Value::Null).await.unwrap();
    assert_eq!(world.conditional().await.len(), 0);
    world.delete("role", "all").await.unwrap();
}

async fn candidates(world: &World, user: &str) -> Result<BTreeSet<String>> {
    let kind = world.kind("user");
    let found = world.all("user", Needs::nothing()).await.into_iter().find(|u| u.wire_id == user).unwrap();
    let anchors: Vec<String> = condition::anchors_of(&View::alone(kind, found.into_scim(""))).into_iter().collect();
    let tenant = world.actor.tenant;
    let rows = world.service.store().read(move |conn| conditions::by_anchors(conn, tenant, &anchors)).await?;
    Ok(rows.into_iter().map(|row| row.source).collect())
}

/// B5: a user's write meets the conditions that could match, not every conditional role.
#[tokio::test(flavor = "multi_thread")]
async fn b5_conditions_that_cannot_match_are_not_even_found() {
    let world = World::on_sqlite().await;
    let condition = |n: usize| match n % 3 {
        0 => format!("/department eq \"d{n}\""),
        1 => format!("/department eq \"d{n}\" and /accountStatus eq \"active\""),
        _ => format!("/country eq \"c{n}\" or /title in '[\"t{n}\",\"s{n}\"]'"),
    };
    let roles = (0..1_000).map(|n| (format!("r{n}"), json!({ "name": format!("r{n}"), "condition": condition(n) })));
    world.create_all("role", roles).await;
    let body = json!({ "userName": "u", "department": "x", "country": "FR", "title": "x", "accountStatus": "active" });
    world.create("user", "u", body).await.unwrap();
    assert_eq!(candidates(&world, "u").await.unwrap(), BTreeSet::new());
    world.set("user", "u", "department", json!("d1")).await.unwrap();
    assert_eq!(candidates(&world, "u").await.unwrap(), BTreeSet::from([condition(1)]));
    assert_eq!(world.conditional().await, [("u".to_owned(), "r1".to_owned())].into());
    world.set("user", "u", "title", json!("s2")).await.unwrap();
    assert_eq!(candidates(&world, "u").await.unwrap(), BTreeSet::from([condition(1), condition(2)]));
    world.check().await;
}

/// One request may bring a group its 10,000 members.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_takes_10_000_members_at_once() {
    use crate::harness::gateway::Gateway;
    let gateway = Gateway::start();
    let client = gateway.admin();
    let world = World::beside(&gateway).await;
    let users = (0..10_000).map(|n| (format!("u{n}"), json!({ "userName": format!("u{n}") })));
    world.create_all("user", users).await;
    let members: Vec<Value> = (0..10_000).map(|n| json!({ "_ref": format!("managed/user/u{n}") })).collect();
    let made = client.put("/openidm/managed/group/g", &json!({ "name": "g", "members": members })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let page = "/openidm/managed/group/g/members?_queryFilter=true&_pageSize=1&_totalPagedResultsPolicy=EXACT";
    assert_eq!(client.get(page).await.body["totalPagedResults"], 10_000);
    let cleared = json!([{ "operation": "replace", "field": "/members", "value": [] }]);
    assert_eq!(client.patch("/openidm/managed/group/g", &cleared).await.body["_rev"], "0000000000000002");
    assert_eq!(client.get(page).await.body["totalPagedResults"], 0);
}

/// What hangs in the deepest group makes it no deeper, so that the order of the writes does not matter.
#[tokio::test]
async fn groups_nest_sixteen_deep_in_any_order() {
    for user_first in [true, false] {
        let world = World::on_sqlite().await;
        world.create("user", "u", json!({ "userName": "u" })).await.unwrap();
        world.create("role", "r", json!({ "name": "r" })).await.unwrap();
        for n in 0..=17 {
            world.create("group", &format!("g{n}"), json!({ "name": format!("g{n}") })).await.unwrap();
        }
        world.link(("group", "g0"), "roles", ("role", "r")).await.unwrap();
        if user_first {
            world.link(("group", "g16"), "members", ("user", "u")).await.unwrap();
        }
        for n in (0..16).rev() {
            let (group, member) = (format!("g{n}"), format!("g{}", n + 1));
            world.link(("group", &group), "members", ("group", &member)).await.unwrap();
        }
        if !user_first {
            world.link(("group", "g16"), "members", ("user", "u")).await.unwrap();
        }
        for (group, member) in [("g16", "g17"), ("g17", "g0"), ("g16", "g0")] {
            assert!(world.link(("group", group), "members", ("group", member)).await.is_err(), "{group} holds {member}");
        }
        world.check().await;
        let user = world.all("user", Needs::nothing().and_effective_roles()).await.remove(0);
        assert_eq!(user.effective_roles.unwrap()[0].wire_id, "r");
    }
}
