//! A server for tests on this machine: answers each connection with bytes from a script and keeps what it heard.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What one connection does after it has read a request.
pub(crate) enum Turn {
    /// Writes these bytes and closes.
    Say(Vec<u8>),
    /// Writes these bytes and then nothing, but stays open.
    Stall(Vec<u8>),
    /// Writes these bytes one by one with a pause between.
    Drip(Vec<u8>, Duration),
    /// Writes these bytes again and again as long as the other side reads.
    Flood(Vec<u8>, Vec<u8>),
}

/// A listening server; what its script does not cover is answered with 500.
pub(crate) struct Scripted {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    sent: Arc<Mutex<u64>>,
}

impl Scripted {
    pub(crate) fn start(script: Vec<Turn>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let sent = Arc::new(Mutex::new(0));
        let (heard_by, sent_by) = (heard.clone(), sent.clone());
        let mut script: VecDeque<Turn> = script.into();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let turn = script
                    .pop_front()
                    .unwrap_or_else(|| Turn::Say(answer(500, "", "")));
                let (heard, sent) = (heard_by.clone(), sent_by.clone());
                std::thread::spawn(move || {
                    serve(stream.expect("a connection"), turn, &heard, &sent)
                });
            }
        });
        Scripted {
            address,
            heard,
            sent,
        }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads of the requests that came, with their bodies.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("whole").clone()
    }

    /// How many bytes the other side took.
    pub(crate) fn sent(&self) -> u64 {
        *self.sent.lock().expect("whole")
    }
}

fn serve(mut stream: TcpStream, turn: Turn, heard: &Mutex<Vec<String>>, sent: &Mutex<u64>) {
    let Some(request) = read_request(&mut stream) else {
        return;
    };
    heard.lock().expect("whole").push(request);
    let say = |stream: &mut TcpStream, bytes: &[u8]| {
        let written = stream.write_all(bytes).and_then(|()| stream.flush());
        *sent.lock().expect("whole") += bytes.len() as u64;
        written.is_ok()
    };
    match turn {
        Turn::Say(bytes) => {
            say(&mut stream, &bytes);
        }
        Turn::Stall(bytes) => {
            say(&mut stream, &bytes);
            // Until the other side goes.
            let _ = stream.read(&mut [0]);
        }
        Turn::Drip(bytes, pause) => {
            for byte in bytes {
                if !say(&mut stream, &[byte]) {
                    return;
                }
                std::thread::sleep(pause);
            }
        }
        Turn::Flood(head, bytes) => {
            let mut going = say(&mut stream, &head);
            while going {
                going = say(&mut stream, &bytes);
            }
        }
    }
}

fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    let length = head.lines().find_map(|line| {
        line.to_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}

/// An answer with its length; `headers` are whole lines.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    encoded(status, headers, body.as_bytes())
}

/// As [`answer`], of bytes.
pub(crate) fn encoded(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}
