//! `provost doctor` finds what was damaged behind the store's back, on both engines.

use diesel::connection::SimpleConnection;
use diesel::{Connection as _, PgConnection, SqliteConnection};
use serde_json::{Value, json};

use crate::harness::gateway::{ADMIN, Client};
use crate::harness::postgres;
use crate::harness::process::{Process, folder, provost, run, text};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A damage, and what is said of it.
const DAMAGES: &[(&str, &str)] = &[
    ("DELETE FROM attribute_index WHERE value = 'ada'", "the index lacks a value of userName"),
    (
        "INSERT INTO attribute_index (tenant, path, value, key) SELECT tenant, path, 'ghost', key FROM attribute_index WHERE value = 'bob'",
        "the index has a value that it does not have",
    ),
    (
        "INSERT INTO attribute_index (tenant, path, value, key) SELECT tenant, 9999, value, key FROM attribute_index WHERE value = 'bob'",
        "a row of an unknown attribute, number 9999",
    ),
    (
        "DELETE FROM unique_values WHERE key = (SELECT key FROM objects WHERE doc LIKE '%\"carol\"%')",
        "it does not hold its unique value of userName",
    ),
    ("UPDATE objects SET label = 'x' WHERE doc LIKE '%\"bob\"%'", "it goes by another name than its document gives it"),
    ("DELETE FROM external_ids WHERE value = 'e-carol'", "it is not found by the external id of source 'default'"),
    (
        "INSERT INTO external_ids (tenant, type, source, value, key) SELECT tenant, type, source, 'ghost', key FROM external_ids WHERE value = 'e-bob'",
        "the table of external ids has a value that it does not have",
    ),
    ("UPDATE objects SET doc = '{' WHERE doc LIKE '%\"dave\"%'", "its document cannot be read"),
    (
        "UPDATE objects SET doc = '{\"userName\":\"erin\",\"active\":\"yes\"}' WHERE doc LIKE '%\"erin\"%'",
        "active must be true or false",
    ),
    (
        "UPDATE objects SET doc = '{\"userName\":\"ivan\",\"shoe\":42}' WHERE doc LIKE '%\"ivan\"%'",
        "'shoe' is no stored attribute of user",
    ),
    ("UPDATE objects SET doc = '{\"title\":\"x\"}' WHERE doc LIKE '%\"judy\"%'", "userName is required"),
    ("UPDATE objects SET external_ids = 'x' WHERE doc LIKE '%\"heidi\"%'", "its external ids cannot be read"),
    ("DELETE FROM objects WHERE doc LIKE '%\"frank\"%'", "which does not exist"),
    (
        "DELETE FROM edges WHERE variant = 'conditional' AND from_key = (SELECT key FROM objects WHERE doc LIKE '%\"grace\"%')",
        "it meets the condition of role",
    ),
    (
        "UPDATE edges SET variant = 'conditional' WHERE variant = '' AND relation = 'grant'",
        "by a condition that it does not meet",
    ),
    ("DELETE FROM condition_anchors", "its condition is not found by all that it reads and needs"),
    ("DELETE FROM conditions WHERE source = '/title eq \"lost\"'", "its condition is not in force"),
    ("UPDATE conditions SET source = '/title eq \"other\"' WHERE source = '/title eq \"mine\"'", "another condition is in force"),
    (
        "INSERT INTO edges (tenant, relation, from_key, to_key, variant, id, from_type, to_type, rev, created) \
         SELECT tenant, relation, to_key, from_key, variant, to_key, to_type, from_type, rev, created FROM edges \
         WHERE from_type = 'group' AND to_type = 'group'",
        "it closes a cycle",
    ),
    (
        "INSERT INTO edges (tenant, relation, from_key, to_key, variant, id, from_type, to_type, rev, created) \
         SELECT tenant, relation, from_key, from_key, variant, from_key, from_type, to_type, rev, created FROM edges \
         WHERE relation = 'manager'",
        "it has several edges 'manager', where one is allowed",
    ),
    ("UPDATE edges SET properties = 'x' WHERE relation = 'manager'", "its properties cannot be read"),
    (
        "INSERT INTO edges (tenant, relation, from_key, to_key, variant, id, from_type, to_type, rev, created) \
         SELECT tenant, 'friend', from_key, to_key, variant, to_key, from_type, to_type, rev, created FROM edges \
         WHERE relation = 'membership' AND to_type = 'user'",
        "no 'friend' leads from group to user",
    ),
    ("DELETE FROM temporal WHERE edge", "its time in force is not the one that it has"),
    (
        "INSERT INTO temporal (tenant, key, edge, starts, ends) SELECT tenant, key, TRUE, 1, 2 FROM objects WHERE doc LIKE '%\"carol\"%'",
        "its time is in force, and it does not exist",
    ),
    ("UPDATE unresolved_references SET element = 'x'", "it cannot be read"),
    (
        "INSERT INTO link_waits (tenant, target, on_key, waiter_key) SELECT tenant, key, key, key FROM objects WHERE doc LIKE '%\"ada\"%'",
        "links speak of it, and it does not exist",
    ),
];

