//! A proxy before PostgreSQL that loses the answer to one COMMIT: it is done, and nobody hears.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

type Mark = Arc<Mutex<Option<String>>>;

/// The proxy; it stops accepting when dropped.
pub struct CommitProxy {
    address: SocketAddr,
    mark: Mark,
}

impl CommitProxy {
    /// Starts one before the server of a connection string. The connection string that leads through it.
    pub fn before(url: &str) -> (Self, String) {
        let (head, rest) = url.split_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let server: SocketAddr = server.parse().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let mark = Mark::default();
        let weak = Arc::downgrade(&mark);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), Some(mark)) = (stream, weak.upgrade()) else { return };
                std::thread::spawn(move || serve(&stream, server, &mark));
            }
        });
        (Self { address, mark }, format!("{head}@{address}/{database}"))
    }

    /// Loses the answer to the first COMMIT on a connection that carried this text.
    pub fn lose(&self, text: &str) {
        *self.mark.lock().unwrap() = Some(text.to_owned());
    }

    /// Whether it was lost.
    pub fn has_lost(&self) -> bool {
        self.mark.lock().unwrap().is_none()
    }
}

impl Drop for CommitProxy {
    fn drop(&mut self) {
        // Wakes the accepting thread, which finds nobody left.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(client: &TcpStream, server: SocketAddr, mark: &Mark) {
    let server = TcpStream::connect(server).unwrap();
    let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let silent = Arc::new(Mutex::new(false));
    let hush = silent.clone();
    let back = std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            // The server has answered what nobody is to hear.
            if *hush.lock().unwrap() || to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
    let (mut reader, mut writer, mut buffer, mut marked) = (client, &server, [0; 65_536], false);
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        let sent = &buffer[..read];
        let mut wanted = mark.lock().unwrap();
        marked |= wanted.as_ref().is_some_and(|text| holds(sent, text.as_bytes()));
        if marked && holds(sent, b"COMMIT\0") {
            (*silent.lock().unwrap(), *wanted, marked) = (true, None, false);
        }
        drop(wanted);
        if writer.write_all(sent).is_err() {
            break;
        }
    }
    let _ = server.shutdown(std::net::Shutdown::Both);
    let _ = back.join();
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
