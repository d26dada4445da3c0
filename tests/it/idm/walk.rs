//! Random walks over users, roles and groups: after every step the stored grants are those of a recomputation from scratch.

use provost::domain::schema::relationship::GRANT;
use provost::service::ServiceError;
use provost::service::load::Needs;
use serde_json::{Value, json};

use super::world::{Dice, World};

const USERS: [&str; 6] = ["u0", "u1", "u2", "u3", "u4", "u5"];
const ROLES: [&str; 5] = ["r0", "r1", "r2", "r3", "r4"];
const GROUPS: [&str; 4] = ["g0", "g1", "g2", "g3"];

pub const CONDITIONS: [&str; 16] = [
    "/country eq \"FR\"",
    "/country eq \"fr\" or /country eq \"DE\"",
    "/department eq \"sales\" and /country eq \"FR\"",
    "/department eq \"sales\" or /title eq \"boss\" and ! (/country pr)",
    "! (/country eq \"FR\")",
    "! title pr",
    "/accountStatus eq \"active\"",
    "/accountStatus eq \"inactive\" or /department sw \"s\"",
    "/title co \"os\"",
    "/department in '[\"sales\",\"hr\"]'",
    "/_id eq \"u1\" or /_id eq \"u3\"",
    "addresses[type eq \"work\" and country eq \"DE\"]",
    "not (department eq \"hr\") and active eq true",
    "/userName ge \"u3\"",
    "true",
    "false",
];

/// Properties that conditions read, with values; null unassigns.
pub fn property(dice: &mut Dice) -> (&'static str, Value) {
    let all = [
        ("country", json!("FR")),
        ("country", json!("DE")),
        ("country", Value::Null),
        ("department", json!("sales")),
        ("department", json!("hr")),
        ("department", Value::Null),
        ("title", json!("boss")),
        ("title", Value::Null),
        ("accountStatus", json!("active")),
        ("accountStatus", json!("inactive")),
        ("description", json!("read by nobody")),
    ];
    dice.one(&all).clone()
}

// What the rules refuse is refused; what the store fails at is a failure.
fn refused<T>(result: Result<T, ServiceError>) {
    match result {
        Ok(_) | Err(ServiceError::Fault(_)) => {}
        Err(error) => panic!("{error}"),
    }
}

async fn step(world: &World, dice: &mut Dice) {
    let (user, role, group) = (*dice.one(&USERS), *dice.one(&ROLES), *dice.one(&GROUPS));
    let condition = if dice.below(4) == 0 { Value::Null } else { json!(dice.one(&CONDITIONS)) };
    let holder = if dice.below(2) == 0 { ("user", user) } else { ("group", group) };
    let member = if dice.below(2) == 0 { ("user", user) } else { ("group", *dice.one(&GROUPS)) };
    // Few, so that equal ones meet.
    let properties = [Value::Null, json!({ "n": 1 }), json!({ "n": 2, "m": [] })];
    match dice.below(17) {
        14 => match dice.below(2) {
            0 => refused(world.link_as(holder, "roles", ("role", role), dice.one(&properties).clone()).await),
            _ => refused(world.link_as(("role", role), "members", holder, dice.one(&properties).clone()).await),
        },
        15 => match dice.below(2) {
            0 => refused(world.turn(holder, "roles", ("role", role), dice.one(&properties).clone()).await),
            _ => refused(world.turn(("role", role), "members", holder, dice.one(&properties).clone()).await),
        },
        16 => {
            let (add, remove) = ([holder, ("user", *dice.one(&USERS))], [member]);
            let done = world.bulk(role, &add, &remove[..dice.below(2)], &dice.one(&properties).clone()).await;
            refused(done);
        }
        0 | 1 => {
            let (name, value) = property(dice);
            let mut body = json!({ "userName": user });
            body[name] = value;
            refused(world.create("user", user, body).await);
        }
        2..=4 => {
            let (name, value) = property(dice);
            refused(world.set("user", user, name, value).await);
        }
        5 => refused(world.delete("user", user).await),
        6 => refused(world.create("role", role, json!({ "name": role, "condition": condition })).await),
        7 | 8 => refused(world.set("role", role, "condition", condition).await),
        9 => {
            if dice.below(2) == 0 {
                refused(world.set("role", role, "condition", Value::Null).await);
            }
            refused(world.delete("role", role).await);
        }
        10 if dice.below(4) == 0 => refused(world.delete("group", group).await),
        10 => refused(world.create("group", group, json!({ "name": group })).await),
        11 => match dice.below(2) {
            0 => refused(world.link(holder, "roles", ("role", role)).await),
            _ => refused(world.link(("role", role), "members", holder).await),
        },
        12 => match dice.below(2) {
            0 => refused(world.unlink(holder, "roles", ("role", role)).await),
            _ => refused(world.unlink(("role", role), "members", holder).await),
        },
        _ => match dice.below(3) {
            0 => refused(world.unlink(("group", group), "members", member).await),
            1 => refused(world.link(member, "groups", ("group", group)).await),
            _ => refused(world.link(("group", group), "members", member).await),
        },
    }
}

async fn walk(world: World, seed: u64, steps: usize) {
    let mut dice = Dice(seed);
    for _ in 0..steps {
        step(&world, &mut dice).await;
        world.check().await;
    }
    // Once more the same: nothing moves.
    let before = world.edges(GRANT).await;
    for kind in ["user", "role"] {
        for object in world.all(kind, Needs::nothing()).await {
            let name = if kind == "user" { "userName" } else { "name" };
            let again = world.set(kind, &object.wire_id, name, object.doc[name].clone()).await.unwrap();
            assert_eq!(again.rev, object.rev);
        }
    }
    assert_eq!(world.edges(GRANT).await, before);
    other_orders(&world, &mut dice).await;
}

/// The same users and roles, made one by one in other orders, come to the same conditional grants.
async fn other_orders(world: &World, dice: &mut Dice) {
    let mut objects = Vec::new();
    for kind in ["user", "role"] {
        objects.extend(world.all(kind, Needs::nothing()).await);
    }
    let other = World::on_sqlite().await;
    while !objects.is_empty() {
        let object = objects.swap_remove(dice.below(objects.len()));
        let body = provost::domain::document::idm::to_idm(&object.kind, &object.doc);
        other.create(&object.kind.name, &object.wire_id, Value::Object(body)).await.unwrap();
    }
    other.check().await;
    assert_eq!(other.conditional().await, world.conditional().await);
}

#[tokio::test]
async fn grants_are_those_of_a_recomputation_on_sqlite() {
    for seed in 0..6 {
        walk(World::on_sqlite().await, seed, 120).await;
    }
}

#[tokio::test]
async fn grants_are_those_of_a_recomputation_on_postgres() {
    for seed in 100..102 {
        walk(World::on_postgres().await, seed, 120).await;
    }
}