async fn fill(admin: &Client) {
    let made = async |path: &str, body: Value| {
        let answer = admin.post(path, &body).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text);
        answer.id().to_owned()
    };
    let mut ids = Vec::new();
    for name in ["ada", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"] {
        let department = if name == "grace" { "Sales" } else { "Other" };
        let user = json!({ "userName": name, "externalId": format!("e-{name}"), ENTERPRISE: { "department": department } });
        ids.push(made("/scim/v2/Users", user).await);
    }
    let create = "/openidm/managed/role?_action=create";
    made(create, json!({ "name": "sales", "condition": "/department eq \"Sales\"" })).await;
    made(create, json!({ "name": "lost", "condition": "/title eq \"lost\"" })).await;
    made(create, json!({ "name": "mine", "condition": "/title eq \"mine\"" })).await;
    made(create, json!({ "name": "by-id", "condition": format!("/_id eq \"{}\"", ids[1]) })).await;
    let role = made(create, json!({ "name": "by-hand" })).await;
    let timed = json!({ "_ref": format!("managed/role/{role}"), "_refProperties": { "temporalConstraints": [{ "duration": "2026-01-01/P1Y" }] } });
    made(&format!("/openidm/managed/user/{}/roles?_action=create", ids[8]), timed).await;
    let grant = json!({ "Operations": [{ "op": "add", "path": "roles", "value": [{ "value": role }] }] });
    assert_eq!(admin.patch(&format!("/scim/v2/Users/{}", ids[7]), &grant).await.status, 200);
    let manager =
        json!({ "Operations": [{ "op": "add", "path": format!("{ENTERPRISE}:manager"), "value": { "value": ids[1] } }] });
    assert_eq!(admin.patch(&format!("/scim/v2/Users/{}", ids[0]), &manager).await.status, 200);
    let inner = made("/scim/v2/Groups", json!({ "displayName": "inner", "members": [{ "value": ids[5] }] })).await;
    let members = json!([{ "value": inner }, { "value": "nobody-of-this-id" }]);
    made("/scim/v2/Groups", json!({ "displayName": "outer", "members": members })).await;
}

fn damaged(conn: &mut impl SimpleConnection) {
    for (sql, _) in DAMAGES {
        conn.batch_execute(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
}

fn expect_findings(flags: &[&str]) {
    let ended = run(&[&["doctor"], flags].concat(), &[]);
    for (sql, said) in DAMAGES {
        assert!(ended.out.lines().any(|line| line.starts_with("tenant default ") && line.contains(said)), "{sql}\n{}", ended.out);
    }
    assert!(!ended.out.contains("'ghost'") && ended.out.contains(" findings"), "{}", ended.out);
    assert!(ended.failed().contains("does not hold together"));
}

#[tokio::test]
async fn on_sqlite() {
    let (_folder, data) = folder();
    let running = Process::on(&data);
    fill(&running.admin()).await;
    running.stop();
    let flags = ["--data", text(&data)];
    let told = run(&[&["doctor"][..], &flags].concat(), &[]).ok();
    assert!(told.starts_with("examined 1 tenants, 22 objects, ") && told.ends_with(": 0 findings\n"), "{told}");
    let mut conn = SqliteConnection::establish(text(&data.join("provost.db"))).unwrap();
    damaged(&mut conn);
    conn.batch_execute("DELETE FROM changes WHERE seq = 3").unwrap();
    drop(conn);
    expect_findings(&flags);
    let ended = run(&[&["doctor"][..], &flags].concat(), &[]);
    assert!(ended.out.contains("tenant default changes: of the numbers 1 to "), "{}", ended.out);
}

#[tokio::test]
async fn on_postgres() {
    let url = postgres::fresh_database();
    let mut command = provost();
    command.args(["serve", "--listen", "127.0.0.1:0", "--database", &url]);
    command.env("PROVOST_ADMIN_TOKEN", ADMIN).env("PROVOST_MASTER_KEY", "07".repeat(32));
    let running = Process::start(command);
    fill(&running.admin()).await;
    let flags = ["--database", url.as_str()];
    // Beside a running server, too.
    let told = run(&[&["doctor"][..], &flags].concat(), &[]).ok();
    assert!(told.starts_with("examined 1 tenants, 22 objects, ") && told.ends_with(": 0 findings\n"), "{told}");
    let told = run(&[&["backup", "file.db"][..], &flags].concat(), &[]).failed();
    assert!(told.contains("pg_dump"), "{told}");
    let told = run(&[&["restore", "file.db"][..], &flags].concat(), &[]).failed();
    assert!(told.contains("pg_restore"), "{told}");
    let key = "07".repeat(32);
    run(&[&["migrate"][..], &flags].concat(), &[]).ok();
    assert!(run(&[&["token", "list"][..], &flags].concat(), &[("PROVOST_MASTER_KEY", &key)]).ok().contains("admin,operator"));
    let told = run(&[&["token", "list"][..], &flags].concat(), &[]).failed();
    assert!(told.contains("PROVOST_MASTER_KEY"), "{told}");
    damaged(&mut PgConnection::establish(&url).unwrap());
    expect_findings(&flags);
}
