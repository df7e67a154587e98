//! How a request proves who we are: a closed set of kinds, each a pure function from request and secrets to
//! the request with its credentials.
//!
//! Some kinds are given a token or cookies first. Which request asks for them, and what its answer gives, is
//! decided here too; sending it and keeping the [`Grant`] is done elsewhere.

mod any_header;
mod api_key;
mod ask;
mod aws_sigv4;
mod basic;
mod bearer;
mod client_certificate;
mod cookies;
mod endpoint;
mod fields;
mod grant;
mod hawk;
mod jwt_bearer;
mod login;
mod mac;
mod oauth2_client_credentials;
mod oauth2_refresh_token;
mod refusal;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

pub use any_header::AnyHeader;
pub use api_key::ApiKey;
pub use aws_sigv4::AwsSigV4;
pub use basic::Basic;
pub use bearer::Bearer;
pub use client_certificate::ClientCertificate;
pub use grant::Grant;
pub use hawk::Hawk;
pub use jwt_bearer::{Algorithm, JwtBearer, Unsigned};
pub use login::Login;
pub use oauth2_client_credentials::ClientCredentials;
pub use oauth2_refresh_token::RefreshToken;
pub use refusal::refusal;

use crate::fault::Fault;
use crate::number::Values;
use crate::problem::Problems;
use crate::request::{Answer, Credential, Request};
use crate::secret::{Secret, SecretName, Secrets};

/// How requests prove who we are
///
/// Credentials go to the origin of `base_url`, and to the one that gives its tokens, and nowhere else.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// The source asks for nothing.
    #[default]
    None,
    /// A key in a header or a parameter of the query.
    ApiKey(ApiKey),
    /// A token in the header `Authorization`.
    Bearer(Bearer),
    /// A name and a password in the header `Authorization`.
    Basic(Basic),
    /// A header of any name and scheme, whose value is made of secrets.
    Header(AnyHeader),
    /// Logging in, and keeping the cookies or a token of the answer.
    Login(Login),
    /// OAuth 2.0 client credentials.
    #[serde(rename = "oauth2_client_credentials")]
    ClientCredentials(ClientCredentials),
    /// OAuth 2.0 refresh token; a new one is written back.
    #[serde(rename = "oauth2_refresh_token")]
    RefreshToken(RefreshToken),
    /// A JSON Web Token signed with a private key.
    JwtBearer(JwtBearer),
    /// Hawk: a code over each request, and over each answer.
    Hawk(Hawk),
    /// AWS Signature Version 4.
    #[serde(rename = "aws_sigv4")]
    AwsSigV4(AwsSigV4),
    /// A client certificate, alone or with another kind.
    ClientCertificate(ClientCertificate),
}

/// When a request is signed, and a text that no other request is signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The time.
    pub now: Timestamp,
    /// Letters and digits that are used once.
    pub nonce: String,
}

/// What credentials are made of.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// The secrets that the kind named.
    pub secrets: &'a Secrets,
    /// What is known by name: parameters.
    pub values: &'a Values,
    /// When it is signed.
    pub moment: &'a Moment,
    /// What was granted, for the kinds that need it.
    pub grant: Option<&'a Grant>,
}

/// A secret that the source replaced by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Its name.
    pub name: SecretName,
    /// Its new value.
    pub value: Secret,
}

/// What a client certificate is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name of the certificate's secret.
    pub certificate: SecretName,
    /// The name of the key's secret.
    pub key: SecretName,
    /// Key and certificates in PEM.
    pub pem: Secret,
}

/// How a grant comes about.
#[derive(Debug)]
pub enum Obtain {
    /// By this request, whose answer [`Auth::granted`] reads.
    Ask(Request),
    /// By signing this, after which [`Auth::with_signature`] says more.
    Sign(Unsigned),
    /// It is there.
    Given(Grant),
}

