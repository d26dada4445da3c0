//! A throwaway PostgreSQL, started once for the test process and gone with it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

/// The server. Its guard reads a pipe from here, so it learns of the end of this process, however that comes.
struct Server {
    port: u16,
    _guard: Child,
}

/// Runs the server until standard input ends, then stops it at once and removes its folder.
const GUARD: &str = r#"
trap '' INT TERM HUP
$1 "$2/postgres" -D "$3/data" -k "$3" -p "$4" -c listen_addresses=127.0.0.1 -c fsync=off -c synchronous_commit=off \
    -c full_page_writes=off -c max_connections=400 -c deadlock_timeout=50ms -c logging_collector=off >"$3/log" 2>&1 </dev/null &
pid=$!
cat >/dev/null
kill -QUIT $pid
wait $pid
rm -rf "$3"
"#;

static SERVER: OnceLock<Server> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The connection string of a fresh, empty database.
pub fn fresh_database() -> String {
    let name = format!("t{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    admin().batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
    url(&name)
}

/// A connection of the superuser, for what a test does behind the store's back.
pub fn admin() -> PgConnection {
    PgConnection::establish(&url("postgres")).unwrap()
}

fn url(database: &str) -> String {
    let server = SERVER.get_or_init(start);
    format!("postgres://test@127.0.0.1:{}/{database}", server.port)
}

fn start() -> Server {
    let programs = programs();
    let folder = tempfile::Builder::new().prefix("provost-pg-").tempdir().unwrap().keep();
    // The server refuses to run as root.
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let runner: &[&str] = if root { &["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] } else { &[] };
    if root {
        run(Command::new("chown").arg("nobody").arg(&folder));
    }
    let initdb = programs.join("initdb");
    let words: Vec<&str> = runner.iter().copied().chain([initdb.to_str().unwrap()]).collect();
    // The default collation is not that of bytes, so that a column without its own would show.
    run(Command::new(words[0]).args(&words[1..]).arg("-D").arg(folder.join("data")).args([
        "-U",
        "test",
        "-A",
        "trust",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--locale-provider=icu",
        "--icu-locale=en-US",
    ]));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let guard = Command::new("sh")
        .args(["-c", GUARD, "guard", &runner.join(" ")])
        .args([&programs, &folder])
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until_ready(&programs, port, &folder);
    Server { port, _guard: guard }
}

fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL is not installed: the tests need Debian's package 'postgresql'")
}

// Each try is a process of its own, so this is no busy loop.
fn wait_until_ready(programs: &Path, port: u16, folder: &Path) {
    for _ in 0..2000 {
        let mut ready = Command::new(programs.join("pg_isready"));
        let state = ready.args(["-q", "-t", "1", "-h", "127.0.0.1", "-p", &port.to_string()]).status().unwrap();
        if state.success() {
            return;
        }
    }
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    panic!("PostgreSQL did not start:\n{log}");
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    if !output.status.success() {
        for line in BufReader::new(output.stderr.as_slice()).lines() {
            writeln!(std::io::stderr(), "{}", line.unwrap()).unwrap();
        }
        panic!("{command:?} failed");
    }
}
