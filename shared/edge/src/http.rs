//! Sends one request and reads its whole answer, or says why there is none.
//!
//! Nothing here decides: no redirect is followed, no cookie kept, no request repeated, no proxy used. An
//! answer is complete or it is none: what breaks off is an error, however it breaks off.

use std::error::Error;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use pipeline::address::Reach;
use pipeline::auth::Identity;
use pipeline::fault::Fault;
use pipeline::request::{Answer, Credential, Method, Request};
use pipeline::source::{Limits, Source, Timeouts};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use tokio::time::timeout;
use url::{Host, Url};

use crate::settings::Settings;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It may pass. `unsent` says that the source surely saw nothing of the request.
    Passing {
        /// The fact.
        message: String,
        /// Whether the source surely saw nothing.
        unsent: bool,
    },
    /// It will not pass.
    Lasting(Fault),
}

impl Trouble {
    fn passing(message: impl Into<String>) -> Self {
        Trouble::Passing {
            message: message.into(),
            unsent: false,
        }
    }
}

/// Sends requests to one source.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    origin: url::Origin,
    reach: Reach,
    timeouts: Timeouts,
    limits: Limits,
}

impl Http {
    /// A sender for this source.
    pub fn open(
        source: &Source,
        identity: Option<&Identity>,
        settings: &Settings,
    ) -> Result<Self, Fault> {
        let to = (source.base(), source.reach());
        Http::resolving(source, to, identity, settings, Arc::new(look_up))
    }

    /// A sender for where this source's tokens are asked for; none where none are.
    pub fn to_grants(
        source: &Source,
        identity: Option<&Identity>,
        settings: &Settings,
    ) -> Result<Option<Self>, Fault> {
        let Some(address) = source.grants() else {
            return Ok(None);
        };
        let reach = Reach::of(address, source.definition().allow_private);
        let to = (address, reach);
        Http::resolving(source, to, identity, settings, Arc::new(look_up)).map(Some)
    }

    fn resolving(
        source: &Source,
        (address, reach): (&Url, Reach),
        identity: Option<&Identity>,
        settings: &Settings,
        look_up: LookUp,
    ) -> Result<Self, Fault> {
        let Timeouts { connect, .. } = source.definition().timeouts;
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .retry(reqwest::retry::never())
            .connect_timeout(connect.duration())
            .dns_resolver(Checked { reach, look_up });
        if let Some(path) = &settings.ca_file {
            builder = builder.tls_certs_merge(certificates(path)?);
        }
        if let Some(identity) = identity {
            builder = builder.identity(shown(identity, address)?).https_only(true);
        }
        let client = builder.build().map_err(|error| {
            Fault::bad_definition(format!(
                "no encrypted connection is possible here: {}",
                root(&error)
            ))
        })?;
        Ok(Http {
            client,
            origin: address.origin(),
            reach,
            timeouts: source.definition().timeouts.clone(),
            limits: source.definition().limits.clone(),
        })
    }

    /// Sends a request that may take until `at_most` from now, and reads the whole answer.
    pub async fn send(&self, request: &Request, at_most: Duration) -> Result<Answer, Trouble> {
        self.check(&request.url).map_err(Trouble::Lasting)?;
        let total = self.timeouts.total.duration().min(at_most);
        match timeout(total, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(Trouble::passing(format!(
                "the answer was not complete within {} s",
                total.as_secs_f64()
            ))),
        }
    }

