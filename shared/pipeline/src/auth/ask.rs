//! Requests for a token: how they carry their parameters, and how an OAuth client says who it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::Material;
use super::fields::{self, Headers, Text, Texts};
use crate::fault::Fault;
use crate::problem::Located;
use crate::request::{Body, Credential, Method, Request, encode};
use crate::secret::{Secret, SecretName, SecretRef};

/// How a client says who it is
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SendAs {
    /// In the header `Authorization`, encoded as OAuth 2.0 asks; all else in a form.
    #[default]
    Basic,
    /// In the form, with all else.
    Form,
    /// In a JSON object, with all else.
    Json,
}

/// An OAuth client.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) id: Located<Text>,
    /// None where the client is a public one.
    pub(super) secret: Option<SecretRef>,
    pub(super) send_as: SendAs,
}

impl Client {
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        let secret = self.secret.as_ref().map(|reference| &reference.secret);
        self.id.secret().into_iter().chain(secret)
    }

    pub(super) fn references(&self) -> impl Iterator<Item = &str> {
        let template = fields::plain(&self.id);
        template
            .into_iter()
            .flat_map(|template| template.references())
    }

    /// The request with these parameters that says who the client is.
    pub(super) fn request(
        &self,
        address: &Url,
        mut parameters: Vec<(String, String)>,
        material: &Material<'_>,
    ) -> Result<Request, Fault> {
        let id = fields::text(&self.id, material, "client_id")?;
        let secret = match &self.secret {
            Some(reference) => Some(material.secrets.get(&reference.secret)?.expose()),
            None => None,
        };
        let request = Request {
            method: Method::Post,
            ..Request::get(address.clone())
        };
        if let (SendAs::Basic, Some(secret)) = (self.send_as, secret) {
            // As RFC 6749 §2.3.1 has it, and so that a reader of forms and one of escapes both undo it.
            let pair = format!("{}:{}", encode(&id), encode(secret));
            let value = format!("Basic {}", STANDARD.encode(pair));
            let request = Request {
                body: Some(form(&parameters)),
                ..request
            };
            return Ok(request.with(Credential::Header {
                name: "authorization".to_owned(),
                value: Secret::new(value),
            }));
        }
        parameters.push(("client_id".to_owned(), id));
        if let Some(secret) = secret {
            parameters.push(("client_secret".to_owned(), secret.to_owned()));
        }
        let body = match self.send_as {
            SendAs::Json => json(parameters),
            SendAs::Basic | SendAs::Form => form(&parameters),
        };
        Ok(Request {
            body: Some(body),
            ..request
        })
    }
}

/// A form of these pairs.
pub(super) fn form(pairs: &[(String, String)]) -> Body {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        form.append_pair(name, value);
    }
    Body {
        content_type: "application/x-www-form-urlencoded",
        bytes: form.finish().into_bytes(),
    }
}

fn json(pairs: Vec<(String, String)>) -> Body {
    let object: Map<String, Value> = pairs
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    Body {
        content_type: "application/json",
        bytes: Value::Object(object).to_string().into_bytes(),
    }
}

/// The parameters with those of the definition, which go before.
pub(super) fn with_parameters(
    mut parameters: Vec<(String, String)>,
    more: &Texts,
    material: &Material<'_>,
) -> Result<Vec<(String, String)>, Fault> {
    for (name, value) in more {
        let value = fields::text(value, material, name)?;
        parameters.retain(|(known, _)| known != name);
        parameters.push((name.clone(), value));
    }
    Ok(parameters)
}

/// The request with these headers, each as secret as the next.
pub(super) fn with_headers(
    mut request: Request,
    headers: &Headers,
    material: &Material<'_>,
) -> Result<Request, Fault> {
    for (name, value) in headers {
        let text = fields::text(value, material, name)?;
        let secret = value.secret().map_or("", |secret| secret);
        let credential = super::header(name, text, secret)?;
        request = request.with(credential);
    }
    Ok(request)
}
