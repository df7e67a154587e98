//! A JSON Web Token signed with a private key: shown as it is, or exchanged for a token of the source.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use indexmap::IndexMap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::ask;
use super::endpoint::{Endpoint, Lifetime};
use super::fields::{self, Field, Headers, Text, Texts};
use super::grant::{Grant, Token, Way};
use super::oauth2_client_credentials::{access_token, expires_in};
use super::{Material, Moment};
use crate::fault::Fault;
use crate::path::Path;
use crate::problem::{Located, Problems};
use crate::request::{Answer, Method, Request};
use crate::resource::PathTemplate;
use crate::secret::{Secret, SecretName, SecretRef};
use crate::template::Template;

/// A JSON Web Token signed with a private key
///
/// `{ key: { secret: x/private_key }, algorithm: rs256, claims: { iss: "{issuer}", aud: https://login.example } }`
/// is sent as `Authorization: Bearer …`; with `exchange` it is given for a token of the source first. The claims
/// `iat` and `exp` are added. It is made anew before it expires, and once when a request is answered with 401.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtBearer {
    /// The private key in PEM (PKCS#8, PKCS#1 or SEC1), as a reference to a secret.
    key: SecretRef,
    /// How it signs.
    algorithm: Algorithm,
    /// The key's name, which the token's header then holds as `kid`.
    key_id: Option<Located<Text>>,
    /// What the token says.
    #[serde(default)]
    claims: IndexMap<String, Located<Field>>,
    /// For how many seconds it holds.
    #[serde(default = "five_minutes")]
    lifetime: Lifetime,
    /// Whether each gets a name of its own, the claim `jti`.
    #[serde(default)]
    unique: bool,
    /// The word before the token; `Bearer` where nothing is said.
    scheme: Option<String>,
    /// Where it is exchanged for a token of the source; without this it is that token itself.
    exchange: Option<Exchange>,
}

/// How a JSON Web Token is signed
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// RSA with SHA-256.
    Rs256,
    /// ECDSA over P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// As the token's header writes it.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Es256 => "ES256",
        }
    }
}

/// Where a signed token is exchanged for another
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "ExchangeWritten")]
#[schemars(with = "ExchangeWritten")]
struct Exchange {
    endpoint: Endpoint,
    assertion: String,
    parameters: Texts,
    headers: Headers,
    token: Path,
    expires_in: Path,
    lifetime: Option<Lifetime>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExchangeWritten {
    /// Where tokens are given, below `base_url`; this or `url`.
    path: Option<Located<PathTemplate>>,
    /// Where tokens are given, as a whole address; this or `path`.
    url: Option<Located<Template>>,
    /// The parameter that holds the signed token; `client_assertion` for a client that proves itself by one.
    #[serde(default = "assertion")]
    assertion: String,
    /// Further parameters of the request; `grant_type` is `urn:ietf:params:oauth:grant-type:jwt-bearer` where
    /// nothing else is said.
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
    /// For how many seconds the token holds, whatever the answer says.
    lifetime: Option<Lifetime>,
}

fn five_minutes() -> Lifetime {
    Lifetime::of(300)
}

fn assertion() -> String {
    "assertion".to_owned()
}

impl TryFrom<ExchangeWritten> for Exchange {
    type Error = String;

    fn try_from(written: ExchangeWritten) -> Result<Self, String> {
        Ok(Exchange {
            endpoint: Endpoint::of(written.path, written.url)?,
            assertion: written.assertion,
            parameters: written.parameters,
            headers: written.headers,
            token: written.token,
            expires_in: written.expires_in,
            lifetime: written.lifetime,
        })
    }
}

/// A token that lacks only its signature, which takes what this room does without: chance and a key's arithmetic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// How to sign.
    pub algorithm: Algorithm,
    /// With which key, in PEM.
    pub key: Secret,
    /// The name of the key's secret.
    pub key_name: SecretName,
    input: Secret,
}

impl Unsigned {
    /// What to sign.
    pub fn input(&self) -> &[u8] {
        self.input.expose().as_bytes()
    }

    /// The token, given the signature.
    pub fn signed(&self, signature: &[u8]) -> Secret {
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Secret::new(format!("{}.{signature}", self.input.expose()))
    }
}

impl JwtBearer {
    pub(super) fn secrets(&self) -> Vec<&SecretName> {
        let mut secrets = vec![&self.key.secret];
        secrets.extend(self.key_id.as_ref().and_then(|key_id| key_id.secret()));
        secrets.extend(self.claims.values().flat_map(|claim| claim.secrets()));
        if let Some(exchange) = &self.exchange {
            secrets.extend(fields::secrets(&exchange.parameters));
            secrets.extend(fields::secrets(&exchange.headers));
        }
        secrets
    }