    /// Credentials go to the source's own origin only. A host that is an address needs no look-up, so it is
    /// checked here and not there.
    fn check(&self, url: &Url) -> Result<(), Fault> {
        if url.origin() != self.origin {
            return Err(Fault::bug(
                "a request to another origin than the source's was about to be sent",
            ));
        }
        let address: IpAddr = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            _ => return Ok(()),
        };
        match self.reach.allows(address) {
            true => Ok(()),
            false => Err(Fault::bad_definition(
                Forbidden(url.authority().to_owned()).to_string(),
            )),
        }
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, Trouble> {
        let wire = wire(request).map_err(Trouble::Lasting)?;
        let idle = self.timeouts.idle.duration();
        let stalled = || {
            Trouble::passing(format!(
                "no byte of the answer came within {} s",
                idle.as_secs_f64()
            ))
        };
        let response = timeout(idle, self.client.execute(wire))
            .await
            .map_err(|_| stalled())?;
        let mut response = response.map_err(|error| self.trouble(error))?;
        let headers = response.headers().iter();
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        let mut body = BodyReader::new(response.headers().get(CONTENT_ENCODING), &self.limits)?;
        body.expect(response.content_length());
        loop {
            let chunk = timeout(idle, response.chunk())
                .await
                .map_err(|_| stalled())?;
            match chunk.map_err(|error| self.trouble(error))? {
                Some(bytes) => body.push(&bytes)?,
                None => break,
            }
        }
        Ok(Answer {
            status: response.status().as_u16(),
            headers,
            body: body.finish()?,
        })
    }

    fn trouble(&self, error: reqwest::Error) -> Trouble {
        let error = error.without_url();
        if let Some(forbidden) = forbidden(&error) {
            return Trouble::Lasting(Fault::bad_definition(forbidden.to_string()));
        }
        let origin = self.origin.ascii_serialization();
        let cause = root(&error);
        match error.is_connect() {
            true => Trouble::Passing {
                message: format!("no connection to {origin}: {cause}"),
                unsent: true,
            },
            false => Trouble::passing(format!("the answer of {origin} broke off: {cause}")),
        }
    }
}

/// The certificate that is shown when a connection is made. What is wrong with it is not shown.
fn shown(identity: &Identity, address: &Url) -> Result<reqwest::Identity, Fault> {
    if address.scheme() != "https" {
        return Err(Fault::bad_definition(format!(
            "{} is asked without encryption, so no client certificate is shown to it; use https",
            address.origin().ascii_serialization()
        )));
    }
    reqwest::Identity::from_pem(identity.pem.expose().as_bytes()).map_err(|_| {
        Fault::bad_definition(format!(
            "the secrets `{}` and `{}` are not a certificate and its private key in PEM",
            identity.certificate, identity.key
        ))
    })
}

fn certificates(path: &std::path::Path) -> Result<Vec<reqwest::Certificate>, Fault> {
    let shown = path.display();
    let pem = std::fs::read(path).map_err(|error| {
        Fault::bad_definition(format!(
            "the certificates {shown} cannot be read: {}",
            error.kind()
        ))
    })?;
    reqwest::Certificate::from_pem_bundle(&pem)
        .map_err(|_| Fault::bad_definition(format!("{shown} holds no certificates in PEM")))
}

/// The request as the wire takes it, credentials included.
fn wire(request: &Request) -> Result<reqwest::Request, Fault> {
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
    };
    let mut wire = reqwest::Request::new(method, request.exposed_url());
    let headers = wire.headers_mut();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    for (name, value) in &request.headers {
        let (name, value) = header(name, value)?;
        headers.insert(name, value);
    }
    for credential in &request.credentials {
        if let Credential::Header { name, value } = credential {
            let (name, mut value) = header(name, value.expose())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    if let Some(body) = &request.body {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(body.content_type));
        *wire.body_mut() = Some(body.bytes.clone().into());
    }
    Ok(wire)
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Fault> {
    let refused = || Fault::bad_definition(format!("the header `{name}` cannot carry its value"));
    let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| refused())?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
    Ok((name, value))
}

/// The innermost cause, which says the fact without the chain of who noticed it.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn forbidden<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Forbidden> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(forbidden) = error.downcast_ref() {
            return Some(forbidden);
        }
        cause = error.source();
    }
    None
}

/// A host that lies where the definition does not say it lies.
#[derive(Debug)]
struct Forbidden(String);

impl std::fmt::Display for Forbidden {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "`{}` lies in a local, private or reserved network, and nothing was sent; set `allow_private` under `source` if a private one is meant",
            self.0
        )
    }
}

