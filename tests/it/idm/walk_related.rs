//! Random walks over what conditions read of others: managers, nested groups, organizations, expressions, the passing of time,
//! restarts, and jobs that are in the middle of their work. After every step the roles in effect are those of a recomputation
//! from scratch, and where no job is open the stored grants are too. At the end, the same objects and edges made in another
//! order come to the same, and writing all once more moves nothing.

use provost::domain::document::idm;
use provost::domain::edge::EdgeProperties;
use provost::domain::schema::Side;
use provost::domain::schema::relationship::GRANT;
use provost::domain::time::Timestamp;
use provost::service::ServiceError;
use provost::service::load::Needs;
use provost::store::{StoreError, edges};
use serde_json::{Value, json};

use super::walk::{CONDITIONS, property};
use super::world::{Dice, Pairs, World};

const USERS: [&str; 6] = ["u0", "u1", "u2", "u3", "u4", "u5"];
const ROLES: [&str; 4] = ["r0", "r1", "r2", "r3"];
const GROUPS: [&str; 4] = ["g0", "g1", "g2", "g3"];
const PARTS: [&str; 3] = ["o0", "o1", "o2"];

const RELATED: [&str; 18] = [
    "/manager/title eq \"boss\"",
    "! (/manager/title eq \"boss\")",
    "/manager pr and /country eq \"FR\"",
    "/manager/country eq \"FR\" or /title eq \"boss\"",
    "/manager/manager/department eq \"sales\"",
    "/reports/title eq \"boss\"",
    "/groups[/_refResourceId eq \"g0\"]",
    "groups.value eq \"g1\" or groups.display eq \"x\"",
    "not (groups.display eq \"x\")",
    "/groups/name eq \"x\" and ! (/title eq \"boss\")",
    "/memberOfOrg/name eq \"x\"",
    "/memberOfOrg/parent/name eq \"x\" or /memberOfOrg/parent/parent/name eq \"x\"",
    "/memberOfOrg[/_ref eq \"managed/organization/o0\" and /name eq \"y\"]",
    r#"{"type":"rhai","source":"get(user, \"country\", \"\") == \"FR\""}"#,
    r#"{"type":"rhai","source":"user.title == \"boss\" || has(user, \"department\")"}"#,
    r#"{"type":"rhai","source":"user.manager.title == \"boss\""}"#,
    r#"{"type":"rhai","source":"user.groups.some(|g| g.name == \"x\")"}"#,
    r#"{"type":"rhai","source":"user.keys().len() > 5 || user.memberOfOrg.len() > 1"}"#,
];

// What the rules refuse is refused; what the store fails at is a failure.
fn refused<T>(result: Result<T, ServiceError>) {
    match result {
        Ok(_) | Err(ServiceError::Fault(_)) => {}
        Err(error) => panic!("{error}"),
    }
}

