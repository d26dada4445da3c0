//! Roles in effect as time passes, through groups and bundles; why they are held; what a dry run says of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::{Connection, InstrumentationEvent};
use provost::domain::key::Key;
use provost::domain::resource::Via;
use provost::domain::schema::relationship::{BUNDLE, GRANT};
use provost::domain::time::Timestamp;
use provost::service::ServiceError;
use provost::service::load::Needs;
use provost::store::{Conn, Options, Store, StoreError, changes};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::walk::{CONDITIONS, property};
use super::world::{Dice, World};
use crate::harness::gateway::{Client, Gateway, START};

const HOURS: usize = 12;

/// From one hour after the start of the clock until before another; none always holds.
type Span = Option<(usize, usize)>;

fn hour(n: usize) -> Timestamp {
    Timestamp::parse(START).unwrap().plus_seconds(i64::try_from(n).unwrap() * 3_600)
}

fn duration((from, to): (usize, usize)) -> Value {
    json!([{ "duration": format!("{}/{}", hour(from), hour(to)) }])
}

fn constraint(span: Span) -> Value {
    span.map_or(json!({}), |span| json!({ "temporalConstraints": duration(span) }))
}

/// What was asked for and taken: all that the recomputation knows, but for who meets which condition.
#[derive(Default)]
struct Model {
    roles: BTreeMap<String, Span>,
    members: BTreeSet<(String, String)>,
    grants: BTreeSet<(String, String, Span)>,
    parts: BTreeSet<(String, String, Span)>,
}

impl Model {
    fn open(&self, span: Span, role: &str, now: usize) -> bool {
        [span, self.roles[role]].into_iter().flatten().all(|(from, to)| from <= now && now < to)
    }

    /// The roles of one at an hour, each with how it is shown; by the plainest means.
    fn held(&self, who: &str, by_condition: &BTreeSet<(String, String)>, now: usize) -> BTreeMap<String, Via> {
        let mut groups: BTreeSet<&str> = BTreeSet::from([who]);
        while let Some((group, _)) =
            self.members.iter().find(|(group, member)| groups.contains(member.as_str()) && !groups.contains(group.as_str()))
        {
            groups.insert(group);
        }
        let mut all: BTreeSet<(String, Via)> = BTreeSet::new();
        for (holder, role, _) in self.grants.iter().filter(|(_, role, span)| self.open(*span, role, now)) {
            if groups.contains(holder.as_str()) {
                all.insert((role.clone(), if holder == who { Via::Direct } else { Via::Group }));
            }
        }
        let met = by_condition.iter().filter(|(user, role)| user == who && self.open(None, role, now));
        all.extend(met.map(|(_, role)| (role.clone(), Via::Conditional)));
        loop {
            let open = self.parts.iter().filter(|(_, role, span)| self.open(*span, role, now));
            let held = open.filter(|(bundle, ..)| all.iter().any(|(role, _)| role == bundle));
            let more: Vec<(String, Via)> = held.map(|(_, role, _)| (role.clone(), Via::Bundle)).collect();
            let before = all.len();
            all.extend(more);
            if all.len() == before {
                break;
            }
        }
        let mut out = BTreeMap::new();
        for (role, via) in all {
            let slot = out.entry(role).or_insert(via);
            *slot = (*slot).min(via);
        }
        out
    }
}

