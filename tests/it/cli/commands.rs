//! Each command against the real binary: what it does, what it says, how it ends.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::json;

use crate::harness::process::{Process, folder, run, serve, text};

#[test]
fn wrong_usage_ends_with_2() {
    for line in [&[][..], &["fly"], &["serve", "--port", "1"], &["token", "create"], &["backup"], &["doctor", "--json"]] {
        let ended = run(line, &[]);
        assert_eq!(ended.status, 2, "{line:?}");
        assert!(!ended.err.is_empty() && ended.out.is_empty(), "{line:?}");
    }
    assert!(run(&["--help"], &[]).ok().contains("Exit status"));
    assert!(run(&["--version"], &[]).ok().starts_with("provost "));
}

#[test]
fn a_failure_is_one_line_and_1() {
    let (_folder, data) = folder();
    let nowhere = text(&data);
    for (line, environment, said) in [
        (&["doctor", "--data", nowhere][..], None, "there is no database in"),
        (&["backup", "file.db", "--data", nowhere], None, "there is no database in"),
        (&["token", "list", "--data", nowhere], None, "there is no database in"),
        (&["restore", "/nowhere.db", "--data", nowhere], None, "/nowhere.db"),
        (&["serve", "--listen", "256.0.0.1:1", "--data", nowhere], None, "cannot listen on 256.0.0.1:1"),
        (&["serve", "--config", "/nowhere.toml"], None, "/nowhere.toml"),
        (&["serve", "--data", nowhere], Some(("PROVOST_SERVER__LISTN", "x")), "there is no key server.listn"),
        (&["serve", "--data", nowhere], Some(("PROVOST_ADMIN_TOKEN", "short")), "at least 32"),
        (&["serve", "--data", nowhere], Some(("PROVOST_LOG", "provost=loud")), "loud"),
        (&["serve", "--database", "postgres://h/d"], None, "PROVOST_MASTER_KEY"),
        (&["token", "list", "--server", "http://127.0.0.1:1", "--token", "t"], None, "cannot be reached"),
    ] {
        let ended = run(line, environment.as_slice());
        assert!(ended.out.is_empty(), "{line:?}");
        let told = ended.failed();
        assert!(told.contains(said), "{line:?}: {told}");
    }
}

#[test]
fn the_configuration_is_shown_without_secrets() {
    let secret = "a-secret-of-more-than-32-characters!";
    let key = "07".repeat(32);
    let url = "postgres://provost:hunter2@db/provost";
    let environment = [("PROVOST_ADMIN_TOKEN", secret), ("PROVOST_MASTER_KEY", &*key), ("PROVOST_DATABASE_URL", url)];
    let shown = run(&["serve", "--print-config", "--listen", "127.0.0.1:1"], &environment).ok();
    for text in
        ["listen = \"127.0.0.1:1\"  # flag --listen", "environment PROVOST_ADMIN_TOKEN", "•••", "body = \"8MiB\"  # default"]
    {
        assert!(shown.contains(text), "{text}\n{shown}");
    }
    for text in [secret, key.as_str(), "hunter2"] {
        assert!(!shown.contains(text), "{text}\n{shown}");
    }
}

#[test]
fn one_process_works_on_a_folder() {
    let (_folder, data) = folder();
    let running = Process::on(&data);
    let data = text(&data);
    for line in [
        &["serve", "--listen", "127.0.0.1:0", "--data", data][..],
        &["token", "list", "--data", data],
        &["token", "create", "--name", "x", "--data", data],
        &["doctor", "--data", data],
        &["migrate", "--data", data],
        &["backup", "file.db", "--data", data],
    ] {
        let told = run(line, &[]).failed();
        assert!(told.contains("another process works on") && told.contains("--server"), "{line:?}: {told}");
    }
    running.stop();
    run(&["doctor", "--data", data], &[]).ok();
}

#[test]
fn a_taken_address_is_named() {
    let running = Process::serve();
    let (_folder, data) = folder();
    let address = running.url.strip_prefix("http://").unwrap();
    let told = run(&["serve", "--listen", address, "--data", text(&data)], &[]).failed();
    assert!(told.contains(address), "{told}");
}

