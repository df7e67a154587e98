//! A header of any name and scheme, whose value is made of secrets.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Material;
use super::fields::{self, Text};
use super::grant::authorization;
use crate::fault::Fault;
use crate::header::HeaderName;
use crate::name::Name;
use crate::problem::{Located, Problems};
use crate::request::Request;
use crate::secret::{OrSecret, SecretName, SecretRef};

/// A header of any name and scheme, whose value is made of secrets
///
/// `{ scheme: GenieKey, value: { secret: ops/key } }`, or several secrets in one text:
/// `{ name: X-Auth, value: "id={id};key={key}", secrets: { id: { secret: a/id }, key: { secret: a/key } } }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnyHeader {
    /// The name of the header; `Authorization` where nothing is said.
    #[serde(default = "authorization")]
    name: HeaderName,
    /// A word before the value, divided from it by a blank.
    scheme: Option<String>,
    /// The value: a secret, or text that refers to parameters and to the names under `secrets`.
    value: Located<Text>,
    /// Secrets that the value refers to, by a name of their own.
    #[serde(default)]
    secrets: IndexMap<Name, Located<SecretRef>>,
}

impl AnyHeader {
    pub(super) fn secrets(&self) -> Vec<&SecretName> {
        let named = self.secrets.values().map(|reference| &reference.secret);
        self.value.secret().into_iter().chain(named).collect()
    }

    pub(super) fn references(&self) -> Vec<String> {
        let template = fields::plain(&self.value);
        let references = template
            .into_iter()
            .flat_map(|template| template.references());
        references.map(str::to_owned).collect()
    }

    pub(super) fn check(&self, known: &[&str], problems: &mut Problems) {
        let Some(template) = fields::plain(&self.value) else {
            for (name, reference) in &self.secrets {
                problems.add_with(
                    reference.at,
                    format!("the secret `{name}` is not used: the value is a secret itself"),
                    "leave `secrets` out, or write the value as text that refers to them",
                );
            }
            return;
        };
        let own = self.secrets.keys().map(AsRef::as_ref);
        let with_own: Vec<&str> = known.iter().copied().chain(own).collect();
        crate::source::check_references(self.value.at, template, &with_own, problems);
        if self.secrets.is_empty() {
            problems.add_private(
                self.value.at,
                format!("the header `{}` would hold a credential in plain text", self.name),
                "write a reference `{ secret: pipeline/what }`, or name the secrets that the text refers to under `secrets`",
            );
        }
        for (name, reference) in &self.secrets {
            if !template.references().any(|used| used == &**name) {
                problems.add_with(
                    reference.at,
                    format!("the secret `{name}` is not used"),
                    format!("write `{{{name}}}` in the value, or leave it out"),
                );
            }
        }
    }

    pub(super) fn apply(
        &self,
        request: Request,
        material: &Material<'_>,
    ) -> Result<Request, Fault> {
        let value = match &self.value.value {
            OrSecret::Secret(reference) => {
                material.secrets.get(&reference.secret)?.expose().to_owned()
            }
            OrSecret::Plain(template) => {
                let known = |name: &str| {
                    let secret = self.secrets.get(name);
                    let secret = secret.and_then(|own| material.secrets.get(&own.secret).ok());
                    secret
                        .map(|secret| secret.expose().to_owned())
                        .or_else(|| material.values.get(name).cloned())
                };
                template.fill(known).map_err(|unfilled| {
                    Fault::bad_definition(format!("the header `{}`: {unfilled}", self.name))
                })?
            }
        };
        let value = match &self.scheme {
            Some(scheme) => format!("{scheme} {value}"),
            None => value,
        };
        let named = self.secrets();
        let named = named.first().map_or("", |name| name);
        Ok(request.with(super::header(&self.name, value, named)?))
    }
}
