//! The bundled source over a real socket, well-behaved and not.

use std::io::Read;
use std::time::UNIX_EPOCH;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::product::Kind;

/// An answer as it came over the wire.
struct Got {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Got {
    fn of(bytes: &[u8]) -> Got {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Got {
            status,
            head,
            body: bytes[end + 4..].to_vec(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }

    fn length(&self) -> usize {
        self.header("content-length").unwrap().parse().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn send(running: &Running, path: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: mock\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn ask(running: &Running, path: &str, headers: &str) -> Got {
    let mut bytes = Vec::new();
    send(running, path, headers)
        .await
        .read_to_end(&mut bytes)
        .await
        .unwrap();
    Got::of(&bytes)
}

fn path(id: u32) -> String {
    format!("/api/v2/products/{id}?api_key=juniper")
}

const LISTING: &str = "/api/v2/products?api_key=juniper";

async fn start(faults: &[&str]) -> Running {
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    Mock::start(Options {
        products: 100,
        faults,
        ..Options::default()
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_product_is_served_plain_or_in_gzip() {
    let running = start(&[]).await;
    let plain = ask(&running, &path(1), "").await;
    assert_eq!(
        (plain.status, plain.header("content-type")),
        (200, Some("application/json; charset=utf-8"))
    );
    assert_eq!(plain.body, running.catalogue().detail_json(1).unwrap());

    let squeezed = ask(&running, &path(1), "Accept-Encoding: br, gzip;q=0.5\r\n").await;
    assert_eq!(squeezed.header("content-encoding"), Some("gzip"));
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&squeezed.body[..])
        .read_to_end(&mut body)
        .unwrap();
    assert_eq!(body, plain.body);

    let refused = ask(&running, &path(1), "Accept-Encoding: gzip;q=0\r\n").await;
    assert_eq!(
        (refused.header("content-encoding"), &refused.body),
        (None, &plain.body)
    );
}

#[tokio::test]
async fn the_listing_is_served() {
    let running = start(&[]).await;
    let listing = ask(&running, LISTING, "").await;
    assert_eq!(listing.json().as_array().unwrap().len(), 100);
    assert!(listing.json()[0]["id"].is_string());
}

#[tokio::test]
async fn without_the_key_nothing_is_told() {
    let running = start(&[]).await;
    for address in [
        "/api/v2/products/1",
        "/api/v2/products/1?api_key=",
        "/api/v2/products?api_key=junipers",
        "/x",
    ] {
        let got = ask(&running, address, "").await;
        assert_eq!(
            (got.status, got.json()["error"]["status"].as_u64()),
            (401, Some(401)),
            "{address}"
        );
    }
    assert_eq!(running.stats().by_outcome["unauthorized"], 4);
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let running = start(&[]).await;
    let gap = running.catalogue().gaps()[0];
    for address in [
        path(gap),
        path(4_000_000_000),
        path(0),
        "/api/v2/products/1x?api_key=juniper".to_owned(),
    ] {
        let got = ask(&running, &address, "").await;
        assert_eq!(
            (got.status, got.json()["error"]["status"].as_u64()),
            (404, Some(404)),
            "{address}"
        );
    }
    assert_eq!(running.stats().by_outcome["missing"], 4);
}

#[tokio::test]
async fn a_key_that_went_astray_is_counted() {
    let running = start(&[]).await;
    ask(
        &running,
        "/somewhere",
        "Referer: http://x.example/?api_key=juniper\r\n",
    )
    .await;
    ask(&running, "/somewhere/juniper", "").await;
    ask(&running, "/somewhere", "").await;
    assert_eq!(running.stats().carried_key, 2);
}

#[tokio::test]
async fn an_escaped_key_is_the_key() {
    let options = Options {
        products: 100,
        api_key: ApiKey::new("a b+c"),
        ..Options::default()
    };
    let running = Mock::start(options).await.unwrap();
    assert_eq!(
        ask(&running, "/api/v2/products/1?api_key=a+b%2Bc", "")
            .await
            .status,
        200
    );
    assert_eq!(running.stats().carried_key, 1);
}

#[tokio::test]
async fn more_than_the_limit_is_refused() {
    let options = Options {
        products: 100,
        requests_per_second: Some(3),
        ..Options::default()
    };
    let running = Mock::start(options).await.unwrap();
    let address = path(1);
    let all = futures::future::join_all((0..10).map(|_| ask(&running, &address, ""))).await;
    let (served, refused): (Vec<&Got>, Vec<&Got>) = all.iter().partition(|got| got.status == 200);
    assert!(
        served.len() >= 3 && !refused.is_empty(),
        "{} served",
        served.len()
    );
    assert!(
        refused
            .iter()
            .all(|got| got.status == 429 && got.header("retry-after") == Some("1"))
    );
    let stats = running.stats();
    assert_eq!(stats.requests, 10);
    assert!(
        stats.worst_second_admitted <= 3 && stats.worst_second >= 4,
        "{stats:?}"
    );
}

#[tokio::test]
async fn retry_after_comes_in_every_form() {
    for (form, header) in [
        ("7", Some("7")),
        ("0", Some("0")),
        ("huge", Some("1000000000")),
        ("absent", None),
        ("nonsense", Some("when the tide is out")),
    ] {
        let running = start(&[&format!("429:always,retry-after={form}")]).await;
        let got = ask(&running, &path(1), "").await;
        assert_eq!(
            (got.status, got.header("retry-after")),
            (429, header),
            "{form}"
        );
    }
    for (form, seconds) in [("date+3600", 3_600), ("date-3600", -3_600)] {
        let running = start(&[&format!("503:always,retry-after={form}")]).await;
        let got = ask(&running, &path(1), "").await;
        let seconds_of = |name| {
            let date = httpdate::parse_http_date(got.header(name).unwrap()).unwrap();
            i64::try_from(date.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
        };
        let distance = seconds_of("retry-after") - seconds_of("date");
        assert!(
            got.status == 503 && (distance - seconds).abs() <= 2,
            "{form}: {distance}"
        );
    }
}

#[tokio::test]
async fn faulted_attempts_recover() {
    let running = start(&["500:id=1,times=2", "502:id=2,always"]).await;
    let gap = running.catalogue().gaps()[0];
    let mut statuses = Vec::new();
    for id in [1, 1, 1, 2, 2, gap] {
        statuses.push(ask(&running, &path(id), "").await.status);
    }
    assert_eq!(statuses, [500, 500, 200, 502, 502, 404]);
    let attempts: Vec<u32> = running
        .requests()
        .iter()
        .map(|request| request.attempt)
        .collect();
    assert_eq!(attempts, [1, 2, 3, 1, 2, 1]);
}

#[tokio::test]
async fn every_nth_request_is_faulted() {
    let running = start(&["500:every=3"]).await;
    let mut statuses = Vec::new();
    for id in 1..=6 {
        statuses.push(ask(&running, &path(id), "").await.status);
    }
    assert_eq!(
        statuses
            .iter()
            .map(|status| *status == 500)
            .collect::<Vec<_>>(),
        [false, false, true, false, false, true]
    );
}

#[tokio::test]
async fn a_body_can_be_cut() {
    let running = start(&["truncate:id=1", "cut-gzip:id=2", "cut-chunked:listing"]).await;
    let truncated = ask(&running, &path(1), "").await;
    assert_eq!(
        (truncated.status, truncated.body.len()),
        (200, truncated.length() / 2)
    );

    let gzip = ask(&running, &path(2), "").await;
    assert_eq!(gzip.body.len(), gzip.length());
    assert!(
        flate2::read::GzDecoder::new(&gzip.body[..])
            .read_to_end(&mut Vec::new())
            .is_err()
    );

    let chunked = ask(&running, LISTING, "").await;
    assert_eq!(chunked.header("transfer-encoding"), Some("chunked"));
    assert!(chunked.body.len() > 1_000 && !chunked.body.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn a_stalled_answer_ends_when_the_server_stops() {
    let running = start(&["stall:id=1"]).await;
    let whole = running.catalogue().detail_json(1).unwrap().len();
    let mut stream = send(&running, &path(1), "").await;
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|four| four == b"\r\n\r\n")
        || Got::of(&bytes).body.len() < whole / 2
    {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    let more = tokio::time::timeout(Duration::from_millis(50), stream.read_u8()).await;
    assert!(more.is_err(), "more came: {more:?}");
    running.stop().await;
    assert!(stream.read_u8().await.is_err());
}

#[tokio::test]
async fn a_dripping_answer_is_whole_in_the_end() {
    let running = start(&["drip:always,pause=1"]).await;
    let products = running.catalogue().products().iter();
    let garnish = products
        .filter(|product| product.kind == Kind::Garnish)
        .min_by_key(|garnish| garnish.perfect_gins.len());
    let id = garnish.unwrap().id;
    let begun = Instant::now();
    let got = ask(&running, &path(id), "").await;
    assert_eq!(got.body, running.catalogue().detail_json(id).unwrap());
    assert!(begun.elapsed() >= Duration::from_millis(got.body.len() as u64));
}

#[tokio::test]
async fn a_bomb_is_small_on_the_wire() {
    let running = start(&["gzip-bomb:id=1"]).await;
    let got = ask(&running, &path(1), "").await;
    assert_eq!(
        (got.status, got.header("content-encoding"), got.body.len()),
        (200, Some("gzip"), got.length())
    );
    assert!(got.body.len() < 800_000);
    let mut start = [0; 40];
    flate2::read::GzDecoder::new(&got.body[..])
        .read_exact(&mut start)
        .unwrap();
    assert!(start.starts_with(br#"{"id":1,"type":"gin","name":"aaaa"#));
}

#[tokio::test]
async fn answers_can_point_elsewhere() {
    let running = start(&[
        "redirect:id=1,to=http://other.example/x",
        "foreign:id=2,to=http://other.example",
        "foreign:listing,to=http://other.example",
    ])
    .await;
    let got = ask(&running, &path(1), "").await;
    assert_eq!(
        (got.status, got.header("location")),
        (302, Some("http://other.example/x"))
    );

    let body = String::from_utf8(ask(&running, &path(2), "").await.body).unwrap();
    assert!(
        body.contains("http://other.example/api/v2/products/") && !body.contains("gin.example"),
        "{body}"
    );

    let listing = ask(&running, LISTING, "").await.json();
    let first = listing[0]["id"].as_str().unwrap();
    assert!(
        first.starts_with("http://other.example/api/v2/products/1?was="),
        "{first}"
    );
    assert!(listing[1]["id"].as_str().unwrap().parse::<u32>().is_ok());
}

#[tokio::test]
async fn a_body_can_be_spoilt() {
    let running = start(&[
        "invalid-json:id=1",
        "deep-json:id=2",
        "wrong-types:id=3",
        "invalid-utf8:id=4",
        "mixer:id=5",
    ])
    .await;
    let whole = running.catalogue().detail_json(1).unwrap().len();
    let half = ask(&running, &path(1), "").await;
    assert_eq!((half.body.len(), half.length()), (whole / 2, whole / 2));

    let deep = ask(&running, &path(2), "").await.body;
    let depth = deep
        .iter()
        .skip_while(|byte| **byte != b'[')
        .take_while(|byte| **byte == b'[')
        .count();
    assert_eq!(depth, 100_000);

    let wrong = ask(&running, &path(3), "").await.json();
    assert!(
        wrong["id"].is_object() && wrong["name"].is_array() && wrong["perfect_tonics"].is_f64(),
        "{wrong}"
    );

    assert!(String::from_utf8(ask(&running, &path(4), "").await.body).is_err());
    assert_eq!(ask(&running, &path(5), "").await.json()["type"], "mixer");
}

#[tokio::test]
async fn spoilt_listings_keep_their_other_lines() {
    for (fault, spoilt) in [("wrong-types:listing", "array"), ("mixer:listing", "mixer")] {
        let running = start(&[fault]).await;
        let listing = ask(&running, LISTING, "").await.json();
        let first = &listing[0]["type"];
        assert!(
            if first.is_array() {
                spoilt == "array"
            } else {
                first == spoilt
            },
            "{first}"
        );
        assert_eq!(listing.as_array().unwrap().len(), 100);
        assert!(["gin", "tonic", "garnish"].contains(&listing[1]["type"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn stats_need_no_key_and_do_not_count_themselves() {
    let running = start(&["429:id=2"]).await;
    for id in [1, 2, 2] {
        ask(&running, &path(id), "").await;
    }
    ask(&running, LISTING, "").await;
    ask(&running, "/_stats", "").await;
    let told = ask(&running, "/_stats", "").await.json();
    assert_eq!(told, serde_json::to_value(running.stats()).unwrap());
    assert_eq!(told["requests"], 4);
    assert_eq!(
        told["by_outcome"],
        serde_json::json!({"served": 3, "fault:429": 1})
    );
    assert_eq!(
        (
            &told["products"],
            &told["distinct_products"],
            &told["listing"]
        ),
        (&3.into(), &2.into(), &1.into())
    );
    assert_eq!(
        (&told["most_for_one_target"], &told["carried_key"]),
        (&2.into(), &4.into())
    );
}

#[tokio::test]
async fn latency_is_kept() {
    let options = Options {
        products: 100,
        latency: Duration::from_millis(30),
        ..Options::default()
    };
    let running = Mock::start(options).await.unwrap();
    let begun = Instant::now();
    ask(&running, &path(1), "").await;
    assert!(begun.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn a_port_is_free_again_after_the_stop() {
    let running = start(&[]).await;
    let options = Options {
        products: 100,
        port: running.address().port(),
        ..Options::default()
    };
    let taken = Mock::start(options.clone()).await.unwrap_err().to_string();
    assert!(
        taken.starts_with("cannot listen on 127.0.0.1:") && taken.contains("choose another port"),
        "{taken}"
    );
    running.stop().await;
    let again = Mock::start(options).await.unwrap();
    assert_eq!(ask(&again, &path(1), "").await.status, 200);
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_stop() {
    let running = start(&[]).await;
    let mut idle = TcpStream::connect(running.address()).await.unwrap();
    idle.write_all(format!("GET {} HTTP/1.1\r\nHost: mock\r\n\r\n", path(1)).as_bytes())
        .await
        .unwrap();
    assert_eq!(idle.read_u8().await.unwrap(), b'H');
    let begun = Instant::now();
    running.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn the_key_does_not_print() {
    assert!(!format!("{:?}", Options::default()).contains("juniper"));
}
