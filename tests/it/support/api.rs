//! A source API on 127.0.0.1 that shares no code with the product: plain threads over std sockets, so that
//! engine and test cannot share one misunderstanding of HTTP.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query, undecoded.
    pub query: String,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// What it carried.
    pub body: Vec<u8>,
    /// When it came.
    pub at: Instant,
}

impl Request {
    /// The value of a query parameter, undecoded.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What to put on the wire.
pub enum Response {
    /// A status, extra header lines, and a body with its right length.
    Whole(u16, Vec<String>, Vec<u8>),
    /// These very bytes, then the connection is closed.
    Bytes(Vec<u8>),
}

impl Response {
    /// 200 with JSON.
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Response::Whole(200, Vec::new(), body.into())
    }

    /// A status with a small JSON body.
    pub fn status(status: u16) -> Self {
        Response::Whole(status, Vec::new(), br#"{"error":"as asked"}"#.to_vec())
    }
}

type Handler = dyn Fn(&Request) -> Response + Send + Sync;

/// A running API; it ends with the test process.
pub struct Api {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Api {
    /// Starts an API that answers by `handler`.
    pub fn start(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let handler: Arc<Handler> = Arc::new(handler);
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let handler = Arc::clone(&handler);
                let log = Arc::clone(&log);
                thread::spawn(move || serve(stream, &handler, &log));
            }
        });
        Api { address, seen }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

fn serve(stream: TcpStream, handler: &Arc<Handler>, log: &Mutex<Vec<Request>>) {
    let Ok(reading) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(reading);
    let mut writer = stream;
    while let Some(request) = read_request(&mut reader) {
        log.lock().expect("not poisoned").push(request.clone());
        let sent = match handler(&request) {
            Response::Whole(status, headers, body) => send(&mut writer, status, &headers, &body),
            Response::Bytes(bytes) => {
                let _ = writer.write_all(&bytes);
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|bytes| *bytes > 0)?;
    let mut words = line.split_whitespace();
    let method = words.next()?.to_owned();
    let target = words.next()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body,
        at: Instant::now(),
    })
}

fn send(
    writer: &mut TcpStream,
    status: u16,
    headers: &[String],
    body: &[u8],
) -> std::io::Result<()> {
    let mut head = format!(
        "HTTP/1.1 {status} As Asked\r\ncontent-length: {}\r\n",
        body.len()
    );
    for header in headers {
        head += header;
        head += "\r\n";
    }
    head += "\r\n";
    let mut whole = head.into_bytes();
    whole.extend_from_slice(body);
    writer.write_all(&whole)
}
