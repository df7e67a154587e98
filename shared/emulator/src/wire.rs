//! A wire to the emulator that loses answers and refuses requests on demand.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::Emulator;

/// What becomes of a request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Passes,
    /// It is done, and the answer is lost.
    Unanswered,
    /// It is not done, but answered with this status and code.
    Refused(u16, &'static str),
}

/// A wire to the emulator. Requests whose first line begins like `which`, that ask for the action `which` of a service
/// that speaks JSON, or whose text there holds `which`, meet the fates, one after the other; all others pass.
pub struct Wire {
    /// Where it listens, `http://127.0.0.1:PORT`.
    pub endpoint: String,
    fates: Arc<Mutex<VecDeque<Fate>>>,
    carried: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    /// A new wire.
    pub fn to(emulator: &Emulator, which: &'static str, fates: &[Fate]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let fates = Arc::new(Mutex::new(VecDeque::from(fates.to_vec())));
        let carried = Arc::new(Mutex::new(Vec::new()));
        let (fates_by, carried_by, behind) = (fates.clone(), carried.clone(), address(emulator));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (fates, carried) = (fates_by.clone(), carried_by.clone());
                std::thread::spawn(move || carry(stream, behind, which, &fates, &carried));
            }
        });
        Wire {
            endpoint,
            fates,
            carried,
        }
    }

    /// Whether every fate was met.
    pub fn is_used_up(&self) -> bool {
        self.fates.lock().expect("whole").is_empty()
    }

    /// The requests that came, by their actions, or where they name none by their first lines.
    pub fn carried(&self) -> Vec<String> {
        self.carried.lock().expect("whole").clone()
    }

    /// How often an action was asked for.
    pub fn asked(&self, action: &str) -> usize {
        let carried = self.carried();
        carried.iter().filter(|asked| *asked == action).count()
    }
}

fn address(emulator: &Emulator) -> SocketAddr {
    let address = emulator.endpoint.strip_prefix("http://");
    let address = address.expect("plain HTTP").parse();
    address.expect("an address")
}

/// Carries one request and its answer; each has a connection of its own.
fn carry(
    mut client: TcpStream,
    behind: SocketAddr,
    which: &str,
    fates: &Mutex<VecDeque<Fate>>,
    carried: &Mutex<Vec<String>>,
) {
    let Some((head, body)) = request(&mut client) else {
        return;
    };
    let first = head.lines().next().unwrap_or_default().to_owned();
    let target = header(&head, "x-amz-target");
    let action = target
        .as_deref()
        .and_then(|target| target.rsplit('.').next());
    let is_asked = |action| action == which || String::from_utf8_lossy(&body).contains(which);
    let fate = match first.starts_with(which) || action.is_some_and(is_asked) {
        true => fates.lock().expect("whole").pop_front(),
        false => None,
    };
    let name = action.map_or_else(|| first.clone(), str::to_owned);
    carried.lock().expect("whole").push(name);
    if let Some(Fate::Refused(status, code)) = fate {
        // All services but S3 speak JSON.
        let body = match action.is_some() {
            true => format!("{{\"__type\": \"{code}\", \"message\": \"so be it\"}}"),
            false => format!("<Error><Code>{code}</Code><Message>so be it</Message></Error>"),
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let _ = client.write_all(answer.as_bytes());
        return;
    }
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let mut emulator = TcpStream::connect(behind).expect("the emulator");
    emulator.write_all(head.as_bytes()).expect("sent");
    emulator.write_all(&body).expect("sent");
    let mut answer = Vec::new();
    emulator.read_to_end(&mut answer).expect("answered");
    if fate != Some(Fate::Unanswered) {
        let _ = client.write_all(&answer);
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = lines.filter(|(header, _)| header.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.to_owned())
}

fn request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    if header(&head, "expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let length = header(&head, "content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).ok()?;
    let lines = head.split_inclusive("\r\n");
    let kept = lines.filter(|line| {
        let line = line.to_lowercase();
        !line.starts_with("expect:") && !line.starts_with("connection:")
    });
    Some((kept.collect(), body))
}