impl Auth {
    /// The secrets that it needs.
    pub fn secrets(&self) -> Vec<&SecretName> {
        match self {
            Auth::None => Vec::new(),
            Auth::ApiKey(kind) => kind.secrets(),
            Auth::Bearer(kind) => kind.secrets(),
            Auth::Basic(kind) => kind.secrets(),
            Auth::Header(kind) => kind.secrets(),
            Auth::Login(kind) => kind.secrets(),
            Auth::ClientCredentials(kind) => kind.secrets(),
            Auth::RefreshToken(kind) => kind.secrets(),
            Auth::JwtBearer(kind) => kind.secrets(),
            Auth::Hawk(kind) => kind.secrets(),
            Auth::AwsSigV4(kind) => kind.secrets(),
            Auth::ClientCertificate(kind) => {
                let others = kind.and().secrets();
                kind.own_secrets().into_iter().chain(others).collect()
            }
        }
    }

    /// What its texts refer to.
    pub fn references(&self) -> Vec<String> {
        match self.signing() {
            Auth::None | Auth::ApiKey(_) | Auth::Bearer(_) | Auth::Basic(_) => Vec::new(),
            Auth::Header(kind) => kind.references(),
            Auth::Login(kind) => kind.references(),
            Auth::ClientCredentials(kind) => kind.references(),
            Auth::RefreshToken(kind) => kind.references(),
            Auth::JwtBearer(kind) => kind.references(),
            Auth::Hawk(kind) => kind.references(),
            Auth::AwsSigV4(kind) => kind.references(),
            Auth::ClientCertificate(_) => Vec::new(),
        }
    }

    /// Notes what is wrong with it beyond its shape; `known` are the names that texts may refer to.
    pub(crate) fn check(&self, known: &[&str], problems: &mut Problems) {
        // What is granted holds for a whole run, so it can't depend on a window.
        let known: Vec<&str> = known
            .iter()
            .copied()
            .filter(|name| !name.starts_with("window."))
            .collect();
        let known = known.as_slice();
        match self {
            Auth::None | Auth::ApiKey(_) | Auth::Bearer(_) | Auth::Basic(_) => {}
            Auth::Header(kind) => kind.check(known, problems),
            Auth::Login(kind) => kind.check(known, problems),
            Auth::ClientCredentials(kind) => kind.check(known, problems),
            Auth::RefreshToken(kind) => kind.check(known, problems),
            Auth::JwtBearer(kind) => kind.check(known, problems),
            Auth::Hawk(kind) => kind.check(known, problems),
            Auth::AwsSigV4(kind) => kind.check(known, problems),
            Auth::ClientCertificate(kind) => kind.check(known, problems),
        }
    }

    /// The kind that each request is signed by.
    fn signing(&self) -> &Auth {
        match self {
            Auth::ClientCertificate(kind) => kind.and(),
            kind => kind,
        }
    }

    /// The request with its credentials.
    pub fn apply(&self, request: Request, material: &Material<'_>) -> Result<Request, Fault> {
        let secrets = material.secrets;
        match self.signing() {
            Auth::None | Auth::ClientCertificate(_) => Ok(request),
            Auth::ApiKey(kind) => kind.apply(request, secrets),
            Auth::Bearer(kind) => kind.apply(request, secrets),
            Auth::Basic(kind) => kind.apply(request, secrets),
            Auth::Header(kind) => kind.apply(request, material),
            Auth::Hawk(kind) => kind.apply(request, material),
            Auth::AwsSigV4(kind) => kind.apply(request, material),
            Auth::Login(_)
            | Auth::ClientCredentials(_)
            | Auth::RefreshToken(_)
            | Auth::JwtBearer(_) => grant::show(request, material),
        }
    }

    /// Refuses an answer that is not from who it should be from.
    pub fn verify(
        &self,
        signed: &Request,
        answer: &Answer,
        material: &Material<'_>,
    ) -> Result<(), Fault> {
        match self.signing() {
            Auth::Hawk(kind) => kind.verify(signed, answer, material),
            _ => Ok(()),
        }
    }

