//! The cookies of one session with one source.

use std::fmt;

use jiff::Timestamp;
use url::Url;

use crate::address::is_this_machine;
use crate::request::Answer;
use crate::secret::Secret;

/// Cookies that go back to the source they are from.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Cookies(Vec<Cookie>);

#[derive(Clone, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: Secret,
    path: String,
    secure: bool,
}

impl fmt::Debug for Cookies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|cookie| &cookie.name);
        formatter.debug_list().entries(names).finish()
    }
}

/// What one `Set-Cookie` says.
enum Said {
    Keep(Cookie),
    Forget { name: String, path: String },
}

impl Cookies {
    /// Takes what an answer from `asked` sets for `base`, and says whether anything is now different.
    pub(super) fn take(
        &mut self,
        answer: &Answer,
        asked: &Url,
        base: &Url,
        now: Timestamp,
    ) -> bool {
        let before = self.clone();
        for line in answer.headers_named("set-cookie") {
            match read(line, asked, base, now) {
                None => {}
                Some(Said::Keep(cookie)) => {
                    self.forget(&cookie.name, &cookie.path);
                    self.0.push(cookie);
                }
                Some(Said::Forget { name, path }) => self.forget(&name, &path),
            }
        }
        *self != before
    }

    fn forget(&mut self, name: &str, path: &str) {
        self.0
            .retain(|known| known.name != name || known.path != path);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Secret> {
        self.0.iter().map(|cookie| &cookie.value)
    }

    /// The header `Cookie` of a request to this address; none where no cookie is for it.
    pub(super) fn header(&self, url: &Url) -> Option<String> {
        let safe = url.scheme() == "https" || is_this_machine(url);
        let fits =
            |cookie: &&Cookie| is_under(url.path(), &cookie.path) && (safe || !cookie.secure);
        let mut fitting: Vec<&Cookie> = self.0.iter().filter(fits).collect();
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = fitting
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value.expose()))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

fn read(line: &str, asked: &Url, base: &Url, now: Timestamp) -> Option<Said> {
    let mut parts = line.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
    let sound = |text: &str| {
        text.bytes()
            .all(|byte| (0x21..0x7f).contains(&byte) || byte == b' ')
    };
    if name.is_empty() || !sound(&name) || !sound(&value) {
        return None;
    }
    // One without a path is for all: who writes a login for programs often leaves it out.
    let mut path = "/".to_owned();
    let (mut domain, mut secure, mut expires, mut age) = (None, false, None, None);
    for part in parts {
        let (key, text) = part.split_once('=').unwrap_or((part, ""));
        let text = text.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "path" if text.starts_with('/') => path = text.to_owned(),
            "domain" if !text.is_empty() => {
                domain = Some(text.trim_start_matches('.').to_ascii_lowercase());
            }
            "secure" => secure = true,
            "expires" => expires = httpdate::parse_http_date(text).ok(),
            "max-age" => age = text.parse::<i64>().ok(),
            _ => {}
        }
    }
    let (asked, base) = (asked.host_str()?, base.host_str()?);
    let is_ours = match domain {
        None => asked == base,
        Some(domain) => is_within(asked, &domain) && is_within(base, &domain),
    };
    if !is_ours {
        return None;
    }
    let past = expires.and_then(|date| Timestamp::try_from(date).ok());
    let is_over = match age {
        Some(age) => age <= 0,
        None => past.is_some_and(|date| date <= now),
    };
    Some(match is_over {
        true => Said::Forget { name, path },
        false => Said::Keep(Cookie {
            name,
            value: Secret::new(value),
            path,
            secure,
        }),
    })
}

fn is_within(host: &str, domain: &str) -> bool {
    let below = host.strip_suffix(domain);
    host == domain || below.is_some_and(|rest| rest.ends_with('.'))
}

fn is_under(path: &str, cookie: &str) -> bool {
    match path.strip_prefix(cookie) {
        Some(rest) => rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    fn answer(lines: &[&str]) -> Answer {
        let header = |line: &&str| ("set-cookie".to_owned(), (*line).to_owned());
        Answer {
            status: 200,
            headers: lines.iter().map(header).collect(),
            body: Vec::new(),
        }
    }

    #[test]
    fn a_cookie_goes_where_it_is_for_and_nowhere_else() {
        let base = url("https://api.example/v1");
        for (line, to, sent) in [
            ("sid=abc", "https://api.example/v1/a", Some("sid=abc")),
            (
                "sid=abc; HttpOnly; SameSite=Lax",
                "https://api.example/x",
                Some("sid=abc"),
            ),
            ("sid=a=b==", "https://api.example/", Some("sid=a=b==")),
            ("sid=\"q\"", "https://api.example/", Some("sid=\"q\"")),
            (
                "sid=abc; Path=/v1",
                "https://api.example/v1/a",
                Some("sid=abc"),
            ),
            (
                "sid=abc; Path=/v1",
                "https://api.example/v1",
                Some("sid=abc"),
            ),
            ("sid=abc; Path=/v1", "https://api.example/v10", None),
            (
                "sid=abc; Path=/v1/",
                "https://api.example/v1/a",
                Some("sid=abc"),
            ),
            ("sid=abc; Secure", "https://api.example/", Some("sid=abc")),
            ("sid=abc; Secure", "http://api.example/", None),
            (
                "sid=abc; Domain=example",
                "https://api.example/",
                Some("sid=abc"),
            ),
            (
                "sid=abc; Domain=.api.example",
                "https://api.example/",
                Some("sid=abc"),
            ),
            (
                "sid=abc; Domain=other.example",
                "https://api.example/",
                None,
            ),
            ("sid=abc; Domain=pi.example", "https://api.example/", None),
            ("sid=abc; Max-Age=0", "https://api.example/", None),
            (
                "sid=abc; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                "https://api.example/",
                Some("sid=abc"),
            ),
            (
                "sid=abc; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                "https://api.example/",
                None,
            ),
            ("sid=a\r\nx: y", "https://api.example/", None),
            ("=abc", "https://api.example/", None),
            ("abc", "https://api.example/", None),
        ] {
            let mut cookies = Cookies::default();
            let now = Timestamp::from_second(1_700_000_000).expect("a time");
            cookies.take(&answer(&[line]), &base, &base, now);
            assert_eq!(cookies.header(&url(to)).as_deref(), sent, "{line}");
            assert!(!format!("{cookies:?}").contains("abc"), "{cookies:?}");
        }
    }

    #[test]
    fn a_later_answer_replaces_and_removes() {
        let base = url("https://api.example/");
        let mut cookies = Cookies::default();
        let mut take = |lines: &[&str]| {
            cookies.take(&answer(lines), &base, &base, Timestamp::UNIX_EPOCH);
            cookies.header(&base).unwrap_or_default()
        };
        assert_eq!(take(&["a=1", "b=2"]), "a=1; b=2");
        assert_eq!(take(&["a=3"]), "b=2; a=3");
        assert_eq!(take(&["b=; Max-Age=0"]), "a=3");
        assert_eq!(take(&[]), "a=3");
    }

    #[test]
    fn another_host_sets_no_cookie_for_the_source() {
        let (login, base) = (url("https://login.example/"), url("https://api.example/"));
        let mut cookies = Cookies::default();
        let lines = ["a=1", "b=2; Domain=example"];
        cookies.take(&answer(&lines), &login, &base, Timestamp::UNIX_EPOCH);
        assert_eq!(cookies.header(&base).as_deref(), Some("b=2"));
    }
}
