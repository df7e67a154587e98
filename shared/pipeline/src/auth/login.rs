//! Logging in: a request that carries name and password, and an answer that gives cookies or a token.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::cookies::Cookies;
use super::endpoint::{Endpoint, Lifetime};
use super::fields::{self, Field, Headers, Texts};
use super::grant::{self, Grant, Token};
use super::{Material, ask};
use crate::fault::Fault;
use crate::paginate::parameter::put;
use crate::path::Path;
use crate::problem::{Located, Problems};
use crate::request::{Answer, Body, Credential, Method, Request};
use crate::resource::PathTemplate;
use crate::secret::{IN_PLAIN_TEXT, Secret, SecretName};
use crate::template::Template;

/// Logging in, and keeping what the answer gives
///
/// `{ path: /user/login, json: { username: { secret: matrix/username }, password: { secret: matrix/password } }, keep: cookies }`.
/// It happens once for all workers, before the first request; again when `lifetime` is nearly over, and once
/// when a request is answered with 401 or a status that `outcomes` call `refresh`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct Login {
    endpoint: Endpoint,
    method: Method,
    query: Texts,
    headers: Headers,
    carried: Option<Carried>,
    keep: Keep,
    requires: Option<Path>,
    lifetime: Option<Lifetime>,
}

#[derive(Debug, Clone)]
enum Carried {
    Json(Located<Field>),
    Form(Texts),
}

/// What is kept of the answer
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Keep {
    /// All its cookies; what later answers set is kept too.
    Cookies,
    /// A token.
    Token(Token),
}

/// How a login is asked for
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum LoginMethod {
    /// POST.
    #[default]
    Post,
    /// GET.
    Get,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Where to log in, below `base_url`; this or `url`.
    path: Option<Located<PathTemplate>>,
    /// Where to log in, as a whole address; this or `path`.
    url: Option<Located<Template>>,
    /// How it is asked: with POST where nothing is said.
    #[serde(default)]
    method: LoginMethod,
    /// Parameters of the query; they are as secret as the rest and print nowhere.
    #[serde(default)]
    query: Texts,
    /// Headers of this request only.
    #[serde(default)]
    headers: Headers,
    /// What the request carries, as JSON; this or `form`.
    json: Option<Located<Field>>,
    /// What the request carries, as a form; this or `json`.
    form: Option<Texts>,
    /// What is kept of the answer.
    keep: Keep,
    /// Where the answer must hold something, or else it is no success, whatever its status.
    requires: Option<Path>,
    /// For how many seconds it holds, where that is known.
    lifetime: Option<Lifetime>,
}

impl TryFrom<Written> for Login {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let carried = match (written.json, written.form) {
            (Some(json), None) => Some(Carried::Json(json)),
            (None, Some(form)) => Some(Carried::Form(form)),
            (None, None) => None,
            (Some(_), Some(_)) => return Err("both `json` and `form` are set; keep one".to_owned()),
        };
        let method = match (written.method, &carried) {
            (LoginMethod::Post, _) => Method::Post,
            (LoginMethod::Get, None) => Method::Get,
            (LoginMethod::Get, Some(_)) => {
                return Err(
                    "a GET carries neither `json` nor `form`; use `query` or `headers`, or POST"
                        .to_owned(),
                );
            }
        };
        let login = Login {
            endpoint: Endpoint::of(written.path, written.url)?,
            method,
            query: written.query,
            headers: written.headers,
            carried,
            keep: written.keep,
            requires: written.requires,
            lifetime: written.lifetime,
        };
        match login.secrets().is_empty() {
            true => Err(format!(
                "{}; write at least one value under `json`, `form`, `query` or `headers` as `{{ secret: pipeline/what }}`",
                IN_PLAIN_TEXT[0]
            )),
            false => Ok(login),
        }
    }
}

