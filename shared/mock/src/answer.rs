//! Answers: the honest ones, and those that a fault has been at.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures::{StreamExt, stream};
use serde_json::{Map, Value, json};

use crate::bomb::Bomb;
use crate::faults::{FaultKind, RetryAfter};
use crate::product::ORIGIN;

/// What resolves when the server stops; answers that never end, end then.
pub(crate) type Stopped = futures::future::BoxFuture<'static, ()>;

/// An answer before it is put on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) json: Bytes,
    /// Whether the client takes gzip.
    pub(crate) gzip: bool,
}

impl Answer {
    /// An error in the API's words.
    pub(crate) fn error(status: StatusCode, message: &str) -> Answer {
        let json = json!({"error": {"status": status.as_u16(), "message": message}});
        Answer {
            status,
            json: json.to_string().into(),
            gzip: false,
        }
    }

    /// As it should be.
    pub(crate) fn honest(self) -> Response<Body> {
        if self.gzip {
            return respond(self.status, gzip(&self.json).into(), true);
        }
        respond(self.status, self.json.into(), false)
    }

    /// As the fault has it. `id` is the product's, 0 for the listing.
    pub(crate) fn faulty(
        self,
        kind: &FaultKind,
        id: u32,
        lot: u64,
        stopped: Stopped,
    ) -> Response<Body> {
        match kind {
            FaultKind::Status(status, retry_after) => failure(*status, retry_after.settle(lot)),
            FaultKind::Truncate => with_length(self.status, self.json.len(), cut(&self.json)),
            FaultKind::CutChunked => respond(self.status, cut(&self.json), false),
            FaultKind::CutGzip => respond(self.status, half(&gzip(&self.json).into()).into(), true),
            FaultKind::Stall => {
                with_length(self.status, self.json.len(), stalled(&self.json, stopped))
            }
            FaultKind::Drip(millis) => {
                let pause = Duration::from_millis(*millis);
                with_length(self.status, self.json.len(), dripping(self.json, pause))
            }
            FaultKind::GzipBomb => bomb(id),
            FaultKind::Redirect(to) => redirect(to.as_str()),
            FaultKind::Foreign(to) => self.changed(|text| foreign(text, to.as_str())),
            FaultKind::InvalidJson => self.changed(half),
            FaultKind::DeepJson => self.changed(deep),
            FaultKind::WrongTypes => self.changed(|text| of_first_record(text, wrong_types)),
            FaultKind::InvalidUtf8 => self.changed(invalid_utf8),
            FaultKind::Mixer => self.changed(|text| of_first_record(text, mixer)),
        }
    }

    fn changed(self, change: impl FnOnce(&Bytes) -> Bytes) -> Response<Body> {
        let json = change(&self.json);
        Answer { json, ..self }.honest()
    }
}

fn respond(status: StatusCode, body: Body, gzip: bool) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// A body that promises this length, whatever comes.
fn with_length(status: StatusCode, length: usize, body: Body) -> Response<Body> {
    let mut response = respond(status, body, false);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 3), Compression::fast());
    encoder
        .write_all(text)
        .and_then(|()| encoder.finish())
        .expect("memory takes all that is written")
}

fn half(text: &Bytes) -> Bytes {
    text.slice(..text.len() / 2)
}

/// The connection is closed by an error in the body; the pause before lets the first half get out.
fn cut(text: &Bytes) -> Body {
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::other("cut short by a fault"))
    });
    Body::from_stream(stream::iter([Ok(half(text))]).chain(end))
}

fn stalled(text: &Bytes, stopped: Stopped) -> Body {
    let end = stream::once(async {
        stopped.await;
        Err(io::Error::other("stalled until the server stopped"))
    });
    Body::from_stream(stream::iter([Ok(half(text))]).chain(end))
}

fn dripping(text: Bytes, pause: Duration) -> Body {
    let bytes = (0..text.len()).map(move |at| text.slice(at..=at));
    Body::from_stream(stream::iter(bytes).then(move |byte| async move {
        tokio::time::sleep(pause).await;
        io::Result::Ok(byte)
    }))
}

