//! SIGTERM and SIGINT: what is in flight is finished, nothing new is taken, and the process is gone in time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::crash::Load;
use crate::harness::gateway::ADMIN;
use crate::harness::process::{Process, folder, run, text};

#[test]
fn what_is_in_flight_is_finished() {
    for signal in ["TERM", "INT"] {
        let (_folder, data) = folder();
        let running = Process::on(&data);
        let load = Load::start(&running, 4);
        load.wait_for(20);
        // The server asks for the body, so the request is in flight.
        let body = json!({ "userName": "in.flight" }).to_string();
        let mut stream = TcpStream::connect(running.url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(
            stream,
            "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\nContent-Type: application/scim+json\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        )
        .unwrap();
        let mut answer = BufReader::new(stream.try_clone().unwrap()).lines();
        assert_eq!(answer.next().unwrap().unwrap(), "HTTP/1.1 100 Continue");
        answer.next();
        running.signal(signal);
        running.wait_for_line("stopping");
        stream.write_all(body.as_bytes()).unwrap();
        assert_eq!(answer.next().unwrap().unwrap(), "HTTP/1.1 201 Created", "{signal}");
        assert_eq!(running.wait(Duration::from_secs(10)).code(), Some(0), "{signal}");
        let done = load.end();

        run(&["doctor", "--data", text(&data)], &[]).ok();
        let again = Process::on(&data);
        done.check(&again);
    }
}