async fn step(world: &World, dice: &mut Dice) {
    let (user, other, role) = (*dice.one(&USERS), *dice.one(&USERS), *dice.one(&ROLES));
    let (group, part, whole) = (*dice.one(&GROUPS), *dice.one(&PARTS), *dice.one(&PARTS));
    let name = json!(*dice.one(&["x", "y"]));
    let condition = match dice.below(6) {
        0 => Value::Null,
        1 => json!(dice.one(&CONDITIONS)),
        _ => json!(dice.one(&RELATED)),
    };
    let member = if dice.below(2) == 0 { ("user", user) } else { ("group", *dice.one(&GROUPS)) };
    match dice.below(20) {
        // The clock goes on, and now and then the one that keeps the times has looked at it.
        16 => {
            let clock = world.service.clock();
            clock.set(clock.now().plus_seconds(3_600 * i64::try_from(dice.below(5)).unwrap()));
            if dice.below(2) == 0 {
                world.service.pass_time(world.actor.tenant, |_| Ok(true)).await.unwrap();
            }
        }
        17 => {
            let span = span(world, dice).map_or(Value::Null, |span| json!([{ "duration": span }]));
            refused(world.set("role", role, "temporalConstraints", span).await);
        }
        18 => {
            let span = span(world, dice).map_or(json!({}), |span| json!({ "temporalConstraints": [{ "duration": span }] }));
            refused(world.link_with(("user", user), "roles", role, span).await);
        }
        19 => refused(world.unlink(("user", user), "roles", ("role", role)).await),
        0 | 1 => {
            let (name, value) = property(dice);
            let mut body = json!({ "userName": user });
            body[name] = value;
            refused(world.create("user", user, body).await);
        }
        2 | 3 => {
            let (name, value) = property(dice);
            refused(world.set("user", user, name, value).await);
        }
        4 if dice.below(2) == 0 => refused(world.delete("user", user).await),
        4 | 5 => refused(world.create("role", role, json!({ "name": role, "condition": condition })).await),
        6 | 7 => refused(world.set("role", role, "condition", condition).await),
        8 => match dice.below(4) {
            0 => refused(world.delete("group", group).await),
            1 => refused(world.set("group", group, "name", name).await),
            _ => refused(world.create("group", group, json!({ "name": name })).await),
        },
        9 => match dice.below(4) {
            0 => refused(world.delete("organization", part).await),
            1 => refused(world.set("organization", part, "name", name).await),
            _ => refused(world.create("organization", part, json!({ "name": name })).await),
        },
        10 => refused(world.link(("user", user), "manager", ("user", other)).await),
        11 if dice.below(3) == 0 => refused(world.unlink(("user", user), "manager", ("user", other)).await),
        11 | 12 => refused(world.link(("group", group), "members", member).await),
        13 => refused(world.unlink(("group", group), "members", member).await),
        14 => match dice.below(3) {
            0 => refused(world.unlink(("user", user), "memberOfOrg", ("organization", part)).await),
            1 => refused(world.link(("user", user), "memberOfOrg", ("organization", part)).await),
            _ => refused(world.link(("organization", part), "members", ("user", user)).await),
        },
        _ => match dice.below(3) {
            0 => refused(world.unlink(("organization", part), "parent", ("organization", whole)).await),
            _ => refused(world.link(("organization", part), "parent", ("organization", whole)).await),
        },
    }
}

/// From some hour around now until a later one, or always.
fn span(world: &World, dice: &mut Dice) -> Option<String> {
    let hour = |n: usize| world.service.clock().now().plus_seconds(3_600 * (i64::try_from(n).unwrap() - 4));
    let from = dice.below(8);
    (dice.below(3) > 0).then(|| format!("{}/{}", hour(from), hour(from + 1 + dice.below(8))))
}

/// Whether `temporalConstraints` as a walk writes them let pass what there is now.
fn open(constraints: Option<&Value>, now: Timestamp) -> bool {
    let duration = constraints.and_then(|all| all.pointer("/0/duration")?.as_str().map(str::to_owned));
    duration.is_none_or(|duration| {
        let (start, end) = duration.split_once('/').unwrap();
        Timestamp::parse(start).unwrap() <= now && now < Timestamp::parse(end).unwrap()
    })
}

/// The roles in effect, worked out from nothing but objects, edges and the clock; nobody holds roles through others here.
async fn expected(world: &World, by_condition: &Pairs) -> Pairs {
    let (now, tenant) = (world.service.clock().now(), world.actor.tenant);
    let (mut names, mut open_roles) = (std::collections::BTreeMap::new(), Vec::new());
    for role in world.all("role", Needs::nothing()).await {
        if open(role.doc.get("temporalConstraints"), now) {
            open_roles.push(role.wire_id.clone());
        }
        names.insert(role.key, role.wire_id);
    }
    let users = world.all("user", Needs::nothing()).await;
    let keys = users.iter().map(|user| user.key).collect::<Vec<_>>();
    names.extend(users.into_iter().map(|user| (user.key, user.wire_id)));
    let rows = world.service.store().read(move |conn| edges::of_many(conn, tenant, GRANT, Side::From, &keys));
    let rows = rows.await.unwrap_or_else(|e: StoreError| panic!("{e}")).into_iter().filter(|row| !row.is_conditional());
    let granted = rows.filter(|row| {
        let properties = EdgeProperties::parse(row.properties.as_deref()).unwrap();
        open(properties.shown.get("temporalConstraints"), now)
    });
    let granted = granted.map(|row| (names[&row.from_key].clone(), names[&row.to_key].clone()));
    granted.chain(by_condition.iter().cloned()).filter(|(_, role)| open_roles.contains(role)).collect()
}

