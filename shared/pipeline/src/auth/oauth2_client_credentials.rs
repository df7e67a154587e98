//! OAuth 2.0 client credentials: a client's name and secret for a token that holds for a while.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::Material;
use super::ask::{self, Client, SendAs};
use super::endpoint::{Endpoint, Lifetime};
use super::fields::{self, Headers, Text, Texts};
use super::grant::{Grant, Token};
use crate::fault::Fault;
use crate::path::Path;
use crate::problem::{Located, Problems};
use crate::request::{Answer, Request};
use crate::resource::PathTemplate;
use crate::secret::{SecretName, SecretRef};
use crate::template::Template;

/// OAuth 2.0 client credentials
///
/// `{ path: /oauth/token, client_id: { secret: edfi/key }, client_secret: { secret: edfi/secret } }`. The token
/// is asked for once for all workers, again before it expires, and once when a request is answered with 401.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct ClientCredentials {
    endpoint: Endpoint,
    client: Client,
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
    /// The client's secret, as a reference.
    client_secret: SecretRef,
    /// How the client says who it is.
    #[serde(default)]
    send_as: SendAs,
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

pub(super) fn access_token() -> Path {
    Path::of_key("access_token")
}

pub(super) fn expires_in() -> Path {
    Path::of_key("expires_in")
}

/// The parameters with `scope` and `audience` among them.
pub(super) fn all_parameters(
    mut parameters: Texts,
    scope: Option<Located<Text>>,
    audience: Option<Located<Text>>,
) -> Result<Texts, String> {
    for (name, value) in [("scope", scope), ("audience", audience)] {
        if let Some(value) = value
            && parameters.insert(name.to_owned(), value).is_some()
        {
            return Err(format!(
                "`{name}` is set here and under `parameters`; keep one"
            ));
        }
    }
    Ok(parameters)
}

impl TryFrom<Written> for ClientCredentials {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        Ok(ClientCredentials {
            endpoint: Endpoint::of(written.path, written.url)?,
            client: Client {
                id: written.client_id,
                secret: Some(written.client_secret),
                send_as: written.send_as,
            },
            parameters: all_parameters(written.parameters, written.scope, written.audience)?,
            headers: written.headers,
            token: Token::oauth(written.token, written.expires_in, written.scheme),
            lifetime: written.lifetime,
        })
    }
}

impl ClientCredentials {
    pub(super) fn secrets(&self) -> Vec<&SecretName> {
        let others = fields::secrets(&self.parameters).chain(fields::secrets(&self.headers));
        self.client.secrets().chain(others).collect()
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

    pub(super) fn request(&self, address: &Url, material: &Material<'_>) -> Result<Request, Fault> {
        let parameters = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
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
}
