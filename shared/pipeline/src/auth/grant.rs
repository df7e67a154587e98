//! What a source gave for our credentials, a token or cookies: read from its answer, shown with each request.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::Material;
use super::cookies::Cookies;
use crate::fault::Fault;
use crate::header::HeaderName;
use crate::paginate::parameter::put;
use crate::path::Path;
use crate::request::{Answer, Credential, Request};
use crate::secret::Secret;

/// What was given, for as long as it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    shown: Shown,
    valid_for: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shown {
    Token { way: Way, token: Secret },
    Cookies(Cookies),
}

/// How a token is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) header: HeaderName,
    pub(super) scheme: String,
}

impl Way {
    /// In the header `Authorization`.
    pub(super) fn authorization(scheme: Option<String>) -> Self {
        Way {
            header: authorization(),
            scheme: scheme.unwrap_or_else(|| "Bearer".to_owned()),
        }
    }
}

/// The header that most credentials go in.
pub(super) fn authorization() -> HeaderName {
    HeaderName::try_from("authorization".to_owned()).expect("a name")
}

impl Grant {
    pub(super) fn token(way: Way, token: Secret, valid_for: Option<Duration>) -> Self {
        Grant {
            shown: Shown::Token { way, token },
            valid_for,
        }
    }

    pub(super) fn cookies(cookies: Cookies, valid_for: Option<Duration>) -> Self {
        Grant {
            shown: Shown::Cookies(cookies),
            valid_for,
        }
    }

    /// For how long it holds, where that is known, less what a request may take on its way.
    pub fn valid_for(&self) -> Option<Duration> {
        const LONGEST: Duration = Duration::from_secs(120);
        self.valid_for
            .map(|valid_for| valid_for - (valid_for / 10).min(LONGEST))
    }

    /// What of it must never be written anywhere. A short value says less than hiding it everywhere would
    /// take from innocent text.
    pub fn secrets(&self) -> Vec<&Secret> {
        let secrets = match &self.shown {
            Shown::Token { token, .. } => vec![token],
            Shown::Cookies(cookies) => cookies.values().collect(),
        };
        let long = |secret: &&Secret| secret.expose().len() >= 6;
        secrets.into_iter().filter(long).collect()
    }

    /// The grant after an answer of the source, where that changed it: a session's cookies may move on.
    pub fn after(
        &self,
        answer: &Answer,
        asked: &Url,
        base: &Url,
        now: jiff::Timestamp,
    ) -> Option<Grant> {
        let Shown::Cookies(cookies) = &self.shown else {
            return None;
        };
        let mut cookies = cookies.clone();
        let changed = cookies.take(answer, asked, base, now);
        (changed && !cookies.is_empty()).then(|| Grant::cookies(cookies, self.valid_for))
    }

    pub(super) fn apply(&self, request: Request) -> Result<Request, Fault> {
        match &self.shown {
            Shown::Token { way, token } => {
                let value = match way.scheme.as_str() {
                    "" => token.expose().to_owned(),
                    scheme => format!("{scheme} {}", token.expose()),
                };
                Ok(request.with(sent(&way.header, value)?))
            }
            Shown::Cookies(cookies) => Ok(match cookies.header(&request.url) {
                Some(value) => request.with(sent("cookie", value)?),
                None => request,
            }),
        }
    }
}

/// As [`super::header`], of something that the source itself gave.
fn sent(name: &str, value: String) -> Result<Credential, Fault> {
    super::header(name, value, "granted").map_err(|_| {
        Fault::rejected("the source gave a token with characters that a header cannot carry")
    })
}

/// The request with what was granted; that it was is the caller's duty.
pub(super) fn show(request: Request, material: &Material<'_>) -> Result<Request, Fault> {
    let grant = material.grant;
    grant
        .ok_or_else(|| Fault::bug("a request was about to be signed before its token was there"))?
        .apply(request)
}

/// Where an answer holds a token, and how it is shown
///
/// `{ at: $.access_token }`, `{ in_header: X-Auth-Token, header: X-Auth-Token, scheme: '' }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "TokenWritten")]
#[schemars(with = "TokenWritten")]
pub struct Token {
    place: Place,
    way: Way,
    expires_in: Option<Path>,
}

