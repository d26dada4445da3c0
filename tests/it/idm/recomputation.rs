//! Changes of conditions that go beyond one write: jobs, and what counts while they run.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::World;
use crate::harness::gateway::{Client, Gateway, query};
use crate::harness::poll_until;
use crate::harness::process::{self, Process};

const FEW: usize = 20;

async fn worlds() -> [World; 2] {
    [World::on_sqlite().await, World::on_postgres().await]
}

fn user(n: usize) -> (String, Value) {
    let id = format!("u{n:04}");
    let body = json!({ "userName": id, "country": if n.is_multiple_of(2) { "FR" } else { "DE" }, "title": format!("t{n}") });
    (id, body)
}

async fn drain(world: &World) {
    while world.step_jobs().await {}
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_job_runs_the_condition_decides() {
    for world in worlds().await {
        world.service.limit_grants(FEW);
        world.create_all("user", (0..1_500).map(user)).await;
        world.create("role", "r", json!({ "name": "r", "condition": "/country eq \"FR\"" })).await.unwrap();
        let first = world.open_jobs().await.pop().unwrap();
        assert_eq!((first.kind.as_str(), first.subject.as_str(), first.total), ("grants", "role r: condition", 750));
        let edges = world.conditional().await.len();
        assert!((FEW..=3 * FEW).contains(&edges), "{edges} edges in the write itself");
        assert_eq!(world.in_effect().await, world.recomputed().await);
        world.step_jobs().await;
        let after = world.conditional().await.len();
        assert!(after > edges && after <= edges + 500, "{after} edges after a batch");
        // Who is new, changed or gone, before and behind the cursor.
        for (id, country) in [("u0000", "DE"), ("u1498", "DE"), ("u0001", "FR"), ("u1499", "FR")] {
            world.set("user", id, "country", json!(country)).await.unwrap();
        }
        world.create("user", "new", json!({ "userName": "new", "country": "FR" })).await.unwrap();
        world.delete("user", "u0002").await.unwrap();
        assert_eq!(world.in_effect().await, world.recomputed().await);
        // Another condition takes the place of the one whose job runs.
        world.set("role", "r", "condition", json!("/country eq \"DE\"")).await.unwrap();
        let second = world.open_jobs().await.pop().unwrap();
        let was = world.service.job(&world.actor, first.id).await.unwrap();
        assert_eq!((was.status.as_str(), world.open_jobs().await.len()), ("replaced", 1));
        assert_ne!(first.id, second.id);
        assert_eq!(world.in_effect().await, world.recomputed().await);
        assert!(world.delete("role", "r").await.is_err(), "a job is at it");
        world.step_jobs().await;
        assert_eq!(world.in_effect().await, world.recomputed().await);
        drain(&world).await;
        world.check().await;
        assert_eq!(world.conditional().await.len(), 750);
        // Taken away from everybody at once, and the edges follow.
        world.set("role", "r", "condition", Value::Null).await.unwrap();
        assert!(world.in_effect().await.is_empty() && !world.conditional().await.is_empty());
        drain(&world).await;
        assert!(world.conditional().await.is_empty());
        world.delete("role", "r").await.unwrap();
        assert_eq!(world.service.examine(|finding| panic!("{finding}")).await.unwrap().findings, 0);
    }
}

/// A condition that runs too long on most users fails on them in the job as in a write: they do not match, and the job ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_runs_too_long_ends_with_the_job() {
    let list = json!(vec![1; 40]);
    let slow = format!("{list}.some(|a| {list}.some(|b| {list}.some(|c| false)))");
    let condition = json!({ "type": "rhai", "source": format!("user.country == \"1\" || user.country == \"FR\" || {slow}") });
    for world in worlds().await {
        world.service.limit_grants(FEW);
        world.create_all("user", (0..120).map(user)).await;
        world.create("role", "r", json!({ "name": "r", "condition": condition.to_string() })).await.unwrap();
        assert_eq!(world.open_jobs().await.len(), 1);
        assert_eq!(world.in_effect().await, world.recomputed().await);
        drain(&world).await;
        assert_eq!(world.conditional().await.len(), 60);
        world.check().await;
        world.set("user", "u0001", "title", json!("x")).await.unwrap();
        world.set("user", "u0001", "country", json!("FR")).await.unwrap();
        assert_eq!(world.conditional().await.len(), 61);
    }
}

/// Up to the limit everything is in the write, and no job comes of it.
#[tokio::test(flavor = "multi_thread")]
async fn up_to_the_limit_there_is_no_job() {
    let world = World::on_sqlite().await;
    world.service.limit_grants(FEW);
    world.create_all("user", (0..2 * FEW).map(user)).await;
    world.create("role", "r", json!({ "name": "r", "condition": "/country eq \"FR\"" })).await.unwrap();
    assert!(world.open_jobs().await.is_empty());
    world.check().await;
    world.create("user", "more", json!({ "userName": "more", "country": "FR" })).await.unwrap();
    world.create("role", "s", json!({ "name": "s", "condition": "/country pr" })).await.unwrap();
    assert_eq!(world.open_jobs().await.len(), 1);
    drain(&world).await;
    world.check().await;
}

