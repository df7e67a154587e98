//! A request to a source and its answer, as plain values; credentials travel apart and never print.

use std::fmt;

use url::Url;

use crate::secret::Secret;

/// How a request asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Method {
    /// Reads; always safe to send again.
    #[default]
    Get,
    /// Sends a body; sent again only where the definition says that it may be.
    Post,
}

impl Method {
    /// The method as HTTP writes it.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

/// What a request carries.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Shows no content: the one that logs in holds a password.
impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (content_type, bytes) = (self.content_type, self.bytes.len());
        write!(formatter, "Body {{ {content_type}, bytes: {bytes} }}")
    }
}

/// What proves who we are; attached at the moment of sending, and to the configured origin only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A header.
    Header {
        /// Its name.
        name: String,
        /// Its whole value.
        value: Secret,
    },
    /// A parameter of the query.
    Query {
        /// Its name.
        name: String,
        /// Its value, not yet encoded.
        value: Secret,
    },
}

impl Credential {
    /// The name of the header or parameter.
    pub fn name(&self) -> &str {
        match self {
            Credential::Header { name, .. } | Credential::Query { name, .. } => name,
        }
    }
}

/// One request, complete but not sent. Its `url` holds no credential, so it may be shown anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How it asks.
    pub method: Method,
    /// Where, without credentials.
    pub url: Url,
    /// Headers without credentials; names in lower case.
    pub headers: Vec<(String, String)>,
    /// What it carries.
    pub body: Option<Body>,
    /// Whether sending it twice does no harm.
    pub repeatable: bool,
    /// What proves who we are.
    pub credentials: Vec<Credential>,
}

impl Request {
    /// A plain GET.
    pub fn get(url: Url) -> Self {
        Request {
            method: Method::Get,
            url,
            headers: Vec::new(),
            body: None,
            repeatable: true,
            credentials: Vec::new(),
        }
    }

    /// The same request with one more credential.
    #[must_use]
    pub fn with(mut self, credential: Credential) -> Self {
        self.credentials.push(credential);
        self
    }

    /// The address as it is sent, credentials in the query included: for the wire, nothing else.
    pub fn exposed_url(&self) -> Url {
        let mut url = self.url.clone();
        for credential in &self.credentials {
            if let Credential::Query { name, value } = credential {
                push_query(&mut url, name, value.expose());
            }
        }
        url
    }
}

/// As a person reads it: `GET https://…/products/7?api_key=***`.
impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method.name(), self.url)?;
        let mut joint = if self.url.query().is_some() { '&' } else { '?' };
        for credential in &self.credentials {
            if let Credential::Query { name, value } = credential {
                write!(formatter, "{joint}{name}={value}")?;
                joint = '&';
            }
        }
        Ok(())
    }
}

/// What a source answered, whole: a truncated answer never becomes one of these.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers in order; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, its content encoding undone.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name, written in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All headers of that name, written in lower case.
    pub fn headers_named(&self, name: &'static str) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }
}

/// Shows neither header values nor the body: both may hold what must not be logged.
impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, bytes) = (self.status, self.body.len());
        write!(formatter, "Answer {{ status: {status}, bytes: {bytes} }}")
    }
}

/// Percent-encodes all but letters, digits and `-._~`: safe as one path segment (but for `.` and `..`) and
/// in a query.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                encoded.push('%');
                encoded.push(char::from(DIGITS[usize::from(byte >> 4)]));
                encoded.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
    encoded
}

/// Adds `name=value` to the address, both encoded.
pub fn push_query(url: &mut Url, name: &str, value: &str) {
    let pair = format!("{}={}", encode(name), encode(value));
    let query = match url.query() {
        Some(query) if !query.is_empty() => format!("{query}&{pair}"),
        _ => pair,
    };
    url.set_query(Some(&query));
}

/// Takes every parameter of that name out of the address.
pub fn drop_query(url: &mut Url, name: &str) {
    let Some(query) = url.query() else { return };
    let is_named = |pair: &str| {
        let mut decoded = url::form_urlencoded::parse(pair.as_bytes());
        decoded.next().is_some_and(|(found, _)| found == name)
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_named(pair)).collect();
    let kept = kept.join("&");
    url.set_query(Some(kept.as_str()).filter(|kept| !kept.is_empty()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_prints_without_its_credentials() {
        let url = Url::parse("https://api.gin.example/v2/products/7?a=1").expect("a url");
        let request = Request::get(url)
            .with(Credential::Query {
                name: "api_key".into(),
                value: Secret::new("k&y"),
            })
            .with(Credential::Header {
                name: "x-key".into(),
                value: Secret::new("k&y"),
            });
        let shown = "GET https://api.gin.example/v2/products/7?a=1&api_key=***";
        assert_eq!(request.to_string(), shown);
        assert!(!format!("{request:?}").contains("k&y"));
        let sent = "https://api.gin.example/v2/products/7?a=1&api_key=k%26y";
        assert_eq!(request.exposed_url().as_str(), sent);
    }

    #[test]
    fn a_parameter_is_dropped_however_it_is_written() {
        let mut url =
            Url::parse("https://x/?a=1&api%5Fkey=s&b=2&api_key=s&api_key").expect("a url");
        drop_query(&mut url, "api_key");
        assert_eq!(url.as_str(), "https://x/?a=1&b=2");
        drop_query(&mut url, "a");
        drop_query(&mut url, "b");
        assert_eq!(url.as_str(), "https://x/");
    }

    #[test]
    fn encoded_text_has_no_meaning_of_its_own() {
        assert_eq!(
            encode("a/../b?c#d%e&f=g \u{e9}"),
            "a%2F..%2Fb%3Fc%23d%25e%26f%3Dg%20%C3%A9"
        );
    }
}
