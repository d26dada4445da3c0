//! Random walks over what conditions read of others: managers, nested groups, organizations, expressions, restarts, and jobs
//! that are in the middle of their work. After every step the roles in effect by condition are those of a recomputation from
//! scratch, and where no job is open the stored grants are too.

use provost::domain::schema::relationship::GRANT;
use provost::service::ServiceError;
use provost::service::load::Needs;
use serde_json::{Value, json};

use super::walk::{CONDITIONS, property};
use super::world::{Dice, World};

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
    match dice.below(16) {
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
        assert_eq!(world.in_effect().await, wanted, "seed {seed}, step {n}");
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
    assert_eq!(world.service.examine(|finding| panic!("{finding}")).await.unwrap().findings, 0);
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