#[test]
fn a_new_database_prints_its_first_token_once() {
    let (_folder, data) = folder();
    // A start that fails makes no token that nobody sees.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    run(&["serve", "--listen", &taken.local_addr().unwrap().to_string(), "--data", text(&data)], &[]).failed();
    let mut command = serve(&data);
    command.env_remove("PROVOST_ADMIN_TOKEN");
    let out = data.with_extension("out");
    let redirected = std::fs::File::create(&out).unwrap();
    let running = Process::start_with_output(command, redirected.into());
    let said = std::fs::read_to_string(&out).unwrap();
    let token = said.trim().strip_prefix("admin token, shown this once: ").unwrap();
    assert!(token.starts_with("pv_") && token.len() == 52, "{said}");
    running.stop();
    let redirected = std::fs::File::create(&out).unwrap();
    let mut command = serve(&data);
    command.env_remove("PROVOST_ADMIN_TOKEN");
    Process::start_with_output(command, redirected.into()).stop();
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "");
}

#[test]
fn a_newer_database_is_refused() {
    let (_folder, data) = folder();
    run(&["migrate", "--data", text(&data)], &[]).ok();
    run(&["migrate", "--data", text(&data)], &[]).ok();
    let mut conn = SqliteConnection::establish(text(&data.join("provost.db"))).unwrap();
    conn.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')").unwrap();
    drop(conn);
    for command in ["migrate", "doctor", "serve"] {
        let told = run(&[command, "--data", text(&data)], &[]).failed();
        assert!(told.contains("newer version"), "{command}: {told}");
    }
}

#[tokio::test]
async fn a_restored_backup_gives_the_same_answers() {
    let (folder, data) = folder();
    let running = Process::on(&data);
    let admin = running.admin();
    for name in ["ada", "bob", "carol"] {
        let body = json!({ "userName": name, "externalId": format!("e-{name}"), "name": { "familyName": name } });
        assert_eq!(admin.post("/scim/v2/Users", &body).await.status, 201);
    }
    let role = json!({ "name": "all", "condition": "userName pr" });
    assert_eq!(admin.post("/openidm/managed/role?_action=create", &role).await.status, 201);
    let questions =
        ["/scim/v2/Users", "/scim/v2/Roles", "/openidm/managed/user?_queryFilter=true&_fields=*,roles", "/admin/v1/changes"];
    let ask = async |process: &Process| {
        let mut answers = Vec::new();
        for question in questions {
            let answer = process.admin().get(question).await;
            assert_eq!(answer.status, 200, "{question}: {}", answer.text);
            answers.push(answer.text.replace(&process.url, ""));
        }
        answers
    };
    let before = ask(&running).await;
    running.stop();

    let copy = folder.path().join("copy.db");
    run(&["backup", text(&copy), "--data", text(&data)], &[]).ok();
    let told = run(&["backup", text(&copy), "--data", text(&data)], &[]).failed();
    assert!(told.contains("exists"), "{told}");
    let told = run(&["restore", text(&copy), "--data", text(&data)], &[]).failed();
    assert!(told.contains("not empty"), "{told}");
    let garbage = folder.path().join("garbage.db");
    std::fs::write(&garbage, "SQLite format 3\0 but not really").unwrap();
    let elsewhere = folder.path().join("elsewhere");
    run(&["restore", text(&garbage), "--data", text(&elsewhere)], &[]).failed();

    let told = run(&["restore", text(&copy), "--data", text(&elsewhere)], &[]).ok();
    assert!(told.contains("master.key"), "{told}");
    let told = run(&["serve", "--listen", "127.0.0.1:0", "--data", text(&elsewhere)], &[]).failed();
    assert!(told.contains("copy that file there"), "{told}");
    std::fs::copy(data.join("master.key"), elsewhere.join("master.key")).unwrap();
    run(&["doctor", "--data", text(&elsewhere)], &[]).ok();
    let restored = Process::on(&elsewhere);
    assert_eq!(ask(&restored).await, before);
}
