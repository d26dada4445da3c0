//! Peers from PyPI, in a virtual environment that scripts/test makes.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use super::{free_port, poll_until};

// The pipe closes when this process ends, however it ends, and the peer with it.
const RUNNER: &str = "
import os, runpy, sys, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
";

/// The environment: `$PROVOST_TEST_VENV`, else `.venv` in the project.
pub fn venv() -> PathBuf {
    let given = std::env::var_os("PROVOST_TEST_VENV").map(PathBuf::from);
    let venv = given.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".venv"));
    let there = venv.join("bin/python").exists() && venv.join("bin/scim2-server").exists();
    assert!(there, "no Python peers in {}: run scripts/test, which installs them", venv.display());
    venv
}

/// A command of the environment, not started yet, that dies with this process.
pub fn command(script: &str) -> Command {
    let bin = venv().join("bin");
    let mut command = Command::new(bin.join("python"));
    command.arg("-c").arg(RUNNER).arg(bin.join(script)).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Runs a program to its end: whether it says it went well, and what it wrote to standard output.
pub fn run(script: &str, args: &[&str]) -> (bool, String) {
    run_command(command(script).args(args), Duration::from_secs(60))
}

/// Runs a [`command`] to its end, within some time.
pub fn run_command(command: &mut Command, limit: Duration) -> (bool, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    // `wait` would close standard input first, which ends the program before its own end.
    let status = poll_until("the program's end", limit, || child.try_wait().unwrap());
    (status.success(), text)
}

/// A running scim2-server: RFC 7644 in memory, by other people.
pub struct ScimServer {
    child: Child,
    port: u16,
}

impl ScimServer {
    /// The token it takes.
    pub const TOKEN: &'static str = "peer-token";

    /// Starts one of its own.
    pub fn start() -> Self {
        // Another process may take the port in between, so more than one try.
        (0..3).find_map(|_| Self::try_start()).expect("scim2-server starts")
    }

    /// One for all tests that do not mind each other's objects.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<ScimServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn try_start() -> Option<Self> {
        let port = free_port();
        let mut child = command("scim2-server")
            .args(["--hostname", "127.0.0.1", "--port", &port.to_string(), "--bearer-token", Self::TOKEN])
            .spawn()
            .unwrap();
        let up = poll_until("scim2-server answers", Duration::from_secs(60), || {
            let exited = child.try_wait().unwrap().is_some();
            if exited { Some(false) } else { TcpStream::connect(("127.0.0.1", port)).ok().map(|_| true) }
        });
        if up {
            // What it logs is nobody's concern, but a full pipe would stop it.
            let mut log = child.stderr.take().unwrap();
            std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
            return Some(Self { child, port });
        }
        let mut log = String::new();
        child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(log.contains("in use"), "scim2-server ended: {log}");
        None
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }
}

impl Drop for ScimServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
