//! What the tests stand on: real peers, faults on demand, waiting without sleeping.

pub mod cases;
pub mod commit_proxy;
pub mod dump;
pub mod fault_proxy;
pub mod filters;
pub mod gateway;
pub mod issuer;
pub mod node;
pub mod postgres;
pub mod process;
pub mod python;

use std::sync::mpsc;
use std::time::{Duration, Instant};

// The generators name the crate's domain by this path, in the library's own tests as well.
use provost::domain;

/// Asks again and again until there is an answer; panics with `what` when there is none in time.
pub fn poll_until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let (_never, tick) = mpsc::channel::<()>();
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        // Nobody sends: this is a pause that ends by its own time.
        let _ = tick.recv_timeout(Duration::from_millis(15));
    }
}

/// A port that nobody listens at just now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