fn taken<T>(result: Result<T, ServiceError>) -> bool {
    match result {
        Ok(_) => true,
        Err(ServiceError::Fault(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

fn span(dice: &mut Dice) -> Span {
    (dice.below(2) == 0).then(|| {
        let from = dice.below(HOURS);
        (from, from + 1 + dice.below(HOURS))
    })
}

async fn step(world: &World, model: &mut Model, dice: &mut Dice) {
    let one = |dice: &mut Dice, kind: &str, of: usize| format!("{kind}{}", dice.below(of));
    let (user, group, role) = (one(dice, "u", 3), one(dice, "g", 4), one(dice, "r", 6));
    let holder = if dice.below(2) == 0 { ("user", user.as_str()) } else { ("group", group.as_str()) };
    let span = span(dice);
    match dice.below(10) {
        0 | 1 => {
            if taken(world.link_with(holder, "roles", &role, constraint(span)).await) {
                model.grants.insert((holder.1.to_owned(), role, span));
            }
        }
        2 | 3 => {
            let part = one(dice, "r", 6);
            if taken(world.link_with(("role", &role), "roles", &part, constraint(span)).await) {
                model.parts.insert((role, part, span));
            }
        }
        4 => {
            let member = if dice.below(2) == 0 { ("user", user) } else { ("group", one(dice, "g", 4)) };
            if taken(world.link(("group", &group), "members", (member.0, &member.1)).await) {
                model.members.insert((group, member.1));
            }
        }
        5 => {
            let value = span.map_or(Value::Null, duration);
            if taken(world.set("role", &role, "temporalConstraints", value).await) {
                model.roles.insert(role, span);
            }
        }
        6 => {
            let condition = if dice.below(2) == 0 { Value::Null } else { json!(dice.one(&CONDITIONS)) };
            taken(world.set("role", &role, "condition", condition).await);
        }
        7 => {
            let (name, value) = property(dice);
            world.set("user", &user, name, value).await.unwrap();
        }
        8 => {
            world.unlink(("group", &group), "members", ("user", &user)).await.unwrap();
            model.members.remove(&(group, user));
        }
        // All edges of one kind between two, whatever their times.
        _ => {
            let between = |(who, what, _): &&(String, String, Span)| who == holder.1 && *what == role;
            for _ in 0..model.grants.iter().filter(between).count() {
                world.unlink(holder, "roles", ("role", &role)).await.unwrap();
            }
            model.grants.retain(|grant| !between(&grant));
        }
    }
}

async fn check(world: &World, model: &Model, now: usize) {
    world.service.clock().set(hour(now));
    let by_condition = world.recomputed().await;
    for user in world.all("user", Needs::nothing().and_effective_roles()).await {
        let held: BTreeMap<String, Via> =
            user.effective_roles.unwrap().into_iter().map(|role| (role.wire_id, role.via)).collect();
        assert_eq!(held, model.held(&user.wire_id, &by_condition, now), "{} at {now}", user.wire_id);
    }
}

async fn walk(world: World, seed: u64, steps: usize) {
    let (mut dice, mut model) = (Dice(seed), Model::default());
    for n in 0..3 {
        world.create("user", &format!("u{n}"), json!({ "userName": format!("u{n}") })).await.unwrap();
    }
    for n in 0..4 {
        world.create("group", &format!("g{n}"), json!({ "name": format!("g{n}") })).await.unwrap();
    }
    for n in 0..6 {
        let span = span(&mut dice);
        let mut body = constraint(span);
        body["name"] = json!(format!("r{n}"));
        world.create("role", &format!("r{n}"), body).await.unwrap();
        model.roles.insert(format!("r{n}"), span);
    }
    for number in 0..steps {
        step(&world, &mut model, &mut dice).await;
        if number % 4 == 0 {
            check(&world, &model, dice.below(2 * HOURS)).await;
        }
    }
    for now in 0..2 * HOURS {
        check(&world, &model, now).await;
    }
    // Something was tried at all.
    assert!(!world.edges(BUNDLE).await.is_empty() && !world.edges(GRANT).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_in_effect_are_those_of_a_recomputation_on_sqlite() {
    for seed in 0..6 {
        walk(World::on_sqlite().await, seed, 100).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_in_effect_are_those_of_a_recomputation_on_postgres() {
    for seed in 6..8 {
        walk(World::on_postgres().await, seed, 60).await;
    }
}

async fn instants(world: &World) -> Vec<(String, Key, Option<Key>)> {
    let tenant = world.actor.tenant;
    let all = world.service.store().read(move |conn| {
        while changes::number(conn, tenant, 1_000)? > 0 {}
        changes::after(conn, tenant, 0, i64::MAX, changes::ChangeFilter::default())
    });
    let all = all.await.unwrap_or_else(|e: StoreError| panic!("{e}"));
    let rows = all.into_iter().filter(|row| ["start", "end"].contains(&row.op.as_str()));
    rows.map(|row| (row.op, row.key, row.other_key)).collect()
}

/// More than a batch, begun and ended in one downtime.
#[tokio::test(flavor = "multi_thread")]
async fn instants_come_in_order_and_once_however_many_there_are() {
    let world = World::on_sqlite().await;
    world.create("role", "r", json!({ "name": "r" })).await.unwrap();
    world.create_all("user", (0..600).map(|n| (format!("u{n}"), json!({ "userName": format!("u{n}") })))).await;
    for n in 0..600 {
        let grant = constraint(Some((1 + n % 3, 4 + n % 3)));
        world.link_with(("user", &format!("u{n}")), "roles", "r", grant).await.unwrap();
    }
    world.service.clock().set(hour(20));
    let mut done = Vec::new();
    loop {
        match world.service.pass_time(world.actor.tenant, |_| Ok(true)).await.unwrap() {
            0 => break,
            some => done.push(some),
        }
    }
    assert_eq!(done.iter().sum::<usize>(), 1_200, "{done:?}");
    let all = instants(&world).await;
    assert_eq!(all.len(), 1_200);
    assert_eq!(all.iter().cloned().collect::<BTreeSet<_>>().len(), 1_200, "each once");
    assert!(all[..600].iter().all(|(op, ..)| op == "start") && all[600..].iter().all(|(op, ..)| op == "end"), "in order");
    assert_eq!(world.service.pass_time(world.actor.tenant, |_| Ok(true)).await.unwrap(), 0);
    // A fence that does not hold keeps everything as it is.
    world.link_with(("user", "u0"), "roles", "r", constraint(Some((21, 22)))).await.unwrap();
    world.service.clock().set(hour(30));
    assert_eq!(world.service.pass_time(world.actor.tenant, |_| Ok(false)).await.unwrap(), 0);
    assert_eq!(world.service.pass_time(world.actor.tenant, |_| Ok(true)).await.unwrap(), 2);
}

/// Effective roles of one user with many grants: few statements, as many as with one grant.
#[tokio::test]
async fn two_hundred_grants_take_as_many_statements_as_one() {
    let folder = TempDir::new().unwrap();
    let options = Options { short_readers: 1, ..Options::default() };
    let world = World::on(Store::open_sqlite(folder.path(), &options).unwrap()).await;
    world.create("user", "one", json!({ "userName": "one" })).await.unwrap();
    world.create("user", "many", json!({ "userName": "many" })).await.unwrap();
    for n in 0..200 {
        let role = format!("r{n}");
        world.create("role", &role, json!({ "name": role })).await.unwrap();
        let constraint = if n % 2 == 0 { constraint(Some((0, 5))) } else { json!({}) };
        world.link_with(("user", "many"), "roles", &role, constraint).await.unwrap();
    }
    world.link(("user", "one"), "roles", ("role", "r0")).await.unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let watched = world.service.store().read_short(move |conn| {
        let Conn::Sqlite(c) = conn else { panic!("not SQLite") };
        c.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if matches!(event, InstrumentationEvent::StartQuery { .. }) {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok::<_, StoreError>(())
    });
    watched.await.unwrap();
    let mut statements = Vec::new();
    for (user, roles) in [("one", 1), ("many", 200)] {
        count.store(0, Ordering::Relaxed);
        let needs = Needs::nothing().and_effective_roles();
        let found = world.service.get(&world.actor, world.kind("user"), user.to_owned(), needs).await.unwrap();
        assert_eq!(found.effective_roles.unwrap().len(), roles);
        statements.push(count.load(Ordering::Relaxed));
    }
    assert_eq!(statements[0], statements[1]);
    assert!((1..=12).contains(&statements[0]), "{statements:?}");
}

async fn make(client: &Client, path: &str, body: Value) -> Value {
    let made = client.put(path, &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.body
}

#[tokio::test]
async fn every_role_is_explained() {
    for gateway in Gateway::both() {
        explained(&gateway).await;
    }
}

async fn explained(gateway: &Gateway) {
    let client = gateway.tenant("explained").await;
    let at = |path: &str| format!("/openidm/managed/{path}");
    let reference = |role: &str| json!({ "_ref": format!("managed/role/{role}") });
    for name in ["leaf", "plain", "later", "past"] {
        make(&client, &at(&format!("role/{name}")), json!({ "name": name })).await;
    }
    make(&client, &at("role/inner"), json!({ "name": "inner", "roles": [reference("leaf")] })).await;
    make(&client, &at("role/outer"), json!({ "name": "outer", "roles": [reference("inner")] })).await;
    let fr = json!({ "name": "fr", "condition": "/country eq \"FR\" and /title eq \"boss\"" });
    make(&client, &at("role/fr"), fr).await;
    let near = json!({ "name": "near", "condition": "/country eq \"FR\" and /title eq \"clerk\"" });
    make(&client, &at("role/near"), near).await;
    make(&client, &at("role/far"), json!({ "name": "far", "condition": "/country eq \"IT\" and /title eq \"clerk\"" })).await;
    let timed = |role: &str, duration: &str| {
        let mut reference = reference(role);
        reference["_refProperties"] = json!({ "temporalConstraints": [{ "duration": duration }] });
        reference
    };
    let roles = json!([
        timed("plain", "2026-03-01T00:00:00Z/2026-03-02T00:00:00Z"),
        timed("later", "2026-04-01T00:00:00Z/2026-05-01T00:00:00Z"),
        timed("past", "2026-01-01T00:00:00Z/2026-02-01T00:00:00Z"),
    ]);
    let user = json!({ "userName": "u", "country": "FR", "title": "boss", "roles": roles });
    make(&client, &at("user/u"), user).await;
    make(&client, &at("group/low"), json!({ "name": "low", "members": [{ "_ref": "managed/user/u" }] })).await;
    let high = json!({ "name": "high", "members": [{ "_ref": "managed/group/low" }], "roles": [reference("outer")] });
    make(&client, &at("group/high"), high).await;

    gateway.sync.drain().await.unwrap();
    let before = client.get("/admin/v1/changes?limit=1000").await.body;
    let path = at("user/u?_action=explainRoles");
    let told = client.get(&path).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let posted = client.post(&path, &json!({})).await;
    assert_eq!((posted.status, &posted.body), (200, &told.body));
    gateway.sync.drain().await.unwrap();
    assert!(client.get("/admin/v1/changes?limit=1000").await.body == before, "nothing is written");

    let body = &told.body;
    assert_eq!((&body["_id"], &body["at"], &body["complete"]), (&json!("u"), &json!(hour(0).to_string()), &json!(true)));
    let role = |list: &str, name: &str| {
        let all = body[list].as_array().unwrap();
        all.iter().find(|role| role["_refResourceId"] == name).cloned().unwrap_or_else(|| panic!("{name}: {body}"))
    };
    let names = |list: &str| {
        let all = body[list].as_array().unwrap().iter();
        all.map(|role| role["_refResourceId"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let set = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(names("effectiveRoles"), set(&["plain", "fr", "outer", "inner", "leaf"]));
    assert_eq!(names("nearMisses"), set(&["later", "past", "near"]));

    let plain = role("effectiveRoles", "plain");
    assert_eq!(
        (&plain["_ref"], &plain["name"], &plain["type"]),
        (&json!("managed/role/plain"), &json!("plain"), &json!("direct"))
    );
    assert_eq!(plain["until"], json!(Timestamp::parse("2026-03-02T00:00:00Z").unwrap().to_string()));
    let grant = &plain["ways"][0]["grant"];
    assert_eq!(grant["at"], json!(hour(0).to_string()));
    assert!(grant["by"].as_str().is_some_and(|by| !by.is_empty()) && grant["_id"].is_string(), "{grant}");

    let fr = role("effectiveRoles", "fr");
    assert_eq!((&fr["type"], &fr["until"]), (&json!("conditional"), &Value::Null));
    let condition = &fr["ways"][0]["condition"];
    assert_eq!(condition["source"], "/country eq \"FR\" and /title eq \"boss\"");
    assert_eq!(condition["matched"][0]["values"], json!({ "addresses.country": ["FR"] }), "{condition}");
    assert_eq!(condition["matched"][1], json!({ "term": "title eq \"boss\"", "values": { "title": ["boss"] } }));

    let leaf = role("effectiveRoles", "leaf");
    assert_eq!(leaf["type"], "bundle");
    let ids = |list: &Value| {
        list.as_array().unwrap().iter().map(|o| o["_refResourceId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&leaf["ways"][0]["groups"]), ["low", "high"]);
    assert_eq!(ids(&leaf["ways"][0]["bundles"]), ["outer", "inner"]);
    assert_eq!(role("effectiveRoles", "outer")["type"], "group");

    assert_eq!(role("nearMisses", "later")["reason"], "notYet");
    assert_eq!(role("nearMisses", "past")["reason"], "expired");
    let near = role("nearMisses", "near");
    assert_eq!((&near["reason"], &near["condition"]["values"]), (&json!("condition"), &json!({ "title": ["boss"] })));
    assert_eq!(near["condition"]["failing"], "title eq \"clerk\"");

    // Effective roles say the same.
    let user = client.get(&at("user/u")).await.body;
    assert_eq!(ids(&user["effectiveRoles"]).into_iter().collect::<BTreeSet<_>>(), names("effectiveRoles"));
    // Service accounts too; what holds no roles, and who is of another tenant, not.
    make(&client, &at("service_account/s"), json!({ "name": "s", "roles": [reference("plain")] })).await;
    let account = client.get(&at("service_account/s?_action=explainRoles")).await;
    assert_eq!(account.body["effectiveRoles"][0]["type"], "direct", "{}", account.text);
    assert_eq!(client.get(&at("role/plain?_action=explainRoles")).await.status, 501);
    assert_eq!(client.get(&at("user/nobody?_action=explainRoles")).await.status, 404);
    let other = gateway.tenant("other").await;
    for method in ["GET", "POST"] {
        let told = other.send(method.parse().unwrap(), &path, &[], None).await;
        assert_eq!(told.status, 404, "{}", told.text);
    }
    assert_eq!(gateway.client("wrong").get(&path).await.status, 401);
}

#[tokio::test]
async fn a_dry_run_tells_what_time_and_bundles_make_of_a_grant() {
    for gateway in Gateway::both() {
        tried(&gateway).await;
    }
}

async fn tried(gateway: &Gateway) {
    let client = gateway.tenant("tried").await;
    let at = |path: &str| format!("/openidm/managed/{path}");
    make(&client, &at("role/leaf"), json!({ "name": "leaf" })).await;
    make(&client, &at("role/bundle"), json!({ "name": "bundle" })).await;
    make(&client, &at("user/u"), json!({ "userName": "u" })).await;
    let member = json!([{ "_ref": "managed/user/u" }]);
    make(&client, &at("group/g"), json!({ "name": "g", "members": member, "roles": [{ "_ref": "managed/role/bundle" }] })).await;
    let grants = async |method: &str, path: &str, body: Value| {
        let headers = [("Provost-Dry-Run", "1"), ("Accept", "application/vnd.provost.effects+json")];
        let told = client.send(method.parse().unwrap(), &at(path), &headers, Some(body.to_string())).await;
        assert!(told.status < 300, "{} {}", told.status, told.text);
        let list = |name: &str| {
            let all = told.body["grants"][name]["list"].as_array().unwrap_or_else(|| panic!("{}", told.text)).clone();
            let text = |grant: &Value, of: &str| grant[of]["id"].as_str().unwrap_or_default().to_owned();
            all.iter()
                .map(|g| format!("{} {} {}", text(g, "principal"), text(g, "role"), g["why"].as_str().unwrap()))
                .collect::<Vec<_>>()
        };
        (list("gained"), list("lost"))
    };
    let part = json!({ "_ref": "managed/role/leaf" });
    let none: Vec<String> = Vec::new();
    let into = grants("POST", "role/bundle/roles?_action=create", part.clone()).await;
    assert!(into.0.contains(&"u leaf bundle".to_owned()), "{into:?}");
    assert_eq!(into.1, none);
    assert_eq!(client.get(&at("user/u")).await.body["effectiveRoles"].as_array().unwrap().len(), 1, "nothing is written");

    let later =
        json!({ "_ref": "managed/role/leaf", "_refProperties": { "temporalConstraints": [{ "duration": "2027-01-01/P1D" }] } });
    assert_eq!(grants("POST", "user/u/roles?_action=create", later).await, (none.clone(), none.clone()), "not yet");
    let now =
        json!({ "_ref": "managed/role/leaf", "_refProperties": { "temporalConstraints": [{ "duration": "2026-03-01/P1D" }] } });
    assert_eq!(grants("POST", "user/u/roles?_action=create", now).await, (vec!["u leaf static".to_owned()], none.clone()));

    assert_eq!(client.post(&at("role/bundle/roles?_action=create"), &part).await.status, 201);
    let ended = json!([{ "operation": "replace", "field": "/temporalConstraints", "value": [{ "duration": "2020-01-01/P1D" }] }]);
    let (gained, mut lost) = grants("PATCH", "role/bundle", ended).await;
    lost.retain(|line| line.starts_with("u "));
    lost.sort();
    assert_eq!((gained, lost), (none.clone(), vec!["u bundle group".to_owned(), "u leaf bundle".to_owned()]));
    let also = grants("POST", "user/u/roles?_action=create", json!({ "_ref": "managed/role/bundle" })).await;
    assert_eq!(also, (none.clone(), none), "it holds both already");
}