    /// The parameter of the query that holds a credential: a source that repeats it in its links must not
    /// bring it into a page token.
    pub fn query_parameter(&self) -> Option<&str> {
        match self.signing() {
            Auth::ApiKey(kind) => kind.query_parameter(),
            _ => None,
        }
    }

    /// The client certificate that connections are made with.
    pub fn identity(&self, secrets: &Secrets) -> Result<Option<Identity>, Fault> {
        match self {
            Auth::ClientCertificate(kind) => kind.identity(secrets).map(Some),
            _ => Ok(None),
        }
    }

    /// Whether requests need a token or cookies that have to be got first, and got anew when they are over.
    pub fn is_granted(&self) -> bool {
        matches!(
            self.signing(),
            Auth::Login(_)
                | Auth::ClientCredentials(_)
                | Auth::RefreshToken(_)
                | Auth::JwtBearer(_)
        )
    }

    /// Where grants are asked for; none where nothing is asked for.
    pub(crate) fn address(
        &self,
        base: &Url,
        values: &Values,
        allow_http: bool,
    ) -> Result<Option<Url>, Fault> {
        let endpoint = match self.signing() {
            Auth::Login(kind) => Some(kind.endpoint()),
            Auth::ClientCredentials(kind) => Some(kind.endpoint()),
            Auth::RefreshToken(kind) => Some(kind.endpoint()),
            Auth::JwtBearer(kind) => kind.endpoint(),
            _ => None,
        };
        let address = endpoint.map(|endpoint| endpoint.address(base, values, allow_http));
        address.transpose()
    }

    /// The secret that an answer may replace, so that it has to be where it can be.
    pub fn rotates(&self) -> Option<&SecretName> {
        match self.signing() {
            Auth::RefreshToken(kind) => kind.rotates(),
            _ => None,
        }
    }

    /// How the grant comes about. `address` is where it is asked for.
    pub(crate) fn obtain(
        &self,
        address: Option<&Url>,
        material: &Material<'_>,
    ) -> Result<Obtain, Fault> {
        let address = || address.ok_or_else(nowhere);
        match self.signing() {
            Auth::Login(kind) => kind.request(address()?, material).map(Obtain::Ask),
            Auth::ClientCredentials(kind) => kind.request(address()?, material).map(Obtain::Ask),
            Auth::RefreshToken(kind) => kind.request(address()?, material).map(Obtain::Ask),
            Auth::JwtBearer(kind) => kind.unsigned(material).map(Obtain::Sign),
            _ => Err(nowhere()),
        }
    }

    /// What follows once the token is signed: it is the grant, or it is exchanged.
    pub(crate) fn with_signature(
        &self,
        token: Secret,
        address: Option<&Url>,
        material: &Material<'_>,
    ) -> Result<Obtain, Fault> {
        match (self.signing(), address) {
            (Auth::JwtBearer(kind), None) => Ok(Obtain::Given(kind.shown(token))),
            (Auth::JwtBearer(kind), Some(address)) => {
                kind.request(address, &token, material).map(Obtain::Ask)
            }
            _ => Err(nowhere()),
        }
    }

    /// What an answer to the request for a grant gives.
    pub(crate) fn granted(
        &self,
        answer: &Answer,
        asked: &Url,
        base: &Url,
        now: Timestamp,
    ) -> Result<Grant, Fault> {
        match self.signing() {
            Auth::Login(kind) => kind.granted(answer, asked, base, now),
            Auth::ClientCredentials(kind) => kind.granted(answer),
            Auth::RefreshToken(kind) => kind.granted(answer),
            Auth::JwtBearer(kind) => kind.granted(answer),
            _ => Err(nowhere()),
        }
    }

