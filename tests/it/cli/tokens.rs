//! `provost token`, on the folder and through a server.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::json;

use crate::harness::gateway::{ADMIN, Client};
use crate::harness::process::{Process, folder, run, text};

fn with(process: &Process, token: &str) -> Client {
    Client { token: token.to_owned(), ..process.admin() }
}

#[tokio::test]
async fn on_the_folder() {
    let (_folder, data) = folder();
    Process::on(&data).stop();
    let data_flag = ["--data", text(&data)];
    let create = |more: &[&str]| run(&[&["token", "create"], more, &data_flag].concat(), &[]);
    let printed = create(&["--name", "hr", "--scope", "scim.read,scim.write", "--source", "workday", "--expires", "90d"]).ok();
    let token = printed.trim_end().to_owned();
    assert!(printed == format!("{token}\n") && token.starts_with("pv_") && token.len() == 52, "{printed}");
    create(&["--name", "okta", "--scope", "scim.read", "--scope", "scim.roles", "--profile", "okta"]).ok();
    let told = create(&["--name", "x", "--tenant", "nowhere"]).failed();
    assert!(told.contains("no tenant 'nowhere'"), "{told}");

    let list = || run(&[&["token", "list"][..], &data_flag].concat(), &[]).ok();
    let table = list();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[0].starts_with("ID  ") && lines[0].ends_with("LAST USED"), "{table}");
    assert!(lines[1].contains("admin  ") && lines[1].contains("admin,operator"), "{table}");
    assert!(lines[2].contains("workday") && lines[2].contains("scim.read,scim.write"), "{table}");
    assert!(lines[3].contains("okta") && !table.contains(&token) && !table.contains(ADMIN), "{table}");

    let running = Process::on(&data);
    assert_eq!(with(&running, &token).get("/scim/v2/Users").await.status, 200);
    assert_eq!(with(&running, &token).get("/admin/v1/tokens").await.status, 403);
    running.stop();
    let id = lines[2].split(' ').next().unwrap();
    let revoke = |id: &str| run(&[&["token", "revoke", id][..], &data_flag].concat(), &[]);
    assert_eq!(revoke(id).ok(), "");
    let told = revoke("01890000-0000-7000-8000-000000000000").failed();
    assert!(told.contains("no such token"), "{told}");
    assert!(list().lines().nth(2).unwrap().matches("20").count() > 2);
    let running = Process::on(&data);
    assert_eq!(with(&running, &token).get("/scim/v2/Users").await.status, 401);
}

#[tokio::test]
async fn through_a_server() {
    let running = Process::serve();
    let server = ["--server", running.url.as_str()];
    let ask = |line: &[&str], token: &str| run(&[line, &server].concat(), &[("PROVOST_TOKEN", token)]);
    let made = ask(&["token", "create", "--name", "hr", "--scope", "scim.read", "--expires", "12h"], ADMIN).ok();
    let token = made.trim_end();
    assert_eq!(with(&running, token).get("/scim/v2/Users").await.status, 200);
    let table = ask(&["token", "list"], ADMIN).ok();
    let line = table.lines().find(|line| line.contains(" hr ")).unwrap();
    let id = line.split(' ').next().unwrap();
    assert_eq!(ask(&["token", "revoke", id], ADMIN).ok(), "");
    assert_eq!(with(&running, token).get("/scim/v2/Users").await.status, 401, "a revocation holds at once");

    let told = ask(&["token", "list"], token).failed();
    assert!(told.contains("does not accept the token"), "{told}");
    let told = ask(&["token", "create", "--name", ""], ADMIN).failed();
    assert!(told.contains("422") || told.contains("400"), "{told}");
    let weak = running.admin().post("/admin/v1/tokens", &json!({ "name": "weak", "scopes": ["scim.read"] })).await;
    let told = ask(&["token", "list"], weak.body["token"].as_str().unwrap()).failed();
    assert!(told.contains("403") && told.contains("'admin'"), "{told}");
}

#[tokio::test]
async fn a_database_that_was_left_without_a_token_gets_one() {
    let (_folder, data) = folder();
    Process::on(&data).stop();
    let file = data.join("provost.db");
    SqliteConnection::establish(text(&file)).unwrap().batch_execute("DELETE FROM tokens").unwrap();
    let told = run(&["token", "create", "--name", "hr", "--data", text(&data)], &[]).failed();
    assert!(told.contains("no token yet"), "{told}");
    let running = Process::on(&data);
    assert_eq!(running.admin().get("/admin/v1/tokens").await.status, 200);
}
