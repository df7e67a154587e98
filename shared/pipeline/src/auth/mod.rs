//! How a request proves who we are: a closed set of kinds, each a pure function from request and secrets to
//! the request with its credentials.

mod api_key;
mod basic;
mod bearer;

use schemars::JsonSchema;
use serde::Deserialize;

pub use api_key::ApiKey;
pub use basic::Basic;
pub use bearer::Bearer;

use crate::fault::Fault;
use crate::request::{Credential, Request};
use crate::secret::{Secret, SecretName, Secrets};

/// How requests prove who we are
///
/// Credentials go to the origin of `base_url` and nowhere else.
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
}

impl Auth {
    /// The secrets that it needs.
    pub fn secrets(&self) -> Vec<&SecretName> {
        match self {
            Auth::None => Vec::new(),
            Auth::ApiKey(kind) => kind.secrets(),
            Auth::Bearer(kind) => kind.secrets(),
            Auth::Basic(kind) => kind.secrets(),
        }
    }

    /// The request with its credentials.
    pub fn apply(&self, request: Request, secrets: &Secrets) -> Result<Request, Fault> {
        match self {
            Auth::None => Ok(request),
            Auth::ApiKey(kind) => kind.apply(request, secrets),
            Auth::Bearer(kind) => kind.apply(request, secrets),
            Auth::Basic(kind) => kind.apply(request, secrets),
        }
    }

    /// The parameter of the query that holds a credential: a source that repeats it in its links must not
    /// bring it into a page token.
    pub fn query_parameter(&self) -> Option<&str> {
        match self {
            Auth::ApiKey(kind) => kind.query_parameter(),
            Auth::None | Auth::Bearer(_) | Auth::Basic(_) => None,
        }
    }
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
        decoded.value.expect("decodes").apply(request, &secrets)
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
}
