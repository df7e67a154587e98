//! Serves the pages of a workload over HTTP on this machine, as the API would that they stand for.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// Pages `page-00000.json` and so on of a directory, under `GET /bookings?page=0&size=1000`.
#[derive(Debug)]
pub struct Served {
    /// Where they are.
    pub pages: PathBuf,
    /// How many records a page has; no other size is answered.
    pub size: u64,
    /// What an answer says that has no records.
    pub empty: String,
}

/// Serves on a free port of this machine for as long as the process lives, and answers where.
///
/// # Errors
/// Where no port is to be had.
pub fn serve(served: Served) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let served = Arc::new(served);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let served = Arc::clone(&served);
            // A client that goes away is no trouble.
            thread::spawn(move || served.talk(stream));
        }
    });
    Ok(address)
}

impl Served {
    /// Answers one request after the other.
    fn talk(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
            while line.trim_end() != "" {
                line.clear();
                if reader.read_line(&mut line)? == 0 {
                    return Ok(());
                }
            }
            match self.body(&target) {
                Some(body) => answer(&mut stream, "200 OK", &body)?,
                None => answer(&mut stream, "404 Not Found", br#"{"error":"no such page"}"#)?,
            }
        }
    }

    /// What a target leads to; none if it asks for something else, or in pages of another size.
    fn body(&self, target: &str) -> Option<Vec<u8>> {
        let query = target.strip_prefix("/bookings?")?;
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(key, _)| *key == name)?;
            value.parse::<u64>().ok()
        };
        if value("size")? != self.size {
            return None;
        }
        let page = fs::read(page_path(&self.pages, value("page")?));
        Some(page.unwrap_or_else(|_| self.empty.clone().into_bytes()))
    }
}

/// Where a page of a directory is.
pub(crate) fn page_path(pages: &Path, number: u64) -> PathBuf {
    pages.join(format!("page-{number:05}.json"))
}

fn answer(stream: &mut TcpStream, status: &str, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn get(address: SocketAddr, target: &str) -> String {
        let mut stream = TcpStream::connect(address).expect("a connection");
        let request = format!("GET {target} HTTP/1.1\r\nHost: here\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        stream
            .shutdown(std::net::Shutdown::Write)
            .expect("all of it");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    }

    #[test]
    fn pages_are_answered_by_their_number() {
        let pages = std::env::temp_dir().join(format!("lakehead-serve-{}", std::process::id()));
        fs::create_dir_all(&pages).expect("a directory");
        fs::write(page_path(&pages, 1), "{}").expect("a page");
        let empty = r#"{"bookings":[]}"#.to_owned();
        let address = serve(Served {
            pages: pages.clone(),
            size: 5,
            empty,
        })
        .expect("a port");
        for (target, end) in [
            ("/bookings?page=1&size=5", "\r\n\r\n{}"),
            ("/bookings?size=5&page=2", r#"{"bookings":[]}"#),
            ("/bookings?page=1&size=6", r#"{"error":"no such page"}"#),
            ("/bookings", r#"{"error":"no such page"}"#),
        ] {
            assert!(get(address, target).ends_with(end), "{target}");
        }
        fs::remove_dir_all(pages).expect("removed");
    }
}
