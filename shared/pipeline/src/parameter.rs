//! `parameters:` — what a run may set without touching the definition.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::name::Name;
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
    /// The only values it may have.
    #[serde(default)]
    pub one_of: Vec<String>,
}

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
                format!("one of: {}", parameter.one_of.join(", ")),
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
                    parameter.one_of.join(", ")
                ));
            }
            Ok((name.clone(), value.clone()))
        })
        .collect()
}

impl Parameter {
    fn takes(&self, value: &str) -> bool {
        self.one_of.is_empty() || self.one_of.iter().any(|one| one == value)
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