fn bomb(id: u32) -> Response<Body> {
    let bomb = Bomb::of(id);
    let length = bomb.len();
    let mut response = respond(
        StatusCode::OK,
        Body::from_stream(stream::iter(bomb.pieces().map(io::Result::Ok))),
        true,
    );
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn redirect(to: &str) -> Response<Body> {
    let mut response = respond(StatusCode::FOUND, Body::empty(), false);
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

fn failure(status: u16, retry_after: RetryAfter) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Answer::error(status, "a fault that was asked for").honest();
    add_retry_after(&mut response, retry_after);
    response
}

/// 429, with the time to come back.
pub(crate) fn over_limit(wait_micros: u64) -> Response<Body> {
    let mut response = Answer::error(
        StatusCode::TOO_MANY_REQUESTS,
        "too many requests in a second",
    )
    .honest();
    let seconds = wait_micros.div_ceil(1_000_000);
    add_retry_after(&mut response, RetryAfter::Seconds(seconds));
    response
}

/// Whether a client takes gzip.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING);
    let mut codings = accepted
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|weight| weight.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

pub(crate) fn add_retry_after(response: &mut Response<Body>, form: RetryAfter) {
    let value = match form {
        RetryAfter::Absent | RetryAfter::Any => return,
        RetryAfter::Seconds(seconds) => HeaderValue::from(seconds),
        RetryAfter::Nonsense => HeaderValue::from_static("when the tide is out"),
        RetryAfter::Date(seconds) => match HeaderValue::from_str(&date(seconds)) {
            Ok(date) => date,
            Err(_) => return,
        },
    };
    response.headers_mut().insert(header::RETRY_AFTER, value);
}

#[allow(
    clippy::disallowed_methods,
    reason = "an HTTP date is of the world's clock, and decides nothing here"
)]
fn date(seconds_from_now: i64) -> String {
    let distance = Duration::from_secs(seconds_from_now.unsigned_abs().min(1_000_000_000));
    let now = SystemTime::now();
    httpdate::fmt_http_date(if seconds_from_now < 0 {
        now - distance
    } else {
        now + distance
    })
}

/// Points every address of ours to another origin; in the listing also the first id, which becomes an address.
fn foreign(text: &Bytes, to: &str) -> Bytes {
    let to = to.trim_end_matches('/');
    let address = format!("{to}/api/v2/products/1");
    let text = match serde_json::from_slice(text) {
        Ok(Value::Array(lines)) => Value::Array(lines).to_string().replacen(
            r#""id":""#,
            &format!(r#""id":"{address}?was="#),
            1,
        ),
        _ => String::from_utf8_lossy(text).into_owned(),
    };
    text.replace(ORIGIN, to).into()
}

/// Puts a name before all others that is deeper than any reader should follow.
fn deep(text: &Bytes) -> Bytes {
    const DEPTH: usize = 100_000;
    let name = [
        r#"{"name":"#.as_bytes(),
        &[b'['; DEPTH],
        &[b']'; DEPTH],
        b",",
    ]
    .concat();
    insert_into_first_record(text, &name)
}

fn invalid_utf8(text: &Bytes) -> Bytes {
    insert_into_first_record(text, b"{\"name\":\"Gen\xE8ve \xFF\xFE \xED\xA0\x80\",")
}

/// `opening` takes the place of the first record's brace.
fn insert_into_first_record(text: &Bytes, opening: &[u8]) -> Bytes {
    match text.iter().position(|&byte| byte == b'{') {
        Some(at) => [&text[..at], opening, &text[at + 1..]].concat().into(),
        None => text.clone(),
    }
}

fn of_first_record(text: &Bytes, change: impl FnOnce(&mut Map<String, Value>)) -> Bytes {
    let Ok(mut value) = serde_json::from_slice(text) else {
        return text.clone();
    };
    let record = match &mut value {
        Value::Array(lines) => lines.first_mut(),
        one => Some(one),
    };
    if let Some(Value::Object(record)) = record {
        change(record);
    }
    value.to_string().into()
}

fn mixer(record: &mut Map<String, Value>) {
    record.insert("type".to_owned(), json!("mixer"));
}

fn wrong_types(record: &mut Map<String, Value>) {
    for (_, value) in record.iter_mut() {
        *value = match value.take() {
            Value::Null => json!(false),
            Value::Bool(_) => json!("yes"),
            Value::Number(number) => json!({"value": number}),
            Value::String(text) => json!([text]),
            Value::Array(_) | Value::Object(_) => json!(17.5),
        };
    }
}
