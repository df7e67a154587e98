//! What a request for a token carries: text, references to secrets, and JSON that holds both.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::Material;
use crate::fault::Fault;
use crate::header::HeaderName;
use crate::number::fill;
use crate::problem::{Located, Location, Problems};
use crate::secret::{IN_PLAIN_TEXT, OrSecret, SecretName, SecretRef};
use crate::template::Template;

/// Text with references, or a secret.
pub(super) type Text = OrSecret<Template>;

/// Texts and secrets by name, each with its place.
pub(super) type Texts = IndexMap<String, Located<Text>>;

/// Headers of a request for a token.
pub(super) type Headers = IndexMap<HeaderName, Located<Text>>;

/// The text, its references filled or its secret looked up.
pub(super) fn text(text: &Text, material: &Material<'_>, what: &str) -> Result<String, Fault> {
    match text {
        OrSecret::Plain(template) => fill(template, material.values, what),
        OrSecret::Secret(reference) => {
            let secret = material.secrets.get(&reference.secret)?;
            Ok(secret.expose().to_owned())
        }
    }
}

/// The names of secrets among the texts.
pub(super) fn secrets<K>(texts: &IndexMap<K, Located<Text>>) -> impl Iterator<Item = &SecretName> {
    texts.values().filter_map(|text| text.secret())
}

/// What the texts refer to.
pub(super) fn references<K>(texts: &IndexMap<K, Located<Text>>) -> impl Iterator<Item = &str> {
    let templates = texts.values().filter_map(|text| plain(&text.value));
    templates.flat_map(Template::references)
}

/// The template of a text that is no secret.
pub(super) fn plain(text: &Text) -> Option<&Template> {
    match text {
        OrSecret::Plain(template) => Some(template),
        OrSecret::Secret(_) => None,
    }
}

/// Notes references to what is not known, and what looks like a credential in plain text.
pub(super) fn check(texts: &Texts, known: &[&str], problems: &mut Problems) {
    for (name, text) in texts {
        let Some(template) = plain(&text.value) else {
            continue;
        };
        crate::source::check_references(text.at, template, known, problems);
        check_plain(text.at, name, template, problems);
    }
}

/// As [`check`], of headers.
pub(super) fn check_headers(headers: &Headers, known: &[&str], problems: &mut Problems) {
    for (name, text) in headers {
        let Some(template) = plain(&text.value) else {
            continue;
        };
        crate::source::check_references(text.at, template, known, problems);
        match name.is_credential() {
            true => problems.add_private(
                text.at,
                format!("the header `{name}` would hold a credential in plain text"),
                "write a reference `{ secret: pipeline/what }`",
            ),
            false => check_plain(text.at, name, template, problems),
        }
    }
}

/// Notes a text that stands where a credential belongs; one that a parameter sets is as open as the definition.
pub(super) fn check_plain(at: Location, name: &str, template: &Template, problems: &mut Problems) {
    const SUSPECTS: [&str; 6] = ["password", "passwd", "secret", "api_key", "apikey", "pin"];
    let lowered = name.to_ascii_lowercase();
    let is_suspect = SUSPECTS.iter().any(|suspect| match *suspect {
        "pin" => lowered == "pin",
        suspect => lowered.contains(suspect),
    });
    if is_suspect && !template.to_string().is_empty() {
        problems.add_private(
            at,
            format!("`{name}` would hold a credential in plain text"),
            "write a reference `{ secret: pipeline/what }`",
        );
    }
}

/// A JSON value whose texts may hold references and whose parts may be secrets
///
/// `{ username: { secret: matrix/username }, remember: true }`.
#[derive(Debug, Clone)]
pub enum Field {
    /// Nothing to fill.
    Plain(Value),
    /// Text.
    Text(Template),
    /// A secret.
    Secret(SecretRef),
    /// A list.
    List(Vec<Field>),
    /// An object.
    Object(IndexMap<String, Field>),
}

