//! Public suites by other people, against the running binary.

use std::path::Path;

use serde_json::Value;

use crate::harness::gateway::ADMIN;
use crate::harness::process::Process;
use crate::harness::python;

/// Advertising less makes fewer checks; below this something was left out.
const FEWEST_CHECKS: usize = 130;

#[test]
fn scim2_tester_is_green() {
    let gateway = Process::serve();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/scim2_tester.py");
    let (well, lines) = python::run(script.to_str().unwrap(), &[&format!("{}/scim/v2", gateway.url), ADMIN]);
    assert!(well, "{lines}");
    let checks: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let wrong: Vec<_> = checks.iter().filter(|c| c["status"] != "SUCCESS").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checks.len() >= FEWEST_CHECKS, "only {} checks", checks.len());
    for resource in ["User", "Group", "Role"] {
        assert!(checks.iter().filter(|c| c["resource"] == resource).count() >= 20, "{resource} was hardly looked at");
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
