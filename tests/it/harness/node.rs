//! Packages from npm, in a folder that scripts/test fills.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::poll_until;

/// Where the packages of a folder of `tests/clients` are: `$PROVOST_TEST_NODE`, else `target/clients`, and in it the folder's name.
fn installed(client: &str) -> PathBuf {
    let given = std::env::var_os("PROVOST_TEST_NODE").map(PathBuf::from);
    let root = given.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/clients"));
    let folder = root.join(client);
    let there = folder.join("node_modules").exists();
    assert!(there, "no packages for {client} in {}: run scripts/test, which installs them", folder.display());
    folder
}

/// Runs a script of a folder of `tests/clients` to its end, given where its packages are, and then `args`: whether it says that
/// it went well, and what it wrote.
pub fn run(client: &str, script: &str, args: &[&str], limit: Duration) -> (bool, String) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(client).join(script);
    let mut command = Command::new("node");
    command.arg(script).arg(installed(client)).args(args).stdin(Stdio::null());
    let log = tempfile::NamedTempFile::new().unwrap();
    command.stdout(log.reopen().unwrap()).stderr(log.reopen().unwrap());
    let mut child = command.spawn().expect("node is installed: run scripts/test, which sees to it");
    let status = poll_until("the script's end", limit, || child.try_wait().unwrap());
    (status.success(), std::fs::read_to_string(log.path()).unwrap())
}
