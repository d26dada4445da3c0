//! Concurrent writers: whatever the interleaving, what is stored afterwards is right.

use provost::domain::schema::relationship::{BUNDLE, MEMBERSHIP};
use provost::service::{Result, ServiceError};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::walk::{CONDITIONS, property};
use super::world::{Dice, World};

/// Tries until the store has taken it or the rules refuse it.
async fn insist<T, F: Future<Output = Result<T>>>(what: impl Fn() -> F) {
    loop {
        match what().await {
            Ok(_) | Err(ServiceError::Fault(_)) => return,
            Err(error) => assert!(error.is_passing(), "{error}"),
        }
    }
}

/// The case that design.md §3 names: at a weaker isolation level the user is left without the grant.
async fn a_users_write_beside_a_conditions_write(world: World) {
    world.create("user", "u", json!({ "userName": "u" })).await.unwrap();
    world.create("role", "r", json!({ "name": "r" })).await.unwrap();
    for round in 0..40 {
        let value = format!("v{round}");
        let (one, other) = (world.clone(), world.clone());
        let (title, condition) = (json!(value), json!(format!("/title eq \"{value}\"")));
        let user = tokio::spawn(async move { insist(|| one.set("user", "u", "title", title.clone())).await });
        let role = tokio::spawn(async move { insist(|| other.set("role", "r", "condition", condition.clone())).await });
        user.await.unwrap();
        role.await.unwrap();
        assert_eq!(world.conditional().await.len(), 1, "round {round}");
    }
    world.check().await;
}

async fn many_writers(world: World) {
    for n in 0..8 {
        world.create("user", &format!("u{n}"), json!({ "userName": format!("u{n}") })).await.unwrap();
    }
    for n in 0..4 {
        world.create("role", &format!("r{n}"), json!({ "name": format!("r{n}") })).await.unwrap();
    }
    let mut writers = JoinSet::new();
    for seed in 0..8_u64 {
        let world = world.clone();
        writers.spawn(async move {
            let mut dice = Dice(seed);
            for step in 0..25 {
                let (user, role) = (format!("u{}", dice.below(8)), format!("r{}", dice.below(4)));
                match dice.below(8) {
                    0..=3 => {
                        let (name, value) = property(&mut dice);
                        insist(|| world.set("user", &user, name, value.clone())).await;
                    }
                    4 | 5 => {
                        let condition = json!(dice.one(&CONDITIONS));
                        insist(|| world.set("role", &role, "condition", condition.clone())).await;
                    }
                    6 => {
                        insist(|| world.delete("user", &user)).await;
                        let body = json!({ "userName": user, "country": "FR" });
                        insist(|| world.create("user", &user, body.clone())).await;
                    }
                    _ => {
                        let id = format!("x{seed}-{step}");
                        let body = json!({ "name": id, "condition": dice.one(&CONDITIONS) });
                        insist(|| world.create("role", &id, body.clone())).await;
                        insist(|| world.set("role", &id, "condition", Value::Null)).await;
                        insist(|| world.delete("role", &id)).await;
                    }
                }
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    world.check().await;
}

async fn groups_never_close_a_circle(world: World) {
    const GROUPS: usize = 5;
    for n in 0..GROUPS {
        world.create("group", &format!("g{n}"), json!({ "name": format!("g{n}") })).await.unwrap();
    }
    for round in 0..6_u64 {
        let mut writers = JoinSet::new();
        for seed in 0..6 {
            let world = world.clone();
            writers.spawn(async move {
                let mut dice = Dice(round * 100 + seed);
                for _ in 0..6 {
                    let (group, member) = (format!("g{}", dice.below(GROUPS)), format!("g{}", dice.below(GROUPS)));
                    insist(|| world.link(("group", &group), "members", ("group", &member))).await;
                }
            });
        }
        while let Some(ended) = writers.join_next().await {
            ended.unwrap();
        }
        world.check().await;
        for ((group, member, _), _) in world.edges(MEMBERSHIP).await {
            world.unlink(("group", &group), "members", ("group", &member)).await.unwrap();
        }
    }
}

async fn bundles_never_close_a_circle(world: World) {
    const ROLES: usize = 5;
    for n in 0..ROLES {
        world.create("role", &format!("r{n}"), json!({ "name": format!("r{n}") })).await.unwrap();
    }
    for round in 0..4_u64 {
        let mut writers = JoinSet::new();
        for seed in 0..6 {
            let world = world.clone();
            writers.spawn(async move {
                let mut dice = Dice(round * 100 + seed);
                for _ in 0..6 {
                    let (bundle, part) = (format!("r{}", dice.below(ROLES)), format!("r{}", dice.below(ROLES)));
                    insist(|| world.link(("role", &bundle), "roles", ("role", &part))).await;
                }
            });
        }
        while let Some(ended) = writers.join_next().await {
            ended.unwrap();
        }
        let mut left = world.edges(BUNDLE).await.into_keys().map(|(bundle, part, _)| (bundle, part)).collect::<Vec<_>>();
        assert!(!left.is_empty());
        // Leaf after leaf goes; in a circle there would be none.
        while !left.is_empty() {
            let before = left.len();
            let bundles: Vec<String> = left.iter().map(|(bundle, _)| bundle.clone()).collect();
            left.retain(|(_, part)| bundles.contains(part));
            assert!(left.len() < before, "a circle: {left:?}");
        }
        for ((bundle, part, _), _) in world.edges(BUNDLE).await {
            world.unlink(("role", &bundle), "roles", ("role", &part)).await.unwrap();
        }
    }
}

macro_rules! on_both {
    ($($case:ident),+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")] async fn $case() { super::$case(super::World::on_sqlite().await).await; })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")] async fn $case() { super::$case(super::World::on_postgres().await).await; })+
        }
    };
}

on_both!(a_users_write_beside_a_conditions_write, many_writers, groups_never_close_a_circle, bundles_never_close_a_circle);
