//! A wire to the emulator that loses answers: what was asked for is done, and nobody is told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// The wire.
pub struct Wire {
    pub endpoint: String,
    /// How many answers were lost.
    pub lost: Arc<AtomicU32>,
}

impl Wire {
    /// A wire on which the answers to the first requests are lost whose text holds `which`.
    pub fn to(endpoint: &str, which: &'static str, losses: u32) -> Self {
        let behind = endpoint.strip_prefix("http://").expect("plain HTTP");
        let behind: SocketAddr = behind.parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let lost = Arc::new(AtomicU32::new(0));
        let counted = lost.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let lost = counted.clone();
                std::thread::spawn(move || carry(stream, behind, which, losses, &lost));
            }
        });
        Wire { endpoint, lost }
    }
}

/// Carries one request and its answer; each has a connection of its own.
fn carry(mut client: TcpStream, behind: SocketAddr, which: &str, losses: u32, lost: &AtomicU32) {
    let Some(request) = request(&mut client) else {
        return;
    };
    let is_meant = String::from_utf8_lossy(&request).contains(which);
    let mut emulator = TcpStream::connect(behind).expect("the emulator");
    emulator.write_all(&request).expect("sent");
    let mut answer = Vec::new();
    emulator.read_to_end(&mut answer).expect("answered");
    if is_meant && lost.load(SeqCst) < losses {
        lost.fetch_add(1, SeqCst);
        return;
    }
    let _ = client.write_all(&answer);
}

/// One request, which asks for the connection to be closed after it.
fn request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>().ok())?
    });
    if head.to_lowercase().contains("expect: 100-continue") {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).ok()?;
    let kept = head.split_inclusive("\r\n").filter(|line| {
        let line = line.to_lowercase();
        !line.starts_with("expect:") && !line.starts_with("connection:")
    });
    let head: String = kept.collect();
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    Some([head.into_bytes(), body].concat())
}