    /// The answer that gives this token or cookie where [`Auth::granted`] looks for it, for who plays the source.
    pub(crate) fn given(&self, token: &str) -> Result<Answer, Fault> {
        match self.signing() {
            Auth::Login(kind) => kind.given(token),
            Auth::ClientCredentials(kind) => kind.given(token),
            Auth::RefreshToken(kind) => kind.given(token),
            Auth::JwtBearer(kind) => kind.given(token),
            _ => Err(nowhere()),
        }
    }

    /// When a received request says that it was signed, where a code over the request needs it.
    pub fn signed_at(&self, headers: &[(String, String)]) -> Option<Moment> {
        let header = |name: &str| {
            let mut headers = headers.iter();
            let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        match self.signing() {
            Auth::Hawk(_) => Hawk::signed_at(header("authorization")?),
            Auth::AwsSigV4(_) => AwsSigV4::signed_at(header("x-amz-date")?),
            _ => None,
        }
    }

    /// When a signed token says that it was made; its signature is not looked at.
    pub fn made_at(&self, token: &str) -> Option<Moment> {
        match self.signing() {
            Auth::JwtBearer(_) => JwtBearer::made_at(token),
            _ => None,
        }
    }

    /// The header by which the source signs its answer, for who plays the source.
    pub(crate) fn seal(
        &self,
        signed: &Request,
        content_type: &str,
        content: &[u8],
        material: &Material<'_>,
    ) -> Result<Option<(String, String)>, Fault> {
        let Auth::Hawk(kind) = self.signing() else {
            return Ok(None);
        };
        let value = kind.seal(signed, content_type, content, material)?;
        Ok(Some(("server-authorization".to_owned(), value)))
    }

    /// The secret that the answer replaces, whatever else may be wrong with it.
    pub fn rotated(&self, answer: &Answer, material: &Material<'_>) -> Option<Rotated> {
        match self.signing() {
            Auth::RefreshToken(kind) => kind.rotated(answer, material),
            _ => None,
        }
    }
}

fn nowhere() -> Fault {
    Fault::bug("a token was about to be asked for where none is given")
}

/// The credential of a header; a value that cannot stand in one is refused without being shown.
pub(crate) fn header(name: &str, value: String, secret: &str) -> Result<Credential, Fault> {
    if !value.chars().all(|c| c.is_ascii_graphic() || c == ' ') || value.trim() != value {
        return Err(Fault::bad_definition(format!(
            "the secret `{secret}` holds a line break, a blank at an end or another character that a header cannot carry"
        )));
    }
    Ok(Credential::Header {
        name: name.to_owned(),
        value: Secret::new(value),
    })
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::decode::decode;

    fn applied(yaml: &str, values: &[(&str, &str)]) -> Result<Request, Fault> {
        let decoded = decode::<Auth>(yaml);
        assert!(decoded.problems.is_empty(), "{:?}", decoded.problems);
        let named = |(name, value): &(&str, &str)| {
            let name = SecretName::try_from((*name).to_owned()).expect("a name");
            (name, Secret::new(*value))
        };
        let secrets = values.iter().map(named).collect();
        let request = Request::get(Url::parse("https://api.example/a?b=1").expect("a url"));
        let moment = Moment {
            now: Timestamp::from_second(1_700_000_000).expect("a time"),
            nonce: "Ab12cd".to_owned(),
        };
        decoded.value.expect("decodes").apply(
            request,
            &Material {
                secrets: &secrets,
                values: &Values::from([("app".to_owned(), "lake".to_owned())]),
                moment: &moment,
                grant: None,
            },
        )
    }

    #[test]
    fn each_kind_adds_its_credential() {
        for (yaml, values, address, headers) in [
            ("none", &[][..], "https://api.example/a?b=1", &[][..]),
            (
                "api_key: { query: api_key, key: { secret: g/k } }",
                &[("g/k", "s e&c")],
                "https://api.example/a?b=1&api_key=s%20e%26c",
                &[],
            ),
            (
                "api_key: { header: X-Api-Key, key: { secret: g/k } }",
                &[("g/k", "sec")],
                "https://api.example/a?b=1",
                &[("x-api-key", "sec")],
            ),
            (
                "api_key: { header: Authorization, prefix: 'Token ', key: { secret: g/k } }",
                &[("g/k", "sec")],
                "https://api.example/a?b=1",
                &[("authorization", "Token sec")],
            ),
            (
                "bearer: { token: { secret: g/t } }",
                &[("g/t", "abc")],
                "https://api.example/a?b=1",
                &[("authorization", "Bearer abc")],
            ),
            (
                "basic: { username: Aladdin, password: { secret: g/p } }",
                &[("g/p", "open sesame")],
                "https://api.example/a?b=1",
                &[("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")],
            ),
            (
                "basic: { username: { secret: g/u }, password: { secret: g/p } }",
                &[("g/u", "Aladdin"), ("g/p", "open sesame")],
                "https://api.example/a?b=1",
                &[("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")],
            ),
            (
                "header: { scheme: GenieKey, value: { secret: g/k } }",
                &[("g/k", "sec")],
                "https://api.example/a?b=1",
                &[("authorization", "GenieKey sec")],
            ),
            (
                "header: { name: X-Auth, value: 'id={id};key={key};app={app}', secrets: { id: { secret: g/i }, key: { secret: g/k } } }",
                &[("g/i", "me-1"), ("g/k", "sec{app}")],
                "https://api.example/a?b=1",
                &[("x-auth", "id=me-1;key=sec{app};app=lake")],
            ),
        ] {
            let request = applied(yaml, values).expect(yaml);
            assert_eq!(request.exposed_url().as_str(), address, "{yaml}");
            let found: Vec<_> = request
                .credentials
                .iter()
                .filter_map(|credential| match credential {
                    Credential::Header { name, value } => Some((name.as_str(), value.expose())),
                    Credential::Query { .. } => None,
                })
                .collect();
            assert_eq!(found, headers, "{yaml}");
            let shown = format!("{request:?} {request}");
            assert!(
                values.iter().all(|(_, value)| !shown.contains(value)),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_secret_that_would_break_its_header_is_refused_unseen() {
        for secret in ["a\r\nx: y", "tail\n", "é", ""] {
            let refused = applied("bearer: { token: { secret: g/t } }", &[("g/t", secret)]);
            let message = refused.expect_err("refused").to_string();
            assert!(secret.is_empty() || !message.contains(secret), "{message}");
        }
    }

    #[test]
    fn a_kind_says_where_its_key_goes_and_what_it_needs() {
        for (yaml, part) in [
            (
                "api_key: { key: { secret: g/k } }",
                "neither `header` nor `query`",
            ),
            (
                "api_key: { header: a, query: b, key: { secret: g/k } }",
                "both `header` and `query`",
            ),
            (
                "api_key: { query: a, prefix: b, key: { secret: g/k } }",
                "`prefix` is for a header",
            ),
            (
                "bearer: { token: abc }",
                "a secret does not stand in a definition",
            ),
            (
                "bearer: { token: { secret: 'my actual token!' } }",
                "not the name of a secret",
            ),
        ] {
            let shown = decode::<Auth>(yaml).problems.render("p", yaml);
            assert!(shown.contains(part), "{shown}");
        }
        let auth =
            decode::<Auth>("basic: { username: { secret: g/u }, password: { secret: g/p } }");
        let auth = auth.value.expect("decodes");
        assert_eq!(auth.secrets().len(), 2);
    }

    /// What is said of a kind whose texts may refer to `{app}`.
    fn said(yaml: &str) -> String {
        let decoded = decode::<Auth>(yaml);
        let mut problems = decoded.problems;
        if let Some(auth) = decoded.value {
            auth.check(&["app", "window.date"], &mut problems);
        }
        problems.render("p", yaml)
    }

    const CLIENT: &str = "client_id: { secret: g/i }, client_secret: { secret: g/s }";

    #[test]
    fn mistakes_are_said_with_place_and_remedy() {
        for (yaml, parts) in [
            (
                "header: { value: hunter2 }",
                &[
                    "1:18: the header `authorization` would hold a credential",
                    "{ secret:",
                ][..],
            ),
            (
                "header: { value: 'a{k}', secrets: { k: { secret: g/k }, j: { secret: g/j } } }",
                &["1:60: the secret `j` is not used", "write `{j}`"],
            ),
            (
                "header: { value: '{kk}', secrets: { key: { secret: g/k } } }",
                &[
                    "1:18: there is no value `kk`",
                    "the secret `key` is not used",
                ],
            ),
            (
                "header: { value: { secret: g/k }, secrets: { k: { secret: g/k } } }",
                &["the value is a secret itself"],
            ),
            (
                "login: { path: /in, json: { user: me, password: hunter2 }, keep: cookies }",
                &[
                    "a secret does not stand in a definition",
                    "at least one value",
                ],
            ),
            (
                "login: { path: /in, json: { user: { secret: g/u }, password: hunter2 }, keep: cookies }",
                &["1:27: `password` would hold a credential in plain text"],
            ),
            (
                "login: { path: /in, json: { p: { secret: 'hunter2!' } }, keep: cookies }",
                &["this is not the name of a secret"],
            ),
            (
                "login: { path: /in, json: { secret: hunter2, p: { secret: g/p } }, keep: cookies }",
                &["a secret does not stand in a definition"],
            ),
            (
                "login: { path: in, form: { p: { secret: g/p } }, keep: cookies }",
                &["1:16: the path `in` does not begin with `/`"],
            ),
            (
                "login: { form: { p: { secret: g/p } }, keep: cookies }",
                &["neither `path` nor `url`"],
            ),
            (
                "login: { path: /a, url: 'https://x/', form: { p: { secret: g/p } }, keep: cookies }",
                &["both `path` and `url`"],
            ),
            (
                "login: { path: /a, json: {}, form: { p: { secret: g/p } }, keep: cookies }",
                &["both `json` and `form`"],
            ),
            (
                "login: { path: /a, method: get, form: { p: { secret: g/p } }, keep: cookies }",
                &["a GET carries neither `json` nor `form`"],
            ),
            (
                "login: { path: '/{ap}', form: { p: { secret: g/p } }, keep: cookies }",
                &["1:16: there is no value `ap`", "did you mean `app`"],
            ),
            (
                "login: { path: /a, form: { p: { secret: g/p }, d: '{window.date}' }, keep: cookies }",
                &["1:51: there is no value `window.date`"],
            ),
            (
                "login: { path: /a, form: { p: { secret: g/p } }, keep: { token: { header: X } } }",
                &["neither `at` nor `in_header`"],
            ),
            (
                "login: { path: /a, form: { p: { secret: g/p } }, keep: cookie }",
                &["unknown kind `cookie`", "did you mean `cookies`"],
            ),
            (
                "login: { path: /a, form: { p: { secret: g/p } }, keep: cookies, lifetime: 0 }",
                &["0 seconds are no lifetime"],
            ),
            (
                "oauth2_client_credentials: { path: /t, client_id: a, client_secret: hunter2 }",
                &["a secret does not stand in a definition"],
            ),
            (
                "oauth2_client_credentials: { path: /t, CLIENT, scope: a, parameters: { scope: b } }",
                &["`scope` is set here and under `parameters`"],
            ),
            (
                "oauth2_client_credentials: { path: /t, CLIENT, send_as: body }",
                &["unknown kind `body`"],
            ),
            (
                "oauth2_client_credentials: { path: /t, CLIENT, parameters: { user_password: hunter2 } }",
                &["`user_password` would hold a credential"],
            ),
            (
                "login: { path: /a, headers: { Authorization: 'Basic hunter2', Host: x, X: { secret: g/x } }, keep: cookies }",
                &[
                    "1:46: the header `authorization` would hold",
                    "the header `Host` belongs to the connection",
                ],
            ),
            (
                "oauth2_refresh_token: { url: 'https://x/{no}', client_id: a }",
                &["`refresh_token` is missing"],
            ),
            (
                "oauth2_refresh_token: { url: 'https://x/{no}', client_id: a, refresh_token: { secret: g/r } }",
                &["there is no value `no`"],
            ),
            (
                "jwt_bearer: { key: { secret: g/k }, algorithm: hs256 }",
                &["unknown kind `hs256`", "did you mean `es256`"],
            ),
            (
                "jwt_bearer: { key: { secret: g/k }, algorithm: rs256, claims: { exp: 7 } }",
                &["the claim `exp` is added"],
            ),
            (
                "hawk: { id: a, key: { secret: g/k }, ext: 'a\"b' }",
                &["`ext` has a character"],
            ),
            (
                "hawk: { id: a, key: { secret: g/k }, dlg: b }",
                &["`dlg` is set without `app`"],
            ),
            (
                "hawk: { id: a, key: { secret: g/k }, sign_as: ftp }",
                &["unknown kind `ftp`"],
            ),
            (
                "aws_sigv4: { service: s3, region: '{reg}', access_key_id: { secret: g/i }, secret_access_key: { secret: g/k } }",
                &["1:35: there is no value `reg`"],
            ),
            (
                "client_certificate: { certificate: { secret: g/c }, key: { secret: g/k }, and: { client_certificate: { certificate: { secret: g/c }, key: { secret: g/k } } } }",
                &["a connection shows one client certificate"],
            ),
            (
                "client_certificate: { certificate: { secret: g/c }, key: { secret: g/k }, and: { header: { value: hunter2 } } }",
                &["credential in plain text"],
            ),
        ] {
            let shown = said(&yaml.replace("CLIENT", CLIENT));
            for part in parts {
                assert!(shown.contains(part), "{yaml}: {shown}");
            }
            let says_what_to_do = shown.contains("  = ") || shown.contains("is missing here");
            assert!(says_what_to_do, "{shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn every_kind_that_is_right_is_left_alone() {
        for yaml in [
            "header: { name: X-Auth, scheme: Token, value: '{app}{k}', secrets: { k: { secret: g/k } } }",
            "login: { path: '/in/{app}', json: { u: [{ secret: g/u }, 7, null], p: { q: { secret: g/p } } }, keep: cookies }",
            "login: { url: 'https://{app}.example/in', headers: { X-Key: { secret: g/k } }, keep: { token: { in_header: X-Token, scheme: '' } }, requires: $.id }",
            "oauth2_client_credentials: { path: /t, CLIENT, send_as: json, scope: '{app}', parameters: { pin: { secret: g/p } } }",
            "oauth2_refresh_token: { path: /t, client_id: public, refresh_token: { secret: g/r }, rotates: false }",
            "jwt_bearer: { key: { secret: g/k }, algorithm: es256, claims: { aud: [a, '{app}'] }, exchange: { path: /t, assertion: client_assertion } }",
            "hawk: { id: '{app}', key: { secret: g/k }, app: a, dlg: b, sign_as: http, payload_hash: false }",
            "aws_sigv4: { service: s3, region: '{app}', access_key_id: { secret: g/i }, secret_access_key: { secret: g/k }, session_token: { secret: g/t } }",
            "client_certificate: { certificate: { secret: g/c }, key: { secret: g/k } }",
        ] {
            let shown = said(&yaml.replace("CLIENT", CLIENT));
            assert_eq!(shown, "", "{yaml}");
        }
    }
}