async fn walk(mut world: World, seed: u64, steps: usize, most: usize) {
    let mut dice = Dice(seed);
    world.service.limit_grants(most);
    for n in 0..steps {
        step(&world, &mut dice).await;
        if dice.below(3) == 0 {
            world.step_jobs().await;
        }
        if dice.below(30) == 0 {
            world = world.restarted().await;
            world.service.limit_grants(most);
        }
        let wanted = world.recomputed().await;
        assert_eq!(world.in_effect().await, expected(&world, &wanted).await, "seed {seed}, step {n}");
        if world.open_jobs().await.is_empty() {
            assert_eq!(world.conditional().await, wanted, "seed {seed}, step {n}");
        }
    }
    while world.step_jobs().await {}
    assert_eq!(world.conditional().await, world.recomputed().await, "seed {seed}");
    // Once more the same: nothing moves.
    let before = world.edges(GRANT).await;
    for kind in ["user", "role", "group", "organization"] {
        for object in world.all(kind, Needs::nothing()).await {
            let (name, path) = match kind {
                "user" => ("userName", "userName"),
                "group" => ("name", "displayName"),
                _ => ("name", "name"),
            };
            world.set(kind, &object.wire_id, name, object.doc[path].clone()).await.unwrap();
        }
    }
    assert_eq!(world.edges(GRANT).await, before);
    in_another_order(&world, &mut dice).await;
    assert_eq!(world.service.examine(|finding| panic!("{finding}")).await.unwrap().findings, 0);
}

/// The same objects and edges, made one by one in another order.
async fn in_another_order(world: &World, dice: &mut Dice) {
    enum Thing {
        Object(&'static str, String, Value),
        Edge(&'static str, String, String),
    }
    let mut left = Vec::new();
    for kind in ["user", "role", "group", "organization"] {
        for object in world.all(kind, Needs::nothing()).await {
            left.push(Thing::Object(kind, object.wire_id, Value::Object(idm::to_idm(&object.kind, &object.doc))));
        }
    }
    for relation in ["membership", "manager", "organization_membership", "organization_parent"] {
        left.extend(world.edges(relation).await.into_keys().map(|(from, to, _)| Thing::Edge(relation, from, to)));
    }
    let kind = |id: &str| match id.as_bytes()[0] {
        b'u' => "user",
        b'g' => "group",
        _ => "organization",
    };
    let (other, mut there) = (World::on_sqlite().await, Vec::new());
    while !left.is_empty() {
        let at = dice.below(left.len());
        match &left[at] {
            Thing::Edge(_, from, to) if !there.contains(from) || !there.contains(to) => continue,
            Thing::Object(kind, id, body) => {
                other.create(kind, id, body.clone()).await.unwrap();
                there.push(id.clone());
            }
            Thing::Edge(relation, from, to) => {
                let subject = world.kind(kind(from));
                let near = subject.relationships.iter().find(|r| r.relation == *relation && r.side == Side::From).unwrap();
                other.link((kind(from), from), &near.name, (kind(to), to)).await.unwrap();
            }
        }
        left.swap_remove(at);
    }
    assert_eq!(other.conditional().await, world.conditional().await);
}

#[tokio::test]
async fn related_grants_are_those_of_a_recomputation_on_sqlite() {
    for seed in 0..6 {
        walk(World::on_sqlite().await, seed, 120, if seed % 2 == 0 { 10_000 } else { 2 }).await;
    }
}

#[tokio::test]
async fn related_grants_are_those_of_a_recomputation_on_postgres() {
    for seed in 100..102 {
        walk(World::on_postgres().await, seed, 120, if seed % 2 == 0 { 10_000 } else { 2 }).await;
    }
}
