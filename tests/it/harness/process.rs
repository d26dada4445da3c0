//! The real binary, started as an operator starts it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use super::gateway::{ADMIN, Client};
use super::poll_until;

/// A running `provost serve`; it is killed when this is dropped.
pub struct Process {
    /// Where it answers.
    pub url: String,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    _folder: Option<TempDir>,
}

impl Process {
    /// Starts it on a throwaway data folder and waits until it listens.
    pub fn serve() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Self::on(&folder.path().join("data"));
        process._folder = Some(folder);
        process
    }

    /// Starts it on a data folder that outlives it.
    pub fn on(data: &Path) -> Self {
        Self::start(serve(data))
    }

    /// Starts what `command` says, in the end a `provost serve`, and waits until it listens.
    pub fn start(command: Command) -> Self {
        Self::start_with_output(command, Stdio::null())
    }

    /// As [`Process::start`], with its standard output somewhere.
    pub fn start_with_output(mut command: Command, output: Stdio) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(output).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = Vec::new();
        let url = loop {
            let Some(line) = lines.next() else { panic!("the gateway ended: {seen:#?}") };
            let line = line.unwrap();
            let url = url_of(&line);
            seen.push(line);
            if let Some(url) = url {
                break url;
            }
        };
        let log = Arc::new(Mutex::new(seen));
        let kept = log.clone();
        // A full pipe would stop it, so somebody always reads.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line)));
        Self { url, child, log, _folder: None }
    }

    /// A client with the admin token.
    pub fn admin(&self) -> Client {
        Client { url: self.url.clone(), token: ADMIN.to_owned(), http: reqwest::Client::new() }
    }

    /// The log lines so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Waits for a log line that holds a text.
    pub fn wait_for_line(&self, text: &str) -> String {
        poll_until(text, Duration::from_secs(10), || self.log().into_iter().find(|line| line.contains(text)))
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub fn wait(mut self, limit: Duration) -> ExitStatus {
        poll_until("the end of the process", limit, || self.child.try_wait().unwrap())
    }

    /// Stops it by SIGTERM.
    pub fn stop(self) {
        self.signal("TERM");
        assert!(self.wait(Duration::from_secs(10)).success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `provost`, knowing nothing of the environment of the tests.
pub fn provost() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_provost"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PROVOST_")) {
        command.env_remove(name);
    }
    command
}

/// `provost serve` on a data folder and a free port.
pub fn serve(data: &Path) -> Command {
    let mut command = provost();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).env("PROVOST_ADMIN_TOKEN", ADMIN);
    command
}

/// Runs one command to its end, in an empty working folder.
pub fn run(args: &[&str], environment: &[(&str, &str)]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let Output { status, stdout, stderr } =
        provost().args(args).envs(environment.iter().copied()).current_dir(&folder).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { status: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// Its standard output, when all went well.
    pub fn ok(self) -> String {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// The one line that says what failed.
    pub fn failed(self) -> String {
        assert_eq!((self.status, self.err.lines().count()), (1, 1), "{self:?}");
        self.err.strip_prefix("provost: ").unwrap_or_else(|| panic!("{}", self.err)).trim_end().to_owned()
    }
}

/// A path as a flag takes it.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A throwaway folder, and in it the path of a data folder that is not there yet.
pub fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    (folder, data)
}

fn url_of(line: &str) -> Option<String> {
    let from = line.find("http://").filter(|_| line.contains("listening"))?;
    Some(line[from..].trim_end_matches(|c: char| !c.is_ascii_digit()).to_owned())
}