impl Login {
    pub(super) fn secrets(&self) -> Vec<&SecretName> {
        let carried = match &self.carried {
            Some(Carried::Json(json)) => json.secrets(),
            Some(Carried::Form(form)) => fields::secrets(form).collect(),
            None => Vec::new(),
        };
        let others = fields::secrets(&self.query).chain(fields::secrets(&self.headers));
        carried.into_iter().chain(others).collect()
    }

    pub(super) fn references(&self) -> Vec<String> {
        let carried: Vec<&str> = match &self.carried {
            Some(Carried::Json(json)) => json.references(),
            Some(Carried::Form(form)) => fields::references(form).collect(),
            None => Vec::new(),
        };
        let others = fields::references(&self.query).chain(fields::references(&self.headers));
        let all = carried.into_iter().chain(others).map(str::to_owned);
        all.chain(self.endpoint.references()).collect()
    }

    pub(super) fn check(&self, known: &[&str], problems: &mut Problems) {
        self.endpoint.check(known, problems);
        fields::check(&self.query, known, problems);
        fields::check_headers(&self.headers, known, problems);
        match &self.carried {
            Some(Carried::Json(json)) => json.value.check(json.at, "json", known, problems),
            Some(Carried::Form(form)) => fields::check(form, known, problems),
            None => {}
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The request that logs in.
    pub(super) fn request(&self, address: &Url, material: &Material<'_>) -> Result<Request, Fault> {
        let body = match &self.carried {
            None => None,
            Some(Carried::Json(json)) => Some(Body {
                content_type: "application/json",
                bytes: json
                    .fill(material, "json of `login`")?
                    .to_string()
                    .into_bytes(),
            }),
            Some(Carried::Form(form)) => {
                let mut pairs = Vec::new();
                for (name, value) in form {
                    pairs.push((name.clone(), fields::text(value, material, name)?));
                }
                Some(ask::form(&pairs))
            }
        };
        let mut request = Request {
            method: self.method,
            body,
            ..Request::get(address.clone())
        };
        for (name, value) in &self.query {
            request = request.with(Credential::Query {
                name: name.clone(),
                value: Secret::new(fields::text(value, material, name)?),
            });
        }
        ask::with_headers(request, &self.headers, material)
    }

    /// The answer to a login, for who plays the source.
    pub(super) fn given(&self, token: &str) -> Result<Answer, Fault> {
        let mut answer = match &self.keep {
            Keep::Token(kept) => kept.given(token)?,
            Keep::Cookies => Answer {
                status: 200,
                headers: vec![(
                    "set-cookie".to_owned(),
                    format!("session={token}; Path=/; HttpOnly"),
                )],
                body: b"{}".to_vec(),
            },
        };
        let Some(path) = &self.requires else {
            return Ok(answer);
        };
        let mut body = grant::json(&answer)?;
        if path.find(&body).is_none_or(Value::is_null) {
            put(&mut body, path, true.into())?;
            answer.body = body.to_string().into_bytes();
        }
        Ok(answer)
    }

    /// What the answer gives.
    pub(super) fn granted(
        &self,
        answer: &Answer,
        asked: &Url,
        base: &Url,
        now: Timestamp,
    ) -> Result<Grant, Fault> {
        if let Some(path) = &self.requires
            && path.find(&grant::json(answer)?).is_none_or(Value::is_null)
        {
            return Err(Fault::rejected(format!(
                "the answer to the login holds nothing at `{path}`, so it is no success; check the credentials"
            )));
        }
        let lifetime = self.lifetime.map(Lifetime::duration);
        match &self.keep {
            Keep::Token(token) => token.read(answer, lifetime),
            Keep::Cookies => {
                let mut cookies = Cookies::default();
                cookies.take(answer, asked, base, now);
                match cookies.is_empty() {
                    true => Err(Fault::rejected(
                        "the answer to the login sets no cookie for the source; check the credentials, or keep a `token`",
                    )),
                    false => Ok(Grant::cookies(cookies, lifetime)),
                }
            }
        }
    }
}