    pub(super) fn references(&self) -> Vec<String> {
        let claims = self.claims.values().flat_map(|claim| claim.references());
        let mut references: Vec<String> = claims.map(str::to_owned).collect();
        let key_id = self
            .key_id
            .as_ref()
            .and_then(|key_id| fields::plain(key_id));
        let key_id = key_id
            .into_iter()
            .flat_map(|template| template.references());
        references.extend(key_id.map(str::to_owned));
        if let Some(exchange) = &self.exchange {
            let more = fields::references(&exchange.parameters);
            let more = more.chain(fields::references(&exchange.headers));
            references.extend(more.map(str::to_owned));
            references.extend(exchange.endpoint.references());
        }
        references
    }

    pub(super) fn check(&self, known: &[&str], problems: &mut Problems) {
        for (name, claim) in &self.claims {
            claim.value.check(claim.at, name, known, problems);
            if matches!(name.as_str(), "iat" | "exp") || (name == "jti" && self.unique) {
                problems.add_with(
                    claim.at,
                    format!("the claim `{name}` is added for each token"),
                    "leave it out, or set `lifetime`",
                );
            }
        }
        if let Some(key_id) = &self.key_id
            && let Some(template) = fields::plain(key_id)
        {
            crate::source::check_references(key_id.at, template, known, problems);
        }
        if let Some(exchange) = &self.exchange {
            exchange.endpoint.check(known, problems);
            fields::check(&exchange.parameters, known, problems);
            fields::check_headers(&exchange.headers, known, problems);
        }
    }

    pub(super) fn endpoint(&self) -> Option<&Endpoint> {
        self.exchange.as_ref().map(|exchange| &exchange.endpoint)
    }

    /// The token, not yet signed.
    pub(super) fn unsigned(&self, material: &Material<'_>) -> Result<Unsigned, Fault> {
        let mut header = Map::new();
        header.insert("alg".to_owned(), self.algorithm.name().into());
        header.insert("typ".to_owned(), "JWT".into());
        if let Some(key_id) = &self.key_id {
            let key_id = fields::text(key_id, material, "key_id")?;
            header.insert("kid".to_owned(), key_id.into());
        }
        let mut claims = Map::new();
        for (name, claim) in &self.claims {
            claims.insert(name.clone(), claim.fill(material, name)?);
        }
        let now = material.moment.now.as_second();
        claims.insert("iat".to_owned(), now.into());
        let end = now.saturating_add_unsigned(self.lifetime.seconds());
        claims.insert("exp".to_owned(), end.into());
        if self.unique {
            claims.insert("jti".to_owned(), material.moment.nonce.clone().into());
        }
        let part =
            |part: Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(part).to_string());
        Ok(Unsigned {
            algorithm: self.algorithm,
            key: material.secrets.get(&self.key.secret)?.clone(),
            key_name: self.key.secret.clone(),
            input: Secret::new(format!("{}.{}", part(header), part(claims))),
        })
    }

    /// The signed token as what is shown to the source.
    pub(super) fn shown(&self, token: Secret) -> Grant {
        let way = Way::authorization(self.scheme.clone());
        Grant::token(way, token, Some(self.lifetime.duration()))
    }

    /// The request that exchanges the signed token.
    pub(super) fn request(
        &self,
        address: &Url,
        token: &Secret,
        material: &Material<'_>,
    ) -> Result<Request, Fault> {
        let exchange = self.exchange()?;
        let parameters = vec![
            (
                "grant_type".to_owned(),
                "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned(),
            ),
            (exchange.assertion.clone(), token.expose().to_owned()),
        ];
        let parameters = ask::with_parameters(parameters, &exchange.parameters, material)?;
        let request = Request {
            method: Method::Post,
            body: Some(ask::form(&parameters)),
            ..Request::get(address.clone())
        };
        ask::with_headers(request, &exchange.headers, material)
    }

    /// The answer that gives a token for a signed one, for who plays the source.
    pub(super) fn given(&self, token: &str) -> Result<Answer, Fault> {
        self.token(self.exchange()?).given(token)
    }

    /// When a token says that it was made, and by which name; none where it is no token of this kind. Whether
    /// its signature is right is not asked.
    pub(super) fn made_at(token: &str) -> Option<Moment> {
        let mut parts = token.split('.');
        let claims = URL_SAFE_NO_PAD.decode(parts.nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let nonce = claims.get("jti").and_then(Value::as_str);
        Some(Moment {
            now: Timestamp::from_second(claims.get("iat")?.as_i64()?).ok()?,
            nonce: nonce.unwrap_or_default().to_owned(),
        })
    }

    fn token(&self, exchange: &Exchange) -> Token {
        Token::oauth(
            exchange.token.clone(),
            exchange.expires_in.clone(),
            self.scheme.clone(),
        )
    }

    pub(super) fn granted(&self, answer: &Answer) -> Result<Grant, Fault> {
        let exchange = self.exchange()?;
        let token = self.token(exchange);
        token.read(answer, exchange.lifetime.map(Lifetime::duration))
    }

    fn exchange(&self) -> Result<&Exchange, Fault> {
        let exchange = self.exchange.as_ref();
        exchange.ok_or_else(|| Fault::bug("a signed token was about to be exchanged nowhere"))
    }
}