impl Error for Forbidden {}

type LookUp = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

fn look_up(name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
    Box::pin(async move {
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    })
}

/// Looks names up and hands on only addresses that may be reached. The connection is made to exactly these,
/// so a name that changes its address between a check and its use gains nothing.
struct Checked {
    reach: Reach,
    look_up: LookUp,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        let name = name.as_str().to_owned();
        let found = (self.look_up)(name.clone());
        Box::pin(async move {
            let found = found.await?;
            let allowed: Vec<SocketAddr> = found
                .iter()
                .filter(|address| reach.allows(**address))
                .map(|address| SocketAddr::new(*address, 0))
                .collect();
            match allowed.is_empty() && !found.is_empty() {
                true => Err(Forbidden(name).into()),
                false => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// Undoes the content encoding while the body comes in, within bounds.
enum BodyReader {
    Plain(Bounded),
    Gzip(Box<flate2::write::MultiGzDecoder<Bounded>>),
}

impl BodyReader {
    fn new(encoding: Option<&HeaderValue>, limits: &Limits) -> Result<Self, Trouble> {
        let bounded = Bounded::new(limits);
        match encoding.map_or(&b""[..], HeaderValue::as_bytes) {
            b"" | b"identity" => Ok(BodyReader::Plain(bounded)),
            b"gzip" | b"x-gzip" => {
                let decoder = flate2::write::MultiGzDecoder::new(bounded);
                Ok(BodyReader::Gzip(Box::new(decoder)))
            }
            _ => Err(Trouble::Lasting(Fault::rejected(
                "the answer has a content encoding that was not asked for; only gzip is read",
            ))),
        }
    }

    /// Makes room for a body as long as announced, within reason: it is not there yet.
    fn expect(&mut self, bytes: Option<u64>) {
        if let (BodyReader::Plain(bounded), Some(bytes)) = (self, bytes) {
            let most = bounded.most.min(EXPECTED);
            let bytes = usize::try_from(bytes).unwrap_or(most);
            bounded.bytes.reserve_exact(bytes.min(most));
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let written = match self {
            BodyReader::Plain(bounded) => bounded.write_all(bytes),
            BodyReader::Gzip(decoder) => {
                decoder.get_mut().received += bytes.len() as u64;
                decoder.write_all(bytes)
            }
        };
        written.map_err(broken)
    }

    fn finish(self) -> Result<Vec<u8>, Trouble> {
        match self {
            BodyReader::Plain(bounded) => Ok(bounded.bytes),
            // An answer without a body may still carry the header of its encoding.
            BodyReader::Gzip(decoder) if decoder.get_ref().received == 0 => Ok(Vec::new()),
            BodyReader::Gzip(decoder) => Ok(decoder.finish().map_err(broken)?.bytes),
        }
    }
}

fn broken(error: io::Error) -> Trouble {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<TooLarge>())
    {
        Some(too_large) => Trouble::Lasting(Fault::rejected(too_large.0.clone())),
        None => Trouble::passing("the compressed answer is damaged or incomplete"),
    }
}

/// A buffer that ends early what grows too large.
struct Bounded {
    bytes: Vec<u8>,
    received: u64,
    most: usize,
    ratio: u64,
}

/// So much room is made for a body that is only announced.
const EXPECTED: usize = 16 << 20;
/// Below this size no ratio is suspicious.
const INNOCENT: u64 = 1 << 20;

impl Bounded {
    fn new(limits: &Limits) -> Self {
        Bounded {
            bytes: Vec::new(),
            received: 0,
            most: (limits.body_mib as usize) << 20,
            ratio: limits.ratio.into(),
        }
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.bytes.len() + bytes.len();
        if size > self.most {
            return Err(too_large(format!(
                "the answer is larger than {} MiB; raise `body_mib` under `limits` if that is right",
                self.most >> 20
            )));
        }
        let compressed = self.received > 0 && size as u64 > INNOCENT;
        if compressed && size as u64 > self.received.saturating_mul(self.ratio) {
            return Err(too_large(format!(
                "the compressed answer grows more than {} times; raise `ratio` under `limits` if that is right",
                self.ratio
            )));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct TooLarge(String);

impl std::fmt::Display for TooLarge {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for TooLarge {}

fn too_large(message: String) -> io::Error {
    io::Error::other(TooLarge(message))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use pipeline::decode::decode;
    use pipeline::number::Values;
    use pipeline::source::SourceDefinition;

    use super::*;
    use crate::scripted::{Scripted, Turn, answer, encoded};

    const LONG: Duration = Duration::from_secs(60);

    fn source(base: &str, more: &str) -> Source {
        let text = format!("{{ base_url: '{base}', {more} }}");
        let decoded = decode::<SourceDefinition>(&text);
        assert!(
            decoded.problems.is_empty(),
            "{}",
            decoded.problems.render("p", &text)
        );
        decoded
            .value
            .expect("decodes")
            .open(&Values::new())
            .expect("opens")
    }

    async fn ask(server: &Scripted, more: &str) -> Result<Answer, Trouble> {
        let source = source(&server.base(), more);
        let http = Http::open(&source, None, &Settings::default()).expect("opens");
        http.send(&Request::get(source.base().clone()), LONG).await
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).expect("written");
        encoder.finish().expect("finished")
    }

    /// JSON that does not compress too well.
    fn sample() -> String {
        let numbers: Vec<String> = (0u64..600)
            .map(|number| (number * 2_654_435_761 % 999_983).to_string())
            .collect();
        format!("[{}]", numbers.join(","))
    }

    #[tokio::test]
    async fn whole_answers_are_accepted_in_every_framing() {
        let text = sample();
        let chunked = format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{text}\r\n0\r\n\r\n",
            text.len()
        );
        let closed = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{text}");
        let members = [gzip(&text.as_bytes()[..100]), gzip(&text.as_bytes()[100..])].concat();
        let script = [
            answer(200, "", &text),
            chunked.into_bytes(),
            closed.into_bytes(),
            encoded(200, "content-encoding: gzip\r\n", &gzip(text.as_bytes())),
            encoded(200, "content-encoding: gzip\r\n", &members),
        ];
        let count = script.len();
        let server = Scripted::start(script.into_iter().map(Turn::Say).collect());
        for number in 0..count {
            let answer = ask(&server, "").await.expect("an answer");
            assert_eq!(
                (answer.status, answer.body == text.as_bytes()),
                (200, true),
                "{number}"
            );
        }
        let heard = server.heard();
        assert!(
            heard
                .iter()
                .all(|head| head.contains("accept-encoding: gzip\r\n")),
            "{heard:?}"
        );
        assert!(
            heard
                .iter()
                .all(|head| !head.contains("referer") && !head.contains("cookie")),
            "{heard:?}"
        );
    }

    #[tokio::test]
    async fn an_answer_cut_anywhere_is_never_accepted() {
        let text = sample();
        let zipped = gzip(text.as_bytes());
        assert!((1500..4000).contains(&zipped.len()), "{}", zipped.len());
        let whole = encoded(200, "content-encoding: gzip\r\n", &zipped);
        let head = whole.len() - zipped.len();
        let chunked = format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{text}\r\n0\r\n\r\n",
            text.len()
        );
        let mut cuts = Vec::new();
        for cut in 1..zipped.len() {
            // Framed as if it were whole: only the decoder can tell.
            cuts.push(encoded(200, "content-encoding: gzip\r\n", &zipped[..cut]));
            if cut % 50 == 0 {
                cuts.push(whole[..head + cut].to_vec());
            }
        }
        let plain = answer(200, "", &text);
        for cut in (0..text.len()).step_by(100) {
            cuts.push(plain[..plain.len() - text.len() + cut].to_vec());
        }
        for cut in [
            60,
            90,
            500,
            1000,
            chunked.len() - 8,
            chunked.len() - 5,
            chunked.len() - 2,
        ] {
            cuts.push(chunked.as_bytes()[..cut].to_vec());
        }
        let count = cuts.len();
        let server = Scripted::start(cuts.into_iter().map(Turn::Say).collect());
        let source = source(&server.base(), "");
        let http = Http::open(&source, None, &Settings::default()).expect("opens");
        let mut accepted = 0;
        for _ in 0..count {
            match http.send(&Request::get(source.base().clone()), LONG).await {
                Ok(_) => accepted += 1,
                Err(Trouble::Passing { .. }) => {}
                Err(trouble) => panic!("{trouble:?}"),
            }
        }
        assert_eq!((accepted, server.heard().len()), (0, count));
    }

    #[tokio::test]
    async fn what_is_no_gzip_or_another_encoding_is_refused() {
        let mut damaged = gzip(sample().as_bytes());
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x10;
        let trailing = [gzip(b"[1]"), b"more".to_vec()].concat();
        let nested = gzip(&gzip(b"[1]"));
        let script = [
            encoded(200, "content-encoding: gzip\r\n", &damaged),
            encoded(200, "content-encoding: gzip\r\n", b"[1]"),
            encoded(200, "content-encoding: gzip\r\n", &trailing),
            encoded(200, "content-encoding: gzip, gzip\r\n", &nested),
            encoded(200, "content-encoding: br\r\n", b"[1]"),
        ];
        let server = Scripted::start(script.into_iter().map(Turn::Say).collect());
        for number in 0..5 {
            let trouble = ask(&server, "").await.expect_err("refused");
            assert_eq!(
                matches!(trouble, Trouble::Passing { .. }),
                number < 3,
                "{number}: {trouble:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_bomb_ends_at_the_cap_and_an_endless_body_too() {
        let bomb = gzip(&vec![b' '; 64 << 20]);
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let megabyte = [
            b"100000\r\n".to_vec(),
            vec![b' '; 1 << 20],
            b"\r\n".to_vec(),
        ]
        .concat();
        let server = Scripted::start(vec![
            Turn::Say(encoded(200, "content-encoding: gzip\r\n", &bomb)),
            Turn::Say(encoded(200, "content-encoding: gzip\r\n", &bomb)),
            Turn::Flood(head.as_bytes().to_vec(), megabyte),
            Turn::Flood(
                b"HTTP/1.1 200 OK\r\n".to_vec(),
                b"x-filler: 0123456789012345678901234567890123456789\r\n".to_vec(),
            ),
        ]);
        for (more, part) in [
            (
                "limits: { body_mib: 8, ratio: 100000 }",
                "larger than 8 MiB",
            ),
            (
                "limits: { body_mib: 64, ratio: 100 }",
                "grows more than 100 times",
            ),
            ("limits: { body_mib: 4 }", "larger than 4 MiB"),
        ] {
            let Err(Trouble::Lasting(fault)) = ask(&server, more).await else {
                panic!("accepted")
            };
            assert!(fault.message.contains(part), "{fault}");
        }
        let before = server.sent();
        assert!(ask(&server, "").await.is_err());
        assert!(
            server.sent() - before < 16 << 20,
            "{}",
            server.sent() - before
        );
    }

    #[test]
    fn what_a_decoder_makes_stops_at_the_cap() {
        let bomb = gzip(&vec![b' '; 64 << 20]);
        let limits = Limits {
            body_mib: 8,
            ratio: u32::MAX,
            ..Limits::default()
        };
        let encoding = HeaderValue::from_static("gzip");
        let mut reader = BodyReader::new(Some(&encoding), &limits).expect("a reader");
        assert!(reader.push(&bomb).is_err());
        let BodyReader::Gzip(decoder) = reader else {
            panic!("not gzip")
        };
        assert!(decoder.get_ref().bytes.len() <= 8 << 20);
    }

    #[tokio::test]
    async fn slow_answers_end_within_their_limits() {
        let whole = answer(200, "", "[1, 2, 3]");
        let server = Scripted::start(vec![
            Turn::Stall(Vec::new()),
            Turn::Stall(whole[..30].to_vec()),
            Turn::Stall(whole[..whole.len() - 3].to_vec()),
            Turn::Drip(whole, Duration::from_millis(20)),
        ]);
        for (more, part) in [
            (
                "timeouts: { idle: 0.1 }",
                "no byte of the answer came within 0.1 s",
            ),
            (
                "timeouts: { idle: 0.1 }",
                "no byte of the answer came within 0.1 s",
            ),
            (
                "timeouts: { idle: 0.1 }",
                "no byte of the answer came within 0.1 s",
            ),
            ("timeouts: { total: 0.3 }", "not complete within 0.3 s"),
        ] {
            let began = Instant::now();
            let Err(Trouble::Passing {
                message,
                unsent: false,
            }) = ask(&server, more).await
            else {
                panic!("{part}")
            };
            assert!(message.contains(part), "{message}");
            assert!(began.elapsed() < Duration::from_secs(2));
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_surely_unsent() {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("an address");
        let source = source(&format!("http://{port}"), "");
        let http = Http::open(&source, None, &Settings::default()).expect("opens");
        let trouble = http
            .send(&Request::get(source.base().clone()), LONG)
            .await
            .expect_err("closed");
        assert!(
            matches!(&trouble, Trouble::Passing { unsent: true, message } if message.contains("no connection to http://127.0.0.1")),
            "{trouble:?}"
        );
    }

    #[tokio::test]
    async fn a_name_that_turns_to_an_inner_address_is_not_followed() {
        let canary = Scripted::start(Vec::new());
        let port = canary.address.port();
        let source = source(
            &format!("http://rebound.example:{port}"),
            "allow_http: true",
        );
        for (address, forbidden) in [
            ("127.0.0.1", true),
            ("10.0.0.1", true),
            ("169.254.169.254", true),
            ("::ffff:127.0.0.1", true),
            ("::1", true),
        ] {
            let address: IpAddr = address.parse().expect(address);
            // Whatever it was when somebody looked before, at the connection it is this.
            let look_up: LookUp = Arc::new(move |_| Box::pin(async move { Ok(vec![address]) }));
            let to = (source.base(), source.reach());
            let http =
                Http::resolving(&source, to, None, &Settings::default(), look_up).expect("opens");
            let trouble = http
                .send(&Request::get(source.base().clone()), LONG)
                .await
                .expect_err("refused");
            let Trouble::Lasting(fault) = trouble else {
                panic!("{trouble:?}")
            };
            assert!(
                forbidden && fault.message.contains("`rebound.example` lies in a local"),
                "{fault}"
            );
        }
        assert!(canary.heard().is_empty());
        let named = self::source(&format!("http://localhost:{port}"), "");
        let http = Http::open(&named, None, &Settings::default()).expect("opens");
        let answer = http
            .send(&Request::get(named.base().clone()), LONG)
            .await
            .expect("an answer");
        assert_eq!(answer.status, 500);
    }

    #[tokio::test]
    async fn metadata_and_other_origins_are_refused_before_any_connection() {
        let metadata = source(
            "http://169.254.169.254",
            "allow_http: true, allow_private: true",
        );
        let http = Http::open(&metadata, None, &Settings::default()).expect("opens");
        let refused = http
            .send(&Request::get(metadata.base().clone()), LONG)
            .await;
        assert!(matches!(refused, Err(Trouble::Lasting(_))), "{refused:?}");
        let canary = Scripted::start(Vec::new());
        let other = Url::parse(&canary.base()).expect("a url");
        let http = Http::open(
            &source("https://api.example", ""),
            None,
            &Settings::default(),
        )
        .expect("opens");
        assert!(matches!(
            http.send(&Request::get(other), LONG).await,
            Err(Trouble::Lasting(_))
        ));
        assert!(canary.heard().is_empty());
    }
}