#[derive(Debug, Clone)]
enum Place {
    Body(Path),
    Header(HeaderName),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TokenWritten {
    /// Where in the answer's JSON the token is; this or `in_header`.
    at: Option<Path>,
    /// The header of the answer that holds the token; this or `at`.
    in_header: Option<HeaderName>,
    /// The header that it is sent in; `Authorization` where nothing is said.
    header: Option<HeaderName>,
    /// The word before it; `Bearer` where nothing is said, and `''` for none.
    scheme: Option<String>,
    /// Where in the answer's JSON its lifetime in seconds is.
    expires_in: Option<Path>,
}

impl TryFrom<TokenWritten> for Token {
    type Error = String;

    fn try_from(written: TokenWritten) -> Result<Self, String> {
        let place = match (written.at, written.in_header) {
            (Some(path), None) => Place::Body(path),
            (None, Some(header)) => Place::Header(header),
            (None, None) => {
                return Err(
                    "neither `at` nor `in_header` is set; say where the token is, `at: $.token`"
                        .to_owned(),
                );
            }
            (Some(_), Some(_)) => {
                return Err("both `at` and `in_header` are set; keep one".to_owned());
            }
        };
        Ok(Token {
            place,
            way: Way {
                header: written.header.unwrap_or_else(authorization),
                scheme: written.scheme.unwrap_or_else(|| "Bearer".to_owned()),
            },
            expires_in: written.expires_in,
        })
    }
}

impl Token {
    /// A token as OAuth answers it.
    pub(super) fn oauth(at: Path, expires_in: Path, scheme: Option<String>) -> Self {
        Token {
            place: Place::Body(at),
            way: Way::authorization(scheme),
            expires_in: Some(expires_in),
        }
    }

    /// The answer that gives a token, for who plays the source: the token where [`Token::read`] looks for it.
    pub(super) fn given(&self, token: &str) -> Result<Answer, Fault> {
        let mut body = Value::Object(serde_json::Map::new());
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        match &self.place {
            Place::Header(name) => headers.push((name.to_string(), token.to_owned())),
            Place::Body(path) => put(&mut body, path, token.into())?,
        }
        if let Some(path) = &self.expires_in {
            put(&mut body, path, 3600.into())?;
        }
        Ok(Answer {
            status: 200,
            headers,
            body: body.to_string().into_bytes(),
        })
    }

    /// The grant that an answer holds. `lifetime` goes before what the answer says of it.
    pub(super) fn read(&self, answer: &Answer, lifetime: Option<Duration>) -> Result<Grant, Fault> {
        let token = match &self.place {
            Place::Header(name) => answer.header(name).map(str::to_owned),
            Place::Body(path) => text_at(&json(answer)?, path),
        };
        let token = token.filter(|token| !token.is_empty()).ok_or_else(|| {
            let place = match &self.place {
                Place::Header(name) => format!("in the header `{name}`"),
                Place::Body(path) => format!("at `{path}`"),
            };
            Fault::rejected(format!(
                "the answer to the request for a token holds none {place}; say under `auth` where it is, and check the credentials"
            ))
        })?;
        let said = || {
            let found = json(answer).ok()?;
            let seconds = seconds_at(&found, self.expires_in.as_ref()?)?;
            Some(Duration::from_secs(seconds))
        };
        let valid_for = lifetime.or_else(said);
        Ok(Grant::token(
            self.way.clone(),
            Secret::new(token),
            valid_for,
        ))
    }
}

/// The JSON of an answer to a request for a token; nothing of it is ever shown.
pub(super) fn json(answer: &Answer) -> Result<Value, Fault> {
    serde_json::from_slice(&answer.body)
        .map_err(|_| Fault::rejected("the answer to the request for a token is not JSON"))
}

/// The text at a path.
pub(super) fn text_at(value: &Value, path: &Path) -> Option<String> {
    path.find(value)?.as_str().map(str::to_owned)
}

/// Seconds as a number, or as text as some write them.
fn seconds_at(value: &Value, path: &Path) -> Option<u64> {
    let found = path.find(value)?;
    let number = found
        .as_f64()
        .or_else(|| found.as_str()?.trim().parse().ok());
    // Past a year it says no more than that it holds.
    number
        .filter(|number| *number >= 1.0)
        .map(|number| number.min(31_536_000.0) as u64)
}
