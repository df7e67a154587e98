//! Walking a resource: one page after the other, and the ids of a listing.

use std::time::Duration;

use pipeline::fault::{Fault, Kind};
use pipeline::number::Values;
use pipeline::paginate::{Next, Outline, PageToken};
use pipeline::request::Answer;
use pipeline::resource::ResourceDefinition;
use pipeline::source::Turn;

use crate::session::{Sent, Session, Traffic};

/// What asking for a page came to.
#[derive(Debug)]
pub enum Page {
    /// A page.
    Fetched {
        /// The answer, its body decompressed and whole.
        answer: Answer,
        /// The request as a person reads it, without credentials.
        request: String,
        /// What it amounts to.
        turn: Box<Turn>,
    },
    /// The source says that there is no such thing; nothing follows.
    Missing,
    /// The source says that this page, or its window, is more than it can answer.
    TooLarge {
        /// By this status.
        status: u16,
    },
    /// Not yet: ask for the same page after so many seconds; 0 where only the step's time is over.
    Wait {
        /// How many.
        seconds: u64,
        /// The last trouble with the source, where it did not ask for the wait but counts as down.
        down: Option<Fault>,
    },
}

impl Session {
    /// Asks for the page that `token` names. `deadline` is a moment of the clock's `elapsed`, past which
    /// nothing is begun; what was sent is added to `traffic`, also when it ends in a fault.
    pub async fn page(
        &self,
        resource: &ResourceDefinition,
        values: &Values,
        token: &PageToken,
        deadline: Option<Duration>,
        traffic: &mut Traffic,
    ) -> Result<Page, Fault> {
        let place = |fault: Fault| self.clean(fault).with("page", token.ordinal());
        let source = self.source();
        let request = source.request(resource, token, values).map_err(place)?;
        let read = |answer: &Answer, last: bool| {
            if resource.is_too_large(answer.status) {
                return Ok(None);
            }
            match source.next(resource, token, values, &request, answer) {
                // Asked for again and again, it is still no JSON: that is how the source has it.
                Err(fault)
                    if last && fault.kind == Kind::Transient && resource.is_one_of_many() =>
                {
                    Ok(Some(Turn {
                        records: 0,
                        next: Next::End,
                        outline: Outline::default(),
                    }))
                }
                read => read.map(Some),
            }
        };
        let outcomes = resource.outcomes_with_too_large();
        let sent = self
            .send(&request, &outcomes, deadline, traffic, read)
            .await;
        Ok(match sent.map_err(place)? {
            Sent::Missing => Page::Missing,
            // As a page of nothing, after which nothing comes.
            Sent::End => Page::Fetched {
                answer: Answer {
                    status: 204,
                    headers: Vec::new(),
                    body: Vec::new(),
                },
                request: self.shown(&request),
                turn: Box::new(Turn::end()),
            },
            Sent::Wait { seconds, down } => Page::Wait { seconds, down },
            Sent::Fetched { answer, read: None } => Page::TooLarge {
                status: answer.status,
            },
            Sent::Fetched {
                answer,
                read: Some(read),
            } => Page::Fetched {
                answer,
                request: self.shown(&request),
                turn: Box::new(read),
            },
        })
    }

