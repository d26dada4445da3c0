//! `provost demo`: it shows what it promises, and what it prints at the end works as printed.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::harness::poll_until;
use crate::harness::process::{provost, run};

#[test]
fn once_shows_everything_and_ends() {
    let ended = run(&["demo", "--once", "--listen", "127.0.0.1:0"], &[]);
    let out = ended.ok();
    for line in [
        "HR pushes the company",
        "200 people with managers and 8 groups over SCIM",
        "crm-user for 38 people, because they meet  /department eq \"Sales\"",
        "crm    38 people; 1 group; group crm-sales with 38 members",
        "wiki   200 people; 8 groups; group team-engineering with 62 members",
        "moves from Engineering to Sales",
        "roles before: none",
        "roles now: crm-user, because it meets  /department eq \"Sales\"",
        "group crm-sales with 39 members",
        "of Sales leaves",
        ", disabled; 39 people, 1 of them disabled",
        "the scope does not hold: active eq true",
        "A new group: crm-champions",
        "group crm-champions with 3 members; 2 groups",
        "Everything arrived.",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    for line in ["MISSING", "curl", "\u{1b}["] {
        assert!(!out.contains(line), "{line}\n{out}");
    }
}

#[test]
fn the_lines_at_the_end_work_as_printed() {
    let mut command = provost();
    command.args(["demo", "--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut demo = command.spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let curls: Vec<String> = lines.by_ref().filter(|line| line.starts_with("curl ")).take(3).collect();
    assert_eq!(curls.len(), 3);
    let ask = |line: &str| {
        let output = Command::new("sh").args(["-c", line]).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|e| panic!("{line}: {e}: {output:?}"))
    };
    let made = ask(&curls[0]);
    assert_eq!(made["userName"], "new.hire@acme.example", "{made}");
    let found = ask(&curls[1]);
    assert_eq!(found["result"][0]["roles"][0]["_refProperties"]["_grantType"], "conditional", "{found}");
    poll_until("the account in the CRM", Duration::from_secs(60), || {
        let found = ask(&curls[2]);
        (found["totalResults"] == 1).then_some(())
    });
    let ended = Command::new("sh").args(["-c", "kill -s INT \"$0\"", &demo.id().to_string()]).status().unwrap();
    assert!(ended.success());
    let status = poll_until("the end of the demo", Duration::from_secs(12), || demo.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}
