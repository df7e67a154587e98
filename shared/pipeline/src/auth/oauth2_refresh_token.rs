//! OAuth 2.0 refresh token: a long-lived token for a short-lived one, and often for its own successor.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::ask::{self, Client, SendAs};
use super::endpoint::{Endpoint, Lifetime};
use super::fields::{self, Headers, Text, Texts};
use super::grant::{self, Grant, Token};
use super::oauth2_client_credentials::{access_token, all_parameters, expires_in};
use super::{Material, Rotated};
use crate::fault::Fault;
use crate::path::Path;
use crate::problem::{Located, Problems};
use crate::request::{Answer, Request};
use crate::resource::PathTemplate;
use crate::secret::{Secret, SecretName, SecretRef};
use crate::template::Template;

/// OAuth 2.0 refresh token
///
/// `{ url: https://login.example/token, client_id: abc, refresh_token: { secret: crm/refresh_token } }`. A
/// source that gives a new refresh token with each answer makes the old one void. So the new one is written to
/// where the old one was read, before anything else is done: locally that is the file given by `--secrets`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct RefreshToken {
    endpoint: Endpoint,
    client: Client,
    refresh_token: SecretRef,
    rotates: bool,
    parameters: Texts,
    headers: Headers,
    token: Token,
    lifetime: Option<Lifetime>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Where tokens are given, below `base_url`; this or `url`.
    path: Option<Located<PathTemplate>>,
    /// Where tokens are given, as a whole address; this or `path`.
    url: Option<Located<Template>>,
    /// The client's name: text, or a reference to a secret.
    client_id: Located<Text>,
    /// The client's secret, as a reference; a public client has none.
    client_secret: Option<SecretRef>,
    /// How the client says who it is.
    #[serde(default)]
    send_as: SendAs,
    /// The refresh token, as a reference to a secret.
    refresh_token: SecretRef,
    /// Whether the source may give a new refresh token, so that this one has to be where it can be replaced.
    #[serde(default = "yes")]
    rotates: bool,
    /// What the token is to be good for, names divided by blanks.
    scope: Option<Located<Text>>,
    /// Whom the token is for.
    audience: Option<Located<Text>>,
    /// Further parameters of the request.
    #[serde(default)]
    parameters: Texts,
    /// Headers of this request only.
    #[serde(default)]
    headers: Headers,
    /// Where the answer holds the token.
    #[serde(default = "access_token")]
    token: Path,
    /// Where the answer holds the token's lifetime in seconds.
    #[serde(default = "expires_in")]
    expires_in: Path,
    /// The word before the token; `Bearer` where nothing is said.
    scheme: Option<String>,
    /// For how many seconds the token holds, whatever the answer says.
    lifetime: Option<Lifetime>,
}

fn yes() -> bool {
    true
}

impl TryFrom<Written> for RefreshToken {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        Ok(RefreshToken {
            endpoint: Endpoint::of(written.path, written.url)?,
            client: Client {
                id: written.client_id,
                secret: written.client_secret,
                send_as: written.send_as,
            },
            refresh_token: written.refresh_token,
            rotates: written.rotates,
            parameters: all_parameters(written.parameters, written.scope, written.audience)?,
            headers: written.headers,
            token: Token::oauth(written.token, written.expires_in, written.scheme),
            lifetime: written.lifetime,
        })
    }
}

impl RefreshToken {
    pub(super) fn secrets(&self) -> Vec<&SecretName> {
        let others = fields::secrets(&self.parameters).chain(fields::secrets(&self.headers));
        let own = [&self.refresh_token.secret];
        self.client.secrets().chain(own).chain(others).collect()
    }

    pub(super) fn references(&self) -> Vec<String> {
        let others = fields::references(&self.parameters).chain(fields::references(&self.headers));
        let all = self.client.references().chain(others).map(str::to_owned);
        all.chain(self.endpoint.references()).collect()
    }

    pub(super) fn check(&self, known: &[&str], problems: &mut Problems) {
        self.endpoint.check(known, problems);
        if let Some(template) = fields::plain(&self.client.id) {
            crate::source::check_references(self.client.id.at, template, known, problems);
        }
        fields::check(&self.parameters, known, problems);
        fields::check_headers(&self.headers, known, problems);
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The secret that an answer may replace.
    pub(super) fn rotates(&self) -> Option<&SecretName> {
        self.rotates.then_some(&self.refresh_token.secret)
    }

    pub(super) fn request(&self, address: &Url, material: &Material<'_>) -> Result<Request, Fault> {
        let refresh_token = material.secrets.get(&self.refresh_token.secret)?;
        let parameters = vec![
            ("grant_type".to_owned(), "refresh_token".to_owned()),
            (
                "refresh_token".to_owned(),
                refresh_token.expose().to_owned(),
            ),
        ];
        let parameters = ask::with_parameters(parameters, &self.parameters, material)?;
        let request = self.client.request(address, parameters, material)?;
        ask::with_headers(request, &self.headers, material)
    }

    /// The answer that gives a token, for who plays the source.
    pub(super) fn given(&self, token: &str) -> Result<Answer, Fault> {
        self.token.given(token)
    }

    pub(super) fn granted(&self, answer: &Answer) -> Result<Grant, Fault> {
        self.token
            .read(answer, self.lifetime.map(Lifetime::duration))
    }

    /// The successor of the refresh token, where the answer holds one. It is looked for before anything else
    /// of the answer: whatever else is wrong with it, this must not be lost.
    pub(super) fn rotated(&self, answer: &Answer, material: &Material<'_>) -> Option<Rotated> {
        let found = grant::json(answer).ok()?;
        let fresh = grant::text_at(&found, &Path::of_key("refresh_token"))?;
        let known = material.secrets.get(&self.refresh_token.secret).ok()?;
        (!fresh.is_empty() && fresh != known.expose()).then(|| Rotated {
            name: self.refresh_token.secret.clone(),
            value: Secret::new(fresh),
        })
    }
}
