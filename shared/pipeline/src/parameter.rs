//! `parameters:` — what a run may set without touching the definition.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer};

use crate::name::Name;
use crate::number::Values;
use crate::problem::{Located, Problems, suggestion};

/// A parameter.
///
/// Its value is text; `{name}` stands for it wherever the definition takes a template.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Value where a run gives none. Without a default every run must give one.
    #[serde(default)]
    pub default: Option<Located<String>>,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// The only values it may have: a list, or a map from each to what it stands for.
    ///
    /// With `environment: { one_of: { dev: { database: matrix_dev } } }`, `{environment.database}` stands for
    /// `matrix_dev` where the environment is `dev`.
    #[serde(default)]
    pub one_of: OneOf,
}

/// The values that a parameter may have, each with what it stands for; none where it may have any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OneOf(IndexMap<String, IndexMap<Name, String>>);

/// The declared parameters, by name.
pub type Parameters = IndexMap<Name, Parameter>;

/// Checks the declarations themselves.
pub fn check(parameters: &Parameters, problems: &mut Problems) {
    for (name, parameter) in parameters {
        let Some(default) = &parameter.default else {
            continue;
        };
        if !parameter.takes(default) {
            problems.add_with(
                default.at,
                format!(
                    "`{}` is none of the values that `{name}` may have",
                    default.value
                ),
                format!("one of: {}", parameter.one_of.joined()),
            );
        }
        if let Some((one, missing)) = parameter.one_of.gap() {
            problems.add_with(
                default.at,
                format!("`{one}` does not say what `{{{name}.{missing}}}` stands for"),
                "give every value the same names",
            );
        }
    }
}

/// The value of every parameter, from what a run gave and the defaults; or what is wrong with what it gave.
pub fn resolve(
    parameters: &Parameters,
    given: &IndexMap<Name, String>,
) -> Result<IndexMap<Name, String>, String> {
    let known: Vec<&str> = parameters.keys().map(AsRef::as_ref).collect();
    for name in given.keys() {
        if !parameters.contains_key(name) {
            return Err(format!(
                "there is no parameter `{name}`; {}",
                suggestion(name, &known)
            ));
        }
    }
    parameters
        .iter()
        .map(|(name, parameter)| {
            let default = parameter.default.as_ref().map(|default| &default.value);
            let value = given.get(name).or(default).ok_or_else(|| {
                format!("the parameter `{name}` has no default; give it with `--param {name}=…`")
            })?;
            if !parameter.takes(value) {
                return Err(format!(
                    "`{value}` is none of the values that the parameter `{name}` may have; one of: {}",
                    parameter.one_of.joined()
                ));
            }
            Ok((name.clone(), value.clone()))
        })
        .collect()
}

impl Parameter {
    fn takes(&self, value: &str) -> bool {
        self.one_of.0.is_empty() || self.one_of.0.contains_key(value)
    }
}

impl OneOf {
    fn joined(&self) -> String {
        let values: Vec<&str> = self.0.keys().map(String::as_str).collect();
        values.join(", ")
    }

    /// The names of what its values stand for.
    fn names(&self) -> impl Iterator<Item = &Name> {
        self.0
            .first()
            .into_iter()
            .flat_map(|(_, names)| names.keys())
    }

    /// A value that does not stand for all that another stands for, and the name of what is missing.
    fn gap(&self) -> Option<(&str, &Name)> {
        let all = self.0.values().flat_map(IndexMap::keys);
        let mut pairs = all.flat_map(|name| self.0.iter().map(move |one| (one, name)));
        let found = pairs.find(|((_, names), name)| !names.contains_key(*name));
        found.map(|((one, _), name)| (one.as_str(), name))
    }
}

/// The names by which templates know the parameters, and what their values stand for.
pub fn names(parameters: &Parameters) -> Vec<String> {
    let mut names = Vec::new();
    for (name, parameter) in parameters {
        names.push(name.to_string());
        names.extend(
            parameter
                .one_of
                .names()
                .map(|part| format!("{name}.{part}")),
        );
    }
    names
}

/// What templates know of parameters that have these values.
pub fn values(parameters: &Parameters, chosen: &IndexMap<Name, String>) -> Values {
    let mut values = Values::new();
    for (name, value) in chosen {
        values.insert(name.to_string(), value.clone());
        let parameter = parameters.get(name);
        let parts = parameter.and_then(|parameter| parameter.one_of.0.get(value));
        for (part, value) in parts.into_iter().flatten() {
            values.insert(format!("{name}.{part}"), value.clone());
        }
    }
    values
}

impl<'de> Deserialize<'de> for OneOf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = OneOf;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of values, or a map from each to what it stands for")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, list: A) -> Result<OneOf, A::Error> {
                let values = Vec::<String>::deserialize(SeqAccessDeserializer::new(list))?;
                let plain = values.into_iter().map(|value| (value, IndexMap::new()));
                Ok(OneOf(plain.collect()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<OneOf, A::Error> {
                IndexMap::deserialize(MapAccessDeserializer::new(map)).map(OneOf)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for OneOf {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOf".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let list = generator.subschema_for::<Vec<String>>();
        let map = generator.subschema_for::<IndexMap<String, IndexMap<Name, String>>>();
        schemars::json_schema!({ "anyOf": [list, map] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;

    fn parameters() -> Parameters {
        let text = "ids: { default: listing, one_of: [listing, range] }\nbase_url: {}\n";
        decode(text).value.expect("decodes")
    }

    #[test]
    fn a_value_stands_for_others() {
        let text =
            "env: { default: live, one_of: { live: { database: m }, dev: { database: m_dev } } }";
        let parameters: Parameters = decode(text).value.expect("decodes");
        assert_eq!(names(&parameters), ["env", "env.database"]);
        for (pairs, database) in [(&[][..], "m"), (&[("env", "dev")], "m_dev")] {
            let chosen = resolve(&parameters, &given(pairs)).expect("resolves");
            assert_eq!(values(&parameters, &chosen)["env.database"], database);
        }
        assert!(resolve(&parameters, &given(&[("env", "m_dev")])).is_err());
        let gap = "env: { default: live, one_of: { live: { database: m }, dev: { bucket: b } } }";
        let mut problems = Problems::default();
        check(&decode(gap).value.expect("decodes"), &mut problems);
        let shown = problems.render("p.yaml", gap);
        assert!(
            shown.contains("`dev` does not say what `{env.database}`"),
            "{shown}"
        );
    }

    fn given(pairs: &[(&str, &str)]) -> IndexMap<Name, String> {
        let name = |name: &str| Name::new(name).expect("a name");
        pairs
            .iter()
            .map(|(key, value)| (name(key), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn defaults_fill_what_a_run_does_not_give() {
        let values = resolve(&parameters(), &given(&[("base_url", "http://x")])).expect("resolves");
        assert_eq!(values["ids"], "listing");
        assert_eq!(values["base_url"], "http://x");
    }

    #[test]
    fn what_a_run_gives_wrongly_is_named_with_a_remedy() {
        for (pairs, part) in [
            (&[("base_ur", "x")][..], "did you mean `base_url`?"),
            (&[], "--param base_url="),
            (
                &[("base_url", "x"), ("ids", "all")],
                "one of: listing, range",
            ),
        ] {
            let error = resolve(&parameters(), &given(pairs)).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