impl Field {
    pub(super) fn secrets(&self) -> Vec<&SecretName> {
        match self {
            Field::Plain(_) | Field::Text(_) => Vec::new(),
            Field::Secret(reference) => vec![&reference.secret],
            Field::List(items) => items.iter().flat_map(Field::secrets).collect(),
            Field::Object(entries) => entries.values().flat_map(Field::secrets).collect(),
        }
    }

    pub(super) fn references(&self) -> Vec<&str> {
        match self {
            Field::Plain(_) | Field::Secret(_) => Vec::new(),
            Field::Text(template) => template.references().collect(),
            Field::List(items) => items.iter().flat_map(Field::references).collect(),
            Field::Object(entries) => entries.values().flat_map(Field::references).collect(),
        }
    }

    /// Notes what is wrong with it, at the place of the whole.
    pub(super) fn check(&self, at: Location, name: &str, known: &[&str], problems: &mut Problems) {
        match self {
            Field::Plain(_) | Field::Secret(_) => {}
            Field::Text(template) => {
                crate::source::check_references(at, template, known, problems);
                check_plain(at, name, template, problems);
            }
            Field::List(items) => {
                for item in items {
                    item.check(at, name, known, problems);
                }
            }
            Field::Object(entries) => {
                for (name, item) in entries {
                    item.check(at, name, known, problems);
                }
            }
        }
    }

    /// The value, secrets included: for the request it belongs to, nothing else.
    pub(super) fn fill(&self, material: &Material<'_>, what: &str) -> Result<Value, Fault> {
        Ok(match self {
            Field::Plain(value) => value.clone(),
            Field::Text(template) => fill(template, material.values, what)?.into(),
            Field::Secret(reference) => {
                let secret = material.secrets.get(&reference.secret)?;
                secret.expose().into()
            }
            Field::List(items) => {
                let items = items.iter().map(|item| item.fill(material, what));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Field::Object(entries) => {
                let filled = entries
                    .iter()
                    .map(|(key, item)| Ok((key.clone(), item.fill(material, what)?)));
                Value::Object(filled.collect::<Result<Map<_, _>, Fault>>()?)
            }
        })
    }
}

/// What stands under the key `secret`: the name of one, unless it is a part of the object like any other.
enum UnderSecret {
    Name(SecretName),
    Part(Field),
}

impl<'de> Deserialize<'de> for UnderSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = UnderSecret;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the name of a secret, `pipeline/what`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<UnderSecret, E> {
                let name = SecretName::try_from(text.to_owned());
                name.map(UnderSecret::Name).map_err(E::custom)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<UnderSecret, A::Error> {
                Field::deserialize(MapAccessDeserializer::new(map)).map(UnderSecret::Part)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Field;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON value or `{ secret: pipeline/what }`")
            }

            fn visit_unit<E>(self) -> Result<Field, E> {
                Ok(Field::Plain(Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Field, E> {
                Ok(Field::Plain(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Field, E> {
                Ok(Field::Plain(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Field, E> {
                Ok(Field::Plain(value.into()))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Field, E> {
                match serde_json::Number::from_f64(value) {
                    Some(number) => Ok(Field::Plain(number.into())),
                    None => Err(E::custom("JSON has no such number; write it as text")),
                }
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Field, E> {
                let template = Template::try_from(text.to_owned());
                template.map(Field::Text).map_err(E::custom)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, list: A) -> Result<Field, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Field::List)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Field, A::Error> {
                let mut entries = IndexMap::new();
                let mut named = None;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "secret" => match map.next_value()? {
                            UnderSecret::Name(secret) => named = Some(secret),
                            UnderSecret::Part(part) => drop(entries.insert(key, part)),
                        },
                        _ => drop(entries.insert(key, map.next_value()?)),
                    }
                }
                match named {
                    Some(secret) if entries.is_empty() => Ok(Field::Secret(SecretRef { secret })),
                    None => Ok(Field::Object(entries)),
                    Some(_) => Err(serde::de::Error::custom(format!(
                        "{}; write a reference `secret: {{ secret: pipeline/what }}`",
                        IN_PLAIN_TEXT[0]
                    ))),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Field {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Field".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}
