//! Public suites by other people, against the running binary.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::gateway::ADMIN;
use crate::harness::process::Process;
use crate::harness::python;

/// Checks that scim2-tester makes of each type, and of discovery. Advertising less makes fewer: then something was left out.
const FEWEST: [(Option<&str>, usize); 5] =
    [(None, 30), (Some("User"), 98), (Some("Group"), 24), (Some("Role"), 21), (Some("ServiceAccount"), 20)];

#[test]
fn scim2_tester_is_green() {
    let gateway = Process::serve();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let announced = runtime.block_on(gateway.admin().get("/scim/v2/ServiceProviderConfig")).body;
    // What is not announced is not tried.
    for feature in
        ["/bulk/supported", "/sort/supported", "/etag/supported", "/patch/supported", "/filter/supported", "/pagination/cursor"]
    {
        assert_eq!(announced.pointer(feature), Some(&Value::Bool(true)), "{feature}");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/scim2_tester.py");
    let (well, lines) = python::run(script.to_str().unwrap(), &[&format!("{}/scim/v2", gateway.url), ADMIN]);
    assert!(well, "{lines}");
    let checks: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let wrong: Vec<_> = checks.iter().filter(|c| c["status"] != "SUCCESS").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (resource, fewest) in FEWEST {
        let found = checks.iter().filter(|c| c["resource"].as_str() == resource).count();
        assert!(found >= fewest, "{resource:?}: {found} checks, not {fewest}");
    }
}

#[test]
fn scim_sanity_is_green() {
    let gateway = Process::serve();
    let address = format!("{}/scim/v2", gateway.url);
    let flags = ["probe", &address, "--token", ADMIN, "--i-accept-side-effects", "--json-output"];
    let (well, report) = python::run("scim-sanity", &flags);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(well, "{report:#}");
    let summary = &report["summary"];
    for what in ["failed", "errors", "warnings"] {
        assert_eq!(summary[what], 0, "{report:#}");
    }
    // The rest are the phases for agents, a draft that is not offered.
    assert_eq!(summary["passed"], 28, "{summary}");
}

/// The command line of scim2-tester: what an operator types to see whether a server will do.
#[test]
fn scim2_cli_is_green() {
    let gateway = Process::serve();
    let mut command = python::command("scim2");
    command.env("SCIM_CLI_HEADERS", format!("Authorization: Bearer {ADMIN}"));
    command.args(["-u", &format!("{}/scim/v2", gateway.url), "test"]);
    let (well, report) = python::run_command(&mut command, Duration::from_secs(60));
    assert!(well, "{report}");
    let of = |status: &str| report.lines().filter(|line| line.trim_start().starts_with(status)).count();
    assert_eq!((of("ERROR"), of("CRITICAL")), (0, 0), "{report}");
    let fewest: usize = FEWEST.iter().map(|(_, fewest)| fewest).sum();
    assert!(of("SUCCESS") >= fewest, "{report}");
}