/// A group whose name many members' conditions read.
#[tokio::test(flavor = "multi_thread")]
async fn many_dependants_are_the_business_of_a_job() {
    for world in worlds().await {
        world.service.limit_grants(FEW);
        world.create_all("user", (0..100).map(user)).await;
        world.create("group", "g", json!({ "name": "staff" })).await.unwrap();
        for n in 0..60 {
            world.link(("group", "g"), "members", ("user", &user(n).0)).await.unwrap();
        }
        let both = "/groups/name eq \"staff\" or /title eq \"t99\"";
        world.create("role", "r", json!({ "name": "r", "condition": both })).await.unwrap();
        drain(&world).await;
        assert_eq!(world.conditional().await.len(), 61);
        world.set("group", "g", "name", json!("others")).await.unwrap();
        assert_eq!(world.open_jobs().await.len(), 1);
        assert_eq!(world.in_effect().await.len(), 1);
        drain(&world).await;
        world.check().await;
        world.delete("group", "g").await.unwrap();
        drain(&world).await;
        world.check().await;
    }
}

async fn roles_of(client: &Client, user: &str) -> Value {
    client.get(&format!("/openidm/managed/user/{user}")).await.body["effectiveRoles"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_names_the_job_in_either_dialect() {
    let folder = tempfile::tempdir().unwrap();
    let few = [("PROVOST_JOBS__ENABLED", "false"), ("PROVOST_LIMITS__GRANTS", "10")];
    for gateway in [Gateway::with(&folder.path().join("data"), &few), Gateway::on_postgres_with(&few)] {
        let client = gateway.tenant("t").await;
        let members: Vec<Value> = (0..40).map(|n| json!({ "_ref": format!("managed/user/u{n}") })).collect();
        for n in 0..40 {
            client.put(&format!("/openidm/managed/user/u{n}"), &json!({ "userName": format!("u{n}"), "country": "FR" })).await;
        }
        let small = client.put("/openidm/managed/role/s", &json!({ "name": "s", "condition": "/userName eq \"u1\"" })).await;
        assert_eq!((small.status, small.header("provost-job")), (201, None));
        let tried = json!({ "name": "r", "condition": "/country eq \"FR\"" });
        let dry = client.put("/openidm/managed/role/r?dryRun=true", &tried).await;
        assert_eq!((dry.status, dry.header("provost-job")), (201, None), "{}", dry.text);
        let made = client.put("/openidm/managed/role/r", &tried).await;
        let job = made.header("provost-job").unwrap_or_else(|| panic!("{}", made.text)).to_owned();
        assert_eq!(made.status, 201);
        let shown = client.get(&format!("/admin/v1/jobs/{job}")).await;
        assert_eq!(
            (&shown.body["kind"], &shown.body["status"], &shown.body["total"]),
            (&json!("grants"), &json!("open"), &json!(40))
        );
        let list = query("/scim/v2/Users", &[("filter", "roles eq \"r\""), ("count", "0")]);
        assert_eq!(client.get(&list).await.body["totalResults"], 40);
        assert_eq!(roles_of(&client, "u39").await[0]["_refResourceId"], "r");
        assert_eq!(client.get("/scim/v2/Users/u39").await.body["roles"][0]["type"], "conditional");
        gateway.sync.drain_jobs().await.unwrap();
        let shown = client.get(&format!("/admin/v1/jobs/{job}")).await;
        assert_eq!((&shown.body["status"], &shown.body["done"]), (&json!("done"), &json!(40)), "{}", shown.text);
        assert_eq!(client.get("/openidm/managed/role/r/members?_queryFilter=true").await.body["resultCount"], 40);
        // A group in SCIM.
        client.put("/openidm/managed/group/g", &json!({ "name": "g", "members": members })).await;
        let asked = json!({ "name": "q", "condition": "groups.display eq \"h\"" });
        assert_eq!(client.put("/openidm/managed/role/q", &asked).await.header("provost-job"), None);
        let renamed = json!({ "Operations": [{ "op": "replace", "path": "displayName", "value": "h" }] });
        let renamed = client.patch("/scim/v2/Groups/g", &renamed).await;
        assert!(renamed.status == 200 && renamed.header("provost-job").is_some(), "{}", renamed.text);
        assert_eq!(client.get("/scim/v2/Users/u7").await.body["roles"].as_array().unwrap().len(), 2);
        gateway.sync.drain_jobs().await.unwrap();
        assert_eq!(client.get("/openidm/managed/role/q/members?_queryFilter=true").await.body["resultCount"], 40);
        assert_eq!(gateway.service.examine(|finding| panic!("{finding}")).await.unwrap().findings, 0);
    }
}

/// Whoever asks for roles in effect while a job takes grants away, or gives them, is told what the condition says: of a user, in a
/// list of users by role, in why a role is held. The lists of edges show those that are there so far (decision 18).
#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_while_the_job_runs_is_decided_from_the_condition() {
    let folder = tempfile::tempdir().unwrap();
    let few = [("PROVOST_JOBS__ENABLED", "false"), ("PROVOST_LIMITS__GRANTS", "10")];
    for gateway in [Gateway::with(&folder.path().join("data"), &few), Gateway::on_postgres_with(&few)] {
        let client = gateway.tenant("t").await;
        for n in 0..40 {
            client
                .put(&format!("/openidm/managed/user/u{n:02}"), &json!({ "userName": format!("u{n:02}"), "country": "FR" }))
                .await;
        }
        client.put("/openidm/managed/role/r", &json!({ "name": "r", "condition": "/country eq \"FR\"" })).await;
        gateway.sync.drain_jobs().await.unwrap();
        let change = async |condition: &str| {
            let body = json!([{ "operation": "replace", "field": "/condition", "value": condition }]);
            let answer = client.patch("/openidm/managed/role/r", &body).await;
            assert!(answer.status == 200 && answer.header("provost-job").is_some(), "{}", answer.text);
        };
        let holders = async || {
            let list = query("/scim/v2/Users", &[("filter", "roles.value eq \"r\""), ("count", "100")]);
            let scim = client.get(&list).await.body["totalResults"].clone();
            let filter = [("_queryFilter", "/effectiveRoles[/_refResourceId eq \"r\"]"), ("_countOnly", "true")];
            let idm = client.get(&query("/openidm/managed/user", &filter)).await.body["totalPagedResults"].clone();
            assert_eq!(scim, idm);
            scim
        };
        let members = async || client.get("/openidm/managed/role/r/members?_queryFilter=true").await.body["resultCount"].clone();
        let told = async |user: &str| {
            let idm = !roles_of(&client, user).await.as_array().unwrap().is_empty();
            let scim = client.get(&format!("/scim/v2/Users/{user}")).await.body["roles"].is_array();
            let why = client.get(&format!("/openidm/managed/user/{user}?_action=explainRoles")).await.body;
            let held = why["effectiveRoles"][0]["ways"][0]["condition"]["matched"].is_array();
            let missed = why["nearMisses"][0]["condition"]["failing"].is_string();
            assert_eq!((scim, held, missed), (idm, idm, !idm), "{why}");
            idm
        };
        change("/userName eq \"u39\"").await;
        let edges = members().await.as_u64().unwrap();
        assert!((2..40).contains(&edges), "{edges} edges are there still");
        assert_eq!(holders().await, 1);
        assert_eq!((told("u00").await, told("u38").await, told("u39").await), (false, false, true));
        gateway.sync.drain_jobs().await.unwrap();
        assert_eq!((members().await, holders().await), (json!(1), json!(1)));
        change("/country eq \"FR\"").await;
        assert!(members().await.as_u64().unwrap() < 40);
        assert_eq!(holders().await, 40);
        assert_eq!((told("u00").await, told("u38").await), (true, true));
        gateway.sync.drain_jobs().await.unwrap();
        assert_eq!((members().await, holders().await), (json!(40), json!(40)));
    }
}

/// kill -9 right after the answer, and again while the job works.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_takes_the_job_up_again() {
    let (_folder, data) = process::folder();
    let serve = || {
        let mut command = process::serve(&data);
        command.env("PROVOST_LIMITS__GRANTS", "10");
        Process::start(command)
    };
    let gateway = serve();
    let client = gateway.admin();
    let mut running = tokio::task::JoinSet::new();
    for n in 0..700 {
        let client = client.clone();
        running.spawn(async move {
            let body = json!({ "userName": format!("u{n}"), "country": "FR" });
            assert_eq!(client.put(&format!("/openidm/managed/user/u{n}"), &body).await.status, 201);
        });
        if running.len() > 16 {
            running.join_next().await.unwrap().unwrap();
        }
    }
    running.join_all().await;
    let made = client.put("/openidm/managed/role/r", &json!({ "name": "r", "condition": "/country eq \"FR\"" })).await;
    let job = format!("/admin/v1/jobs/{}", made.header("provost-job").unwrap());
    gateway.kill();
    let gateway = serve();
    assert_eq!(roles_of(&gateway.admin(), "u699").await[0]["_refResourceId"], "r");
    gateway.kill();
    let gateway = serve();
    let client = gateway.admin();
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        poll_until("the end of the job", Duration::from_secs(20), || {
            (runtime.block_on(client.get(&job)).body["status"] == "done").then_some(())
        });
    });
    let page = "/openidm/managed/role/r/members?_queryFilter=true&_pageSize=1&_totalPagedResultsPolicy=EXACT";
    assert_eq!(client.get(page).await.body["totalPagedResults"], 700);
}
