//! A key in a header or in a parameter of the query.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::fault::Fault;
use crate::header::HeaderName;
use crate::request::{Credential, Request};
use crate::secret::{SecretName, SecretRef, Secrets};

/// A key in a header or a parameter of the query
///
/// `{ query: api_key, key: { secret: gins/api_key } }` or `{ header: X-Api-Key, key: { secret: … } }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct ApiKey {
    place: Place,
    key: SecretRef,
}

#[derive(Debug, Clone)]
enum Place {
    Header { name: HeaderName, prefix: String },
    Query(String),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The header that holds the key; this or `query`.
    header: Option<HeaderName>,
    /// The parameter of the query that holds the key; this or `header`.
    query: Option<String>,
    /// Text before the key in the header, such as `Token ` with its blank.
    prefix: Option<String>,
    /// The key, as a reference to a secret.
    key: SecretRef,
}

impl TryFrom<Written> for ApiKey {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let key = written.key;
        let place = match (written.header, written.query, written.prefix) {
            (Some(name), None, prefix) => Place::Header {
                name,
                prefix: prefix.unwrap_or_default(),
            },
            (None, Some(name), None) if !name.is_empty() => Place::Query(name),
            (None, Some(_), Some(_)) => {
                return Err("`prefix` is for a header; leave it out with `query`".to_owned());
            }
            (None, Some(_), None) => return Err("`query` is empty; name the parameter".to_owned()),
            (None, None, _) => {
                return Err(
                    "neither `header` nor `query` is set; say where the key goes".to_owned(),
                );
            }
            (Some(_), Some(_), _) => {
                return Err("both `header` and `query` are set; keep one".to_owned());
            }
        };
        Ok(ApiKey { place, key })
    }
}

impl ApiKey {
    pub(super) fn secrets(&self) -> Vec<&SecretName> {
        vec![&self.key.secret]
    }

    pub(super) fn apply(&self, request: Request, secrets: &Secrets) -> Result<Request, Fault> {
        let key = secrets.get(&self.key.secret)?;
        let credential = match &self.place {
            Place::Query(name) => Credential::Query {
                name: name.clone(),
                value: key.clone(),
            },
            Place::Header { name, prefix } => {
                let value = format!("{prefix}{}", key.expose());
                super::header(name, value, &self.key.secret)?
            }
        };
        Ok(request.with(credential))
    }

    pub(super) fn query_parameter(&self) -> Option<&str> {
        match &self.place {
            Place::Query(name) => Some(name),
            Place::Header { .. } => None,
        }
    }
}
