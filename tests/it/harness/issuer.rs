//! An issuer of tokens by other people: what it publishes is served over http on loopback, and every request is counted.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

#[derive(Default)]
struct State {
    // Status, one header, body.
    pages: HashMap<String, (u16, String, String)>,
    seen: Vec<String>,
    down: bool,
}

/// A running issuer; it stops accepting when dropped.
pub struct ForeignIssuer {
    /// Its name, which is also where it is.
    pub url: String,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl ForeignIssuer {
    /// One that publishes nothing yet.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let weak = Arc::downgrade(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), Some(state)) = (stream, weak.upgrade()) else { return };
                serve(stream, &state);
            }
        });
        Self { url: format!("http://{address}"), address, state }
    }

    /// One that publishes its metadata and these keys.
    pub fn with(keys: &[Value]) -> Self {
        let issuer = Self::start();
        issuer.json(DISCOVERY, &json!({ "issuer": issuer.url, "jwks_uri": format!("{}{KEYS}", issuer.url) }));
        issuer.keys(keys);
        issuer
    }

    /// Publishes these keys instead of what was there.
    pub fn keys(&self, keys: &[Value]) {
        self.json(KEYS, &json!({ "keys": keys }));
    }

    /// What stands at an address.
    pub fn json(&self, path: &str, body: &Value) {
        self.page(path, 200, "", &body.to_string());
    }

    /// What stands at an address, with a status and a header line.
    pub fn page(&self, path: &str, status: u16, header: &str, body: &str) {
        self.state().pages.insert(path.to_owned(), (status, header.to_owned(), body.to_owned()));
    }

    /// Takes away what stands at an address.
    pub fn without(&self, path: &str) {
        self.state().pages.remove(path);
    }

    /// Whether every connection breaks.
    pub fn down(&self, down: bool) {
        self.state().down = down;
    }

    /// How often an address was asked for.
    pub fn seen(&self, path: &str) -> usize {
        self.state().seen.iter().filter(|seen| *seen == path).count()
    }

    /// How often it was asked at all.
    pub fn asked(&self) -> usize {
        self.state().seen.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for ForeignIssuer {
    fn drop(&mut self) {
        // Wakes the accepting thread, which finds nobody left.
        self.state = Arc::default();
        let _ = TcpStream::connect(self.address);
    }
}

/// Where the metadata are.
pub const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Where the keys are.
pub const KEYS: &str = "/keys";

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(first)) = lines.next() else { return };
    // To the end of the head.
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut state = state.lock().unwrap();
    state.seen.push(path.clone());
    if state.down {
        return;
    }
    let (status, header, body) = state.pages.get(&path).cloned().unwrap_or((404, String::new(), String::new()));
    let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
    let head = format!("HTTP/1.1 {status} Said\r\n{header}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}
