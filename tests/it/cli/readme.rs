//! The commands of README.md under "First steps", run as they stand there, but for the address and the place of the binary.

use std::process::Command;

use crate::harness::gateway::ADMIN;
use crate::harness::process::Process;

#[test]
fn first_steps_work_as_written() {
    let readme = include_str!("../../../README.md");
    let (_, steps) = readme.split_once("In another terminal").unwrap();
    let blocks: Vec<&str> = steps.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 3, "a person and a role; a token; a target");
    let running = Process::serve();
    let script = blocks
        .join("\necho\n")
        .replace("http://127.0.0.1:8080", &running.url)
        .replace("target/release/provost", env!("CARGO_BIN_EXE_provost"));
    let output = Command::new("sh").args(["-ec", &script]).env("PROVOST_ADMIN_TOKEN", ADMIN).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for text in
        ["\"userName\":\"ada@example.com\"", "\"_id\":\"crm-user\"", "\"type\":\"conditional\"", "\npv_", "\"state\":\"active\""]
    {
        assert!(said.contains(text), "{text}\n{said}");
    }
}