    /// What follows a page that was asked for by a guess of `token`, now that `token` is known: a guess knows
    /// nothing of the pages between.
    pub fn turn(
        &self,
        resource: &ResourceDefinition,
        values: &Values,
        token: &PageToken,
        answer: &Answer,
        outline: Outline,
    ) -> Result<Turn, Fault> {
        let place = |fault: Fault| self.clean(fault).with("page", token.ordinal());
        let source = self.source();
        let request = source.request(resource, token, values).map_err(place)?;
        source
            .next_again(resource, token, values, &request, answer, outline)
            .or_else(|_| source.next(resource, token, values, &request, answer))
            .map_err(place)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use jiff::Timestamp;
    use pipeline::decode::decode;
    use pipeline::request::Request;
    use pipeline::source::SourceDefinition;

    use super::*;
    use crate::clock::Clock;
    use crate::scripted::{self, Scripted, answer};
    use crate::secrets::SecretStore;
    use crate::session::Sessions;
    use crate::settings::Settings;

    const KEY: &str = "c4n4ry+k/y=%";
    const PASSWORD: &str = "0ther \"c4nary\" p4ss";
    const BY_QUERY: &str = "auth: { api_key: { query: api_key, key: { secret: t/key } } }";
    const BY_HEADER: &str = "auth: { api_key: { header: X-Api-Key, key: { secret: t/key } } }";
    const BY_BASIC: &str = "auth: { basic: { username: user, password: { secret: t/password } } }";

    fn environment(name: &str) -> Option<String> {
        match name {
            "LAKEHEAD_SECRET_T_KEY" => Some(KEY.to_owned()),
            "LAKEHEAD_SECRET_T_PASSWORD" => Some(PASSWORD.to_owned()),
            _ => None,
        }
    }

    /// A session with `base` on a clock turned by hand, quick enough not to matter.
    fn session(base: &str, more: &str) -> Arc<Session> {
        opened(&format!(
            "{{ base_url: '{base}', rate: {{ requests: 100 }}, {more} }}"
        ))
    }

    fn opened(text: &str) -> Arc<Session> {
        let began: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        let store = SecretStore::over(environment, None).expect("opens");
        let sessions = Sessions::new(Settings::default(), store, Clock::turned(began));
        let definition = decode::<SourceDefinition>(text);
        assert!(
            definition.problems.is_empty(),
            "{}",
            definition.problems.render("p", text)
        );
        let definition = definition.value.expect("decodes");
        // Secrets of the environment are read at once.
        let open = || futures::executor::block_on(sessions.session(&definition, &Values::new()));
        let session = open().expect("opens");
        let again = open().expect("opens");
        assert!(Arc::ptr_eq(&session, &again));
        session
    }

    #[tokio::test]
    async fn one_of_several_processes_takes_its_part_of_the_rate() {
        let page = || scripted::Turn::Say(answer(200, "", "[]"));
        let server = Scripted::start((0..18).map(|_| page()).collect());
        let text = format!(
            "{{ base_url: '{}', rate: {{ requests: 8 }} }}",
            server.base()
        );
        let definition = decode::<SourceDefinition>(&text).value.expect("decodes");
        let clock = Clock::turned("2026-11-21T12:00:00Z".parse().expect("a time"));
        let store = SecretStore::over(environment, None).expect("opens");
        let sessions = Sessions::new(Settings::default(), store, clock.clone());
        // The ninth comes after the eight of a first second, or the two of each of four.
        for (processes, seconds) in [(1, 1), (4, 4)] {
            let values = Values::new();
            let session = sessions.session_among(processes, &definition, &values);
            let session = session.await.expect("opens");
            let began = clock.elapsed();
            for _ in 0..9 {
                let (page, _) = first(&session, "{ path: /a }").await;
                assert_eq!(summary(&page), "0 records");
            }
            assert_eq!((clock.elapsed() - began).as_secs(), seconds);
        }
    }

    fn resource(text: &str) -> ResourceDefinition {
        let decoded = decode::<ResourceDefinition>(text);
        assert!(
            decoded.problems.is_empty(),
            "{}",
            decoded.problems.render("p", text)
        );
        decoded.value.expect("decodes")
    }

    async fn first(session: &Session, text: &str) -> (Result<Page, Fault>, Traffic) {
        let resource = resource(text);
        let token = resource.paginate.first();
        let mut traffic = Traffic::default();
        let page = session
            .page(&resource, &Values::new(), &token, None, &mut traffic)
            .await;
        (page, traffic)
    }

    fn says(turns: Vec<Vec<u8>>) -> Scripted {
        Scripted::start(turns.into_iter().map(scripted::Turn::Say).collect())
    }

    const BODY: &str = "outcomes: { body: [
        { at: $.code, equals: BUSY, means: retry }, { at: $.code, equals: LATER, means: wait },
        { at: $.code, equals: NONE, means: missing }, { at: $.code, equals: LAST, means: end },
        { at: $.code, means: fail }, { at: $.fine, means: ok, status: [4xx] } ] }";

    /// What all the page came to in one word, and after how many whole seconds.
    fn summary(page: &Result<Page, Fault>) -> String {
        match page {
            Ok(Page::Fetched { turn, .. }) => format!("{} records", turn.records),
            Ok(Page::Missing) => "missing".to_owned(),
            Ok(Page::TooLarge { status }) => format!("too large {status}"),
            Ok(Page::Wait { seconds, .. }) => format!("wait {seconds}"),
            Err(fault) => fault.kind.name().to_owned(),
        }
    }

    #[tokio::test]
    async fn each_status_has_its_outcome() {
        let ok = || answer(200, "", "[1, 2]");
        let cut = || answer(200, "", "[1, 2]")[..60].to_vec();
        let not_json = || answer(200, "", "[1, 2");
        let rules = "outcomes: { missing: [404], wait: [202], fail: [503] }";
        for (rules, script, expected, sent, retried) in [
            ("", vec![ok()], "2 records", 1, 0),
            (
                "",
                vec![answer(500, "", ""), answer(502, "", ""), ok()],
                "2 records",
                3,
                2,
            ),
            ("", vec![cut(), not_json(), ok()], "2 records", 3, 2),
            (
                "",
                vec![not_json(), not_json(), not_json(), not_json()],
                "Transient",
                4,
                3,
            ),
            (
                "",
                vec![answer(500, "", ""), answer(404, "", "")],
                "SourceRejected",
                2,
                1,
            ),
            (
                rules,
                vec![
                    answer(500, "", ""),
                    answer(500, "", ""),
                    answer(404, "", ""),
                ],
                "missing",
                3,
                2,
            ),
            (
                rules,
                vec![answer(202, "retry-after: 90\r\n", "")],
                "wait 90",
                1,
                0,
            ),
            (rules, vec![answer(202, "", "")], "wait 30", 1, 0),
            (rules, vec![answer(503, "", "")], "SourceRejected", 1, 0),
            ("", vec![answer(401, "", "")], "SourceRejected", 1, 0),
            ("", vec![answer(403, "", "")], "SourceRejected", 1, 0),
            ("", vec![answer(400, "", "")], "SourceRejected", 1, 0),
            ("", vec![answer(206, "", "[1]")], "SourceRejected", 1, 0),
            ("", vec![answer(200, "", "{\"a\": 1}")], "1 records", 1, 0),
            (
                "outcomes: { end: [416] }",
                vec![answer(416, "", "x")],
                "0 records",
                1,
                0,
            ),
            (
                BODY,
                vec![answer(200, "", "{\"code\": \"BUSY\"}"), ok()],
                "2 records",
                2,
                1,
            ),
            (
                BODY,
                vec![answer(200, "", "{\"code\": \"LATER\"}")],
                "wait 30",
                1,
                0,
            ),
            (
                BODY,
                vec![answer(200, "", "{\"code\": \"NONE\"}")],
                "missing",
                1,
                0,
            ),
            (
                BODY,
                vec![answer(200, "", "{\"code\": \"LAST\"}")],
                "0 records",
                1,
                0,
            ),
            (
                BODY,
                vec![answer(200, "", "{\"code\": \"no\"}")],
                "SourceRejected",
                1,
                0,
            ),
            (
                BODY,
                vec![answer(400, "", "{\"fine\": 1}")],
                "1 records",
                1,
                0,
            ),
            (
                "form: list",
                vec![answer(200, "", "{\"a\": 1}")],
                "SourceRejected",
                1,
                0,
            ),
            (
                "",
                vec![b"HTTP/1.1 204 X\r\nconnection: close\r\n\r\n".to_vec()],
                "0 records",
                1,
                0,
            ),
            (
                "",
                vec![
                    answer(429, "", ""),
                    answer(429, "", ""),
                    answer(429, "", ""),
                    answer(429, "", ""),
                ],
                "RateLimited",
                4,
                3,
            ),
            (
                "method: post",
                vec![answer(500, "", ""), ok()],
                "SourceRejected",
                1,
                0,
            ),
            ("method: post", vec![cut(), ok()], "SourceRejected", 1, 0),
            (
                "method: post",
                vec![answer(429, "", ""), ok()],
                "2 records",
                2,
                1,
            ),
            (
                "method: post_repeatable",
                vec![answer(500, "", ""), ok()],
                "2 records",
                2,
                1,
            ),
        ] {
            let server = says(script);
            let session = session(&server.base(), "");
            let (page, traffic) = first(&session, &format!("{{ path: /a, {rules} }}")).await;
            assert_eq!(summary(&page), expected, "{rules}: {page:?}");
            assert_eq!(
                (traffic.sent, traffic.retried),
                (sent, retried),
                "{rules} {expected}"
            );
            assert_eq!(server.heard().len() as u64, sent, "{rules} {expected}");
        }
    }

    #[tokio::test]
    async fn retry_after_is_obeyed_in_all_its_forms() {
        // The header, what became of it, and the least and most seconds that passed before the repeat.
        for (header, expected, least, most) in [
            ("0", "1 records", 0.0, 0.1),
            ("7", "1 records", 7.0, 7.1),
            ("1.5", "1 records", 1.5, 1.6),
            ("Sat, 21 Nov 2026 12:00:09 GMT", "1 records", 9.0, 9.1),
            ("Sat, 21 Nov 2026 11:00:00 GMT", "1 records", 0.0, 0.1),
            ("-1", "1 records", 0.2, 0.6),
            ("abc", "1 records", 0.2, 0.6),
            ("", "1 records", 0.2, 0.6),
            ("90", "wait 90", 0.0, 0.0),
            ("90.2", "wait 91", 0.0, 0.0),
            ("1000000000", "wait 86400", 0.0, 0.0),
            ("Sat, 21 Nov 2026 13:00:00 GMT", "wait 3600", 0.0, 0.0),
        ] {
            for status in [429, 503] {
                let server = says(vec![
                    answer(status, &format!("retry-after: {header}\r\n"), ""),
                    answer(200, "", "[1]"),
                ]);
                let session = session(&server.base(), "");
                let (page, _) = first(&session, "{ path: /a }").await;
                assert_eq!(summary(&page), expected, "{status} {header}: {page:?}");
                let passed = session.clock().elapsed().as_secs_f64();
                assert!(
                    (least..=most).contains(&passed),
                    "{status} {header}: {passed}"
                );
            }
        }
    }

    #[tokio::test]
    async fn one_worker_that_is_told_to_slow_down_slows_all() {
        let mut script = vec![answer(429, "retry-after: 10\r\n", "")];
        script.extend((0..9).map(|number| answer(200, "", &format!("[{number}]"))));
        let server = says(script);
        let session = session(&server.base(), "");
        assert_eq!(
            summary(&first(&session, "{ path: /a }").await.0),
            "1 records"
        );
        assert!(session.clock().elapsed() >= Duration::from_secs(10));
        // The answer is good but asks for a pause: the next worker keeps it.
        let server = says(vec![
            answer(200, "retry-after: 5\r\n", "[1]"),
            answer(200, "", "[1]"),
        ]);
        let session = self::session(&server.base(), "");
        for _ in 0..2 {
            assert_eq!(
                summary(&first(&session, "{ path: /a }").await.0),
                "1 records"
            );
        }
        assert!(session.clock().elapsed() >= Duration::from_secs(5));
    }

    #[tokio::test]
    async fn what_the_source_says_is_left_slows_all_workers() {
        let rate = "rate: { requests: 100, remaining: X-Left, reset: X-Reset }";
        // What the first answer says, and the least and most seconds until three more are there.
        for (status, headers, least, most) in [
            (200, "x-left: 0\r\nx-reset: 9\r\n", 9.0, 9.2),
            (200, "x-left: 3\r\nx-reset: 8\r\n", 6.0, 8.0),
            (200, "x-left: 5000\r\nx-reset: 9\r\n", 0.0, 0.2),
            (200, "x-left: 0\r\nx-reset: 1795262407\r\n", 7.0, 7.2),
            (429, "x-left: 0\r\nx-reset: 7\r\n", 7.0, 7.2),
            (200, "x-left: 0\r\n", 1.0, 1.2),
        ] {
            let mut script = vec![answer(status, headers, "[1]")];
            script.extend((0..4).map(|_| answer(200, "", "[1]")));
            let server = says(script);
            let text = format!("{{ base_url: '{}', {rate} }}", server.base());
            let session = opened(&text);
            first(&session, "{ path: /a }").await.0.expect("a page");
            let more = (0..3).map(|_| async { first(&session, "{ path: /a }").await.0.is_ok() });
            assert_eq!(futures::future::join_all(more).await, [true; 3]);
            let passed = session.clock().elapsed().as_secs_f64();
            assert!((least..=most).contains(&passed), "{headers}: {passed}");
        }
    }

    #[tokio::test]
    async fn a_source_that_puts_off_again_and_again_ends_the_run() {
        let later = || answer(202, "retry-after: 50\r\n", "");
        let rules = "{ path: /a, outcomes: { wait: [202] } }";
        let mut script = vec![later(), later(), answer(200, "", "[1]")];
        script.extend((0..3).map(|_| later()));
        let server = says(script);
        let session = session(&server.base(), "timeouts: { patience: 120 }");
        let mut said = Vec::new();
        for _ in 0..6 {
            let (page, _) = first(&session, rules).await;
            if let Ok(Page::Wait { seconds, .. }) = page {
                session.clock().sleep(Duration::from_secs(seconds)).await;
            }
            said.push(summary(&page));
            if let Err(fault) = page {
                assert!(fault.message.contains("raise `patience`"), "{fault}");
            }
        }
        let expected = [
            "wait 50",
            "wait 50",
            "1 records",
            "wait 50",
            "wait 50",
            "SourceRejected",
        ];
        assert_eq!(said, expected);
    }

    #[tokio::test]
    async fn a_dead_source_is_left_alone() {
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("an address");
        let session = session(&format!("http://{address}"), "");
        let mut sent = Vec::new();
        let mut said = Vec::new();
        for _ in 0..40 {
            let (page, traffic) = first(&session, "{ path: /a }").await;
            sent.push(traffic.sent);
            said.push(summary(&page));
        }
        assert_eq!(sent[..3], [4, 4, 4]);
        assert!(sent[3..].iter().all(|sent| *sent == 0), "{sent:?}");
        assert_eq!(said[2], "Transient");
        assert!(
            said[3..].iter().all(|said| said.starts_with("wait ")),
            "{said:?}"
        );
    }

    #[tokio::test]
    async fn nothing_is_begun_past_the_deadline() {
        let server = says(vec![answer(500, "", ""), answer(200, "", "[1]")]);
        let session = session(&server.base(), "");
        let resource = resource("{ path: /a }");
        let token = resource.paginate.first();
        let mut traffic = Traffic::default();
        for (deadline, sent) in [(Duration::ZERO, 0), (Duration::from_millis(100), 1)] {
            let page = session
                .page(
                    &resource,
                    &Values::new(),
                    &token,
                    Some(deadline),
                    &mut traffic,
                )
                .await;
            assert!(
                matches!(page, Ok(Page::Wait { seconds: 0..=1, .. })),
                "{page:?}"
            );
            assert_eq!(traffic.sent, sent);
        }
    }

    #[tokio::test]
    async fn no_credential_leaves_its_origin_by_a_redirect() {
        for auth in [BY_QUERY, BY_HEADER, BY_BASIC] {
            for status in [301, 302, 303, 307, 308] {
                let canary = Scripted::start(Vec::new());
                let location = format!("location: {}/caught?x={KEY}\r\n", canary.base());
                let server = says(vec![answer(status, &location, "")]);
                let session = session(&server.base(), auth);
                let (page, traffic) = first(&session, "{ path: /a }").await;
                let fault = page.expect_err("refused");
                assert_eq!((fault.kind, traffic.sent), (Kind::SourceRejected, 1));
                assert!(
                    fault
                        .message
                        .contains(&format!("a redirect to {}", canary.base())),
                    "{fault}"
                );
                assert!(canary.heard().is_empty());
            }
        }
    }

    #[tokio::test]
    async fn no_credential_leaves_its_origin_by_a_next_link_but_stays_within() {
        let canary = Scripted::start(Vec::new());
        let paged = "{ path: /a, records: $.data, paginate: { next_link: { path: $.next } } }";
        for (auth, sent_as) in [
            (BY_QUERY, "?c=2&api_key=c4n4ry%2Bk%2Fy%3D%25 "),
            (BY_HEADER, "x-api-key: c4n4ry+k/y=%\r\n"),
            (BY_BASIC, "authorization: Basic "),
        ] {
            let foreign = format!("{{\"data\": [1], \"next\": \"{}/a?c=2\"}}", canary.base());
            let own = "{\"data\": [1], \"next\": \"/b?c=2&api_key=echoed\"}";
            let server = says(vec![
                answer(200, "", &foreign),
                answer(200, "", own),
                answer(200, "", "{\"data\": [2], \"next\": null}"),
            ]);
            let session = session(&server.base(), auth);
            let (page, _) = first(&session, paged).await;
            let fault = page.expect_err("refused");
            assert!(
                fault.kind == Kind::SourceRejected && fault.message.contains("another origin"),
                "{fault}"
            );
            assert!(canary.heard().is_empty());

            let resource = resource(paged);
            let (page, _) = first(&session, paged).await;
            let Ok(Page::Fetched { turn, .. }) = page else {
                panic!("{page:?}")
            };
            let Next::Page(token) = turn.next else {
                panic!("nothing follows")
            };
            let mut traffic = Traffic::default();
            let page = session
                .page(&resource, &Values::new(), &token, None, &mut traffic)
                .await;
            assert!(
                matches!(&page, Ok(Page::Fetched { turn, .. }) if turn.next == Next::End),
                "{page:?}"
            );
            let heard = server.heard();
            let last = &heard[2];
            assert!(
                last.starts_with("GET /b?c=2") && last.contains(sent_as),
                "{last}"
            );
            assert!(auth != BY_QUERY || !last.contains("echoed"), "{last}");
            assert!(!last.to_lowercase().contains("referer"), "{last}");
        }
    }

    #[tokio::test]
    async fn each_credential_goes_to_its_own_origin_and_follows_no_redirect() {
        let client = "client_id: lake, client_secret: { secret: t/key }, send_as: form";
        let tokens = says(vec![answer(
            200,
            "",
            "{\"access_token\": \"t0k3n-of-the-source\"}",
        )]);
        let pages = says(vec![answer(200, "", "[1]")]);
        let auth = format!(
            "auth: {{ oauth2_client_credentials: {{ url: '{}/token', {client} }} }}",
            tokens.base()
        );
        let session = self::session(&pages.base(), &auth);
        first(&session, "{ path: /a }").await.0.expect("a page");
        let (asked, got) = (tokens.heard().concat(), pages.heard().concat());
        assert!(
            asked.contains("client_secret=c4n4ry") && !asked.contains("t0k3n"),
            "{asked}"
        );
        assert!(
            got.contains("Bearer t0k3n-of-the-source") && !got.contains("c4n4ry"),
            "{got}"
        );

        for status in [301, 302, 303, 307, 308] {
            let canary = Scripted::start(Vec::new());
            let location = format!("location: {}/caught\r\n", canary.base());
            let tokens = says(vec![answer(status, &location, "")]);
            let auth = auth.replace(
                &auth[auth.find("http").expect("one")..auth.find("/token").expect("one")],
                &tokens.base(),
            );
            let pages = Scripted::start(Vec::new());
            let session = self::session(&pages.base(), &auth);
            let fault = first(&session, "{ path: /a }")
                .await
                .0
                .expect_err("refused");
            assert!(
                fault.message.contains("redirects are not followed"),
                "{fault}"
            );
            assert!(canary.heard().is_empty() && pages.heard().is_empty());
        }
    }

    #[tokio::test]
    async fn a_token_is_asked_for_with_encryption_or_on_this_machine() {
        for (url, part) in [
            ("http://login.example/token", "without encryption"),
            ("ftp://login.example/token", "neither http nor https"),
            (
                "https://u:p4ss@login.example/token",
                "user name or password",
            ),
            ("p4ss word", "is not an address"),
        ] {
            let text = format!(
                "{{ base_url: 'https://api.example', auth: {{ login: {{ url: '{url}', form: {{ p: {{ secret: t/password }} }}, keep: cookies }} }} }}"
            );
            let definition = decode::<SourceDefinition>(&text).value.expect("decodes");
            let fault = definition.open(&Values::new()).expect_err("refused");
            assert!(fault.message.contains(part), "{url}: {fault}");
            assert!(!fault.message.contains("p4ss"), "{fault}");
        }
    }

    #[tokio::test]
    async fn trouble_where_tokens_are_given_is_trouble_with_the_source() {
        let good = || answer(200, "", "{\"access_token\": \"t0k3n-of-the-source\"}");
        for (script, expected, sent) in [
            (vec![answer(503, "", ""), good()], "1 records", 3),
            (
                vec![answer(429, "retry-after: 3\r\n", ""), good()],
                "1 records",
                3,
            ),
            (vec![answer(429, "retry-after: 90\r\n", "")], "wait 90", 1),
            (
                vec![answer(400, "", "{\"error\": \"invalid_client\"}")],
                "SourceRejected",
                1,
            ),
            (
                vec![answer(200, "", "{\"error\": \"no\"}")],
                "SourceRejected",
                1,
            ),
            (vec![answer(200, "", "<html>")], "SourceRejected", 1),
        ] {
            let tokens = says(script);
            let pages = says(vec![answer(200, "", "[1]")]);
            let auth = format!(
                "auth: {{ oauth2_client_credentials: {{ url: '{}/token', client_id: lake, client_secret: {{ secret: t/key }} }} }}",
                tokens.base()
            );
            let session = self::session(&pages.base(), &auth);
            let (page, traffic) = first(&session, "{ path: /a }").await;
            assert_eq!(summary(&page), expected, "{page:?}");
            assert_eq!(traffic.sent, sent, "{expected}");
            if expected != "1 records" {
                assert!(pages.heard().is_empty());
            }
        }
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("whole").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn no_secret_is_written_anywhere() {
        // For the whole process: what the other tests beside this one make it write is looked at too.
        let log = Written::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("the only one");
        let headers = "headers: { X-A: { secret: t/key }, X-B: { secret: t/password } }";
        let mut texts = Vec::new();
        for auth in [BY_QUERY, BY_HEADER, BY_BASIC] {
            // A source that throws every secret back, in each place where it could be picked up.
            let thrown = format!("{KEY} {PASSWORD}");
            let link =
                format!("{{\"data\": [1], \"next\": \"http://127.0.0.1:1/?api_key={KEY}\"}}");
            let script = vec![
                answer(
                    401,
                    &format!("www-authenticate: {KEY}\r\nx-p: {PASSWORD}\r\n"),
                    &thrown,
                ),
                answer(
                    302,
                    &format!("location: http://{KEY}.example/{KEY}\r\n"),
                    &thrown,
                ),
                answer(200, "", &thrown),
                answer(200, "", &link),
                answer(200, "content-encoding: gzip\r\n", &thrown),
                format!("HTTP/1.1 {KEY}\r\n\r\n").into_bytes(),
                answer(503, &format!("retry-after: {KEY}\r\n"), &thrown),
                answer(200, "", "[1]"),
            ];
            let server = says(script);
            let session = session(&server.base(), &format!("{auth}, {headers}"));
            texts.push(format!("{session:?}"));
            let paged = "{ path: /a, records: [$.data, $], paginate: { next_link: { path: $.next } }, query: { echo: 'c4n4ry+k/y=%' } }";
            for _ in 0..6 {
                let (page, traffic) = first(&session, paged).await;
                texts.push(format!("{page:?} {traffic:?}"));
                if let Err(fault) = &page {
                    texts.push(fault.to_string());
                }
                if let Ok(Page::Fetched { request, turn, .. }) = &page {
                    texts.push(format!(
                        "{request} {}",
                        serde_json::to_string(&format!("{:?}", turn.next)).expect("json")
                    ));
                }
            }
            let request = Request::get(session.source().base().clone());
            let known = [("t/key", KEY), ("t/password", PASSWORD)].map(|(name, value)| {
                let name = pipeline::secret::SecretName::try_from(name.to_owned()).expect("a name");
                (name, pipeline::secret::Secret::new(value))
            });
            let signed = session
                .source()
                .signed(
                    request,
                    &known.into_iter().collect(),
                    &session.moment(),
                    None,
                )
                .expect("signed");
            texts.push(format!("{signed:?} {signed}"));
            assert!(server.heard().len() >= 6);
        }
        let log = String::from_utf8(log.0.lock().expect("whole").clone()).expect("text");
        assert!(
            log.contains("answered") && log.contains("no answer"),
            "{log}"
        );
        texts.push(log);
        for text in texts {
            for secret in [
                "c4n4ry",
                "c4nary",
                "p4ss",
                "YzRuNHJ5",
                "OiJvdGhlciA",
                "dXNlcjow",
            ] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }

    #[tokio::test]
    async fn one_of_many_answers_may_stay_unreadable_and_is_kept_as_it_is() {
        let broken = || answer(200, "", "{\"a\": ");
        for (resource, expected) in [
            (
                "{ path: '/{id}', for_each: { range: { first: 1, last: 2 } } }",
                "0 records",
            ),
            ("{ path: /a }", "Transient"),
        ] {
            let server = says(vec![broken(), broken(), broken(), broken()]);
            let session = session(&server.base(), "");
            let resource = super::tests::resource(resource);
            let values = Values::from([("id".to_owned(), "1".to_owned())]);
            let token = resource.paginate.first();
            let mut traffic = Traffic::default();
            let page = session
                .page(&resource, &values, &token, None, &mut traffic)
                .await;
            assert_eq!(summary(&page), expected);
            assert_eq!(traffic.sent, 4);
        }
    }

    #[tokio::test]
    async fn a_source_that_stays_down_ends_the_run_and_tells_why() {
        let server = says(Vec::new());
        let session = session(&server.base(), "");
        let resource = resource("{ path: /a }");
        let token = resource.paginate.first();
        let mut traffic = Traffic::default();
        let mut waited = 0;
        let fault = loop {
            let page = session
                .page(&resource, &Values::new(), &token, None, &mut traffic)
                .await;
            match page {
                Ok(Page::Wait { seconds, down }) => {
                    assert!(down.expect("why").message.contains("answered 500"));
                    session.clock().sleep(Duration::from_secs(seconds)).await;
                    waited += seconds;
                }
                Err(fault) if waited >= 3600 => break fault,
                Err(_) => {}
                Ok(page) => panic!("{page:?}"),
            }
            assert!(waited < 2 * 3600, "waited {waited} s and would wait on");
        };
        assert_eq!(fault.kind, Kind::Transient);
        assert!(fault.message.contains("answered 500"), "{fault}");
        assert!(traffic.sent <= 12 + 61, "{traffic:?}");
    }
}
