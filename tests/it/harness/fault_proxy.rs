//! A proxy before any HTTP peer that does to each request what a script says: what networks do, on demand.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// What happens to one request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// It passes, and so does the answer.
    Pass,
    /// It passes, the peer does it, and the connection breaks before the answer.
    DropAnswer,
    /// The connection breaks before the request reaches the peer.
    DropRequest,
    /// It passes, the peer does it, and the answer never comes; the connection stays open.
    HangAfter,
    /// Nothing reaches the peer and no answer ever comes.
    Hang,
    /// The answer's head comes, its body never does.
    HangBody,
    /// This answer, and nothing reaches the peer.
    Answer {
        /// Status.
        status: u16,
        /// Headers.
        headers: Vec<(String, String)>,
        /// Body.
        body: String,
    },
    /// The request passes; the answer comes without its body, as a 201 with none.
    EmptyBody,
}

impl Fault {
    /// An answer with a status alone.
    pub fn status(status: u16) -> Self {
        Fault::Answer { status, headers: Vec::new(), body: String::new() }
    }

    /// An answer with a status and one header.
    pub fn with_header(status: u16, name: &str, value: &str) -> Self {
        Fault::Answer { status, headers: vec![(name.to_owned(), value.to_owned())], body: String::new() }
    }

    /// An answer with a JSON body.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/scim+json".to_owned())];
        Fault::Answer { status, headers, body: body.to_string() }
    }
}

/// A request that came by.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header lines, as sent.
    pub headers: Vec<String>,
    /// Body.
    pub body: Vec<u8>,
    /// What was done to it.
    pub fault: Fault,
}

#[derive(Default)]
struct State {
    script: VecDeque<Fault>,
    always: Option<Fault>,
    seen: Vec<Seen>,
    hanging: Vec<TcpStream>,
}

/// The proxy; it stops accepting when dropped.
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl FaultProxy {
    /// Starts a proxy before a peer.
    pub fn start(peer: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let weak = Arc::downgrade(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), Some(state)) = (stream, weak.upgrade()) else { return };
                std::thread::spawn(move || serve(stream, peer, &state));
            }
        });
        Self { address, state }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happens to the next requests, one each; those after them pass.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().script.extend(faults);
    }

    /// What happens to every request that no script covers; `None` lets them pass.
    pub fn always(&self, fault: Option<Fault>) {
        self.state().always = fault;
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// Forgets the requests so far.
    pub fn clear(&self) {
        self.state().seen.clear();
    }

    /// How many requests with this method reached the peer.
    pub fn passed(&self, method: &str) -> usize {
        let reaches = |seen: &&Seen| matches!(seen.fault, Fault::Pass | Fault::DropAnswer | Fault::HangAfter | Fault::EmptyBody);
        self.state().seen.iter().filter(|seen| seen.method == method).filter(reaches).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // Wakes the accepting thread, which finds nobody left.
        self.state().hanging.clear();
        let _ = TcpStream::connect(self.address);
    }
}

struct Message {
    first: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

fn serve(stream: TcpStream, peer: SocketAddr, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut client = stream;
    while let Some(request) = read(&mut reader, false) {
        let mut words = request.first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let fault = {
            let mut state = state.lock().unwrap();
            let fault = state.script.pop_front().or_else(|| state.always.clone()).unwrap_or(Fault::Pass);
            let (headers, body) = (request.headers.clone(), request.body.clone());
            state.seen.push(Seen { method: method.clone(), path, headers, body, fault: fault.clone() });
            fault
        };
        let answer = match &fault {
            Fault::DropRequest => return,
            Fault::Hang => return state.lock().unwrap().hanging.push(client),
            Fault::Answer { status, headers, body } => {
                let lines = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                Message { first: format!("HTTP/1.1 {status} Scripted"), headers: lines, body: body.clone().into_bytes() }
            }
            _ => forward(peer, &request, method == "HEAD"),
        };
        match fault {
            Fault::DropAnswer => return,
            Fault::HangAfter => return state.lock().unwrap().hanging.push(client),
            Fault::HangBody => {
                let _ = write!(client, "{}\r\nContent-Length: {}\r\n\r\n{{", answer.first, answer.body.len().max(2));
                return state.lock().unwrap().hanging.push(client);
            }
            Fault::EmptyBody => write_message(&mut client, &Message { body: Vec::new(), ..answer }),
            _ => write_message(&mut client, &answer),
        }
    }
}

fn forward(peer: SocketAddr, request: &Message, head: bool) -> Message {
    let mut stream = TcpStream::connect(peer).unwrap();
    let mut headers: Vec<String> = request.headers.iter().filter(|line| !is(line, "connection")).cloned().collect();
    headers.push("Connection: close".to_owned());
    write_message(&mut stream, &Message { first: request.first.clone(), headers, body: request.body.clone() });
    let mut reader = BufReader::new(stream);
    let mut answer = read(&mut reader, head).expect("the peer answers");
    answer.headers.retain(|line| !is(line, "connection") && !is(line, "transfer-encoding"));
    answer
}

fn is(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name))
}

// One message by its Content-Length; an answer without one ends with the connection.
fn read(reader: &mut BufReader<TcpStream>, head: bool) -> Option<Message> {
    let mut line = || {
        let mut text = String::new();
        reader.read_line(&mut text).ok().filter(|read| *read > 0)?;
        Some(text.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = Vec::new();
    loop {
        let text = line()?;
        if text.is_empty() {
            break;
        }
        headers.push(text);
    }
    let length =
        headers.iter().find(|line| is(line, "content-length")).and_then(|line| line.split_once(':')?.1.trim().parse().ok());
    let answers = first.starts_with("HTTP/");
    let mut body = Vec::new();
    match length {
        _ if head => {}
        Some(length) => {
            body.resize(length, 0);
            reader.read_exact(&mut body).ok()?;
        }
        None if answers && !first.contains(" 204 ") && !first.contains(" 304 ") => {
            reader.read_to_end(&mut body).ok()?;
        }
        None => {}
    }
    Some(Message { first, headers, body })
}

fn write_message(stream: &mut TcpStream, message: &Message) {
    let mut out = format!("{}\r\n", message.first);
    for line in message.headers.iter().filter(|line| !is(line, "content-length")) {
        out.push_str(line);
        out.push_str("\r\n");
    }
    out.push_str(&format!("Content-Length: {}\r\n\r\n", message.body.len()));
    let _ = stream.write_all(out.as_bytes()).and_then(|()| stream.write_all(&message.body));
}
