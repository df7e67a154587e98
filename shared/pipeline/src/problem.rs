//! What is wrong with a definition: place, fact and remedy, all problems at once.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

/// A place in a definition's text; line and column count from 1, columns in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The line, from 1; 0 where the place is not known.
    pub line: u32,
    /// The column, from 1; 0 where the place is not known.
    pub column: u32,
}

/// A value that remembers where in the definition it was written, for names that others refer to.
#[derive(Debug, Clone, Default)]
pub struct Located<T> {
    /// The value itself.
    pub value: T,
    /// Where it was written.
    pub at: Location,
}

/// The name by which [`Located`] asks the deserializer of [`crate::decode`] for a place.
pub(crate) const LOCATED: &str = "$located";

impl<T> std::ops::Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = Located<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a value with its place")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut line = 0;
                let mut column = 0;
                let mut value = None;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "line" => line = map.next_value()?,
                        "column" => column = map.next_value()?,
                        _ => value = Some(map.next_value()?),
                    }
                }
                let value = value.ok_or_else(|| serde::de::Error::missing_field("value"))?;
                Ok(Located {
                    value,
                    at: Location { line, column },
                })
            }
        }

        deserializer.deserialize_struct(
            LOCATED,
            &["line", "column", "value"],
            Visitor(std::marker::PhantomData),
        )
    }
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// One thing that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written.
    pub at: Location,
    /// The fact, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// Whether what stands there must not be shown: it may be a credential, and messages are kept in logs.
    pub private: bool,
}

/// Everything that is wrong with a definition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Notes a fact without a remedy of its own.
    pub fn add(&mut self, at: Location, message: impl Into<String>) {
        self.0.push(Problem {
            at,
            message: message.into(),
            remedy: None,
            private: false,
        });
    }

    /// Notes a fact and what to do about it.
    pub fn add_with(
        &mut self,
        at: Location,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Problem {
            at,
            message: message.into(),
            remedy: Some(remedy.into()),
            private: false,
        });
    }

    /// Notes a fact about a place where a credential may stand, which is not shown.
    pub fn add_private(
        &mut self,
        at: Location,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Problem {
            at,
            message: message.into(),
            remedy: Some(remedy.into()),
            private: true,
        });
    }

    /// Notes a sentence `fact; remedy`.
    pub fn add_sentence(&mut self, at: Location, sentence: &str) {
        match sentence.split_once("; ") {
            Some((fact, remedy)) => self.add_with(at, fact, remedy),
            None => self.add(at, sentence),
        }
    }

    /// Notes that a file is not in the pipeline's folder; `known` are those that the definition refers to.
    pub fn no_file<'a>(
        &mut self,
        at: Location,
        path: &str,
        known: impl IntoIterator<Item = &'a String>,
    ) {
        let near = known.into_iter().find(|known| is_near(path, known));
        let remedy = match near {
            Some(near) => format!("put it there, or did you mean `{near}`?"),
            None => "put it there, or correct the path".to_owned(),
        };
        self.add_with(
            at,
            format!("there is no file `{path}` in the pipeline's folder"),
            remedy,
        );
    }

    /// Notes that `name` is none of the `known` `things`, with the nearest one or the list as remedy.
    pub fn unknown<'a>(
        &mut self,
        at: Location,
        thing: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        self.add_with(
            at,
            format!("there is no {thing} `{name}`"),
            suggestion(name, &known),
        );
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems as a person reads them: place, fact, the offending line, remedy; in order of place.
    pub fn render(&self, file: &str, text: &str) -> String {
        let lines: Vec<&str> = text.lines().collect();
        let mut problems: Vec<&Problem> = self.0.iter().collect();
        problems.sort_by_key(|problem| problem.at);
        problems
            .iter()
            .map(|problem| problem.render(file, &lines, self.hidden_from(problem.at.line)))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl Problems {
    /// From which column on a line may hold a credential, whichever problem shows it.
    fn hidden_from(&self, line: u32) -> Option<u32> {
        let private = self.0.iter().filter(|problem| problem.private);
        let here = private.filter(|problem| problem.at.line == line);
        here.map(|problem| problem.at.column).min()
    }
}

impl Problem {
    /// `hidden_from` is the column from which on its line is not shown.
    fn render(&self, file: &str, lines: &[&str], hidden_from: Option<u32>) -> String {
        let Location { line, column } = self.at;
        if line == 0 {
            return format!("{file}: {}\n{}", self.message, self.remedy_line(""));
        }
        let mut out = format!("{file}:{line}:{column}: {}\n", self.message);
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        if let Some(source) = lines.get(line as usize - 1) {
            let before = " ".repeat(column.saturating_sub(1) as usize);
            let shown = match hidden_from {
                Some(hidden) => {
                    let open = hidden.saturating_sub(1) as usize;
                    source.chars().take(open).chain(['…']).collect()
                }
                None => (*source).to_owned(),
            };
            out += &format!("  {number} | {shown}\n  {margin} | {before}^\n");
        }
        out + &self.remedy_line(&format!("  {margin} "))
    }

    fn remedy_line(&self, indent: &str) -> String {
        match &self.remedy {
            Some(remedy) => format!("{indent}= {remedy}\n"),
            None => String::new(),
        }
    }
}

/// “did you mean …” with the nearest known name, else the list of what is known.
pub fn suggestion(name: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), *candidate))
        .filter(|(_, candidate)| is_near(name, candidate))
        .min();
    match (near, known) {
        (Some((_, candidate)), _) => format!("did you mean `{candidate}`?"),
        (None, []) => "none is declared".to_owned(),
        (None, known) => format!("known here: {}", quoted_list(known)),
    }
}

/// Whether one name may be a slip of the pen for the other.
pub(crate) fn is_near(name: &str, candidate: &str) -> bool {
    let slips = 1 + candidate.len().min(name.len()) / 3;
    strsim::damerau_levenshtein(name, candidate) <= slips
}

fn quoted_list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_line_and_its_remedy() {
        let mut problems = Problems::default();
        let at = Location { line: 2, column: 3 };
        problems.unknown(at, "table", "ginz", ["gins", "tonics"]);
        let shown = problems.render("p.yaml", "tables:\n  ginz: {}\n");
        assert_eq!(
            shown,
            "p.yaml:2:3: there is no table `ginz`\n  2 |   ginz: {}\n    |   ^\n    = did you mean `gins`?\n"
        );
    }

    #[test]
    fn what_may_be_a_credential_is_not_shown() {
        let mut problems = Problems::default();
        let at = Location { line: 1, column: 8 };
        problems.add_private(at, "a secret does not stand here", "write its name");
        let shown = problems.render("p.yaml", "token: hunter2");
        assert!(shown.contains("1 | token: …\n"), "{shown}");
        // Nor by another problem of the same line.
        problems.add(Location { line: 1, column: 1 }, "something else");
        let shown = problems.render("p", "token: hunter2");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_far_name_gets_the_list_instead_of_a_guess() {
        assert_eq!(suggestion("zzzzzz", &["a", "b"]), "known here: `a`, `b`");
    }
}
