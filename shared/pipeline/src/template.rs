//! Text with references, `/products/{id}?day={window.date}`: parsed first, filled after.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Text in which `{name}` and `{name.part}` stand for values; `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Piece {
    Literal(String),
    Reference(String),
}

/// A reference for which there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfilled(pub String);

impl fmt::Display for Unfilled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "nothing is known by the name `{{{}}}`", self.0)
    }
}

impl Template {
    /// What the text refers to, in order.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Reference(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// The text with every reference replaced by what `value` knows of it.
    pub fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, Unfilled> {
        self.fill_with(value, |text| text.to_owned())
    }

    /// As [`Template::fill`], each value passed through `encode` first (the literal text is not).
    pub fn fill_with(
        &self,
        value: impl Fn(&str) -> Option<String>,
        encode: impl Fn(&str) -> String,
    ) -> Result<String, Unfilled> {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => filled.push_str(text),
                Piece::Reference(name) => {
                    let text = value(name).ok_or_else(|| Unfilled(name.clone()))?;
                    filled.push_str(&encode(&text));
                }
            }
        }
        Ok(filled)
    }

    /// What the references stand for in a text that this template became, or none where it cannot have become
    /// it. `known` is believed where the text goes on with it; any other value ends where the next piece begins.
    pub fn read(
        &self,
        text: &str,
        known: impl Fn(&str) -> Option<String>,
    ) -> Option<Vec<(String, String)>> {
        let mut found = Vec::new();
        let mut rest = text;
        for (at, piece) in self.pieces.iter().enumerate() {
            let name = match piece {
                Piece::Literal(literal) => {
                    rest = rest.strip_prefix(literal.as_str())?;
                    continue;
                }
                Piece::Reference(name) => name,
            };
            let ends = |end: usize| match self.pieces.get(at + 1) {
                Some(Piece::Literal(next)) => rest[end..].starts_with(next.as_str()),
                Some(Piece::Reference(_)) => true,
                None => end == rest.len(),
            };
            let believed = known(name).filter(|value| rest.starts_with(value.as_str()));
            let believed = believed.map(|value| value.len()).filter(|end| ends(*end));
            let mut places = rest.char_indices().map(|(place, _)| place);
            let end = believed.or_else(|| places.find(|place| ends(*place)));
            let end = end.or_else(|| ends(rest.len()).then_some(rest.len()))?;
            found.push((name.clone(), rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest.is_empty().then_some(found)
    }

    fn parse(text: &str) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let (name, after) = match (brace, rest.split_once('}')) {
                ("{", Some(split)) => split,
                _ => {
                    return Err(format!(
                        "`{text}` has a lone `{brace}`; write `{brace}{brace}` for a brace"
                    ));
                }
            };
            let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
            if name.is_empty() || !name.chars().all(good) {
                return Err(format!(
                    "`{{{name}}}` is not a reference; write `{{name}}` or `{{name.part}}`"
                ));
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Reference(name.to_owned()));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(pieces)
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let pieces = Template::parse(&text)?;
        Ok(Template { text, pieces })
    }
}

impl From<Template> for String {
    fn from(template: Template) -> String {
        template.text
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_filled_and_braces_kept() {
        let template = Template::try_from("/p/{id}/{window.date}{{x}}".to_owned()).expect("parses");
        assert_eq!(
            template.references().collect::<Vec<_>>(),
            ["id", "window.date"]
        );
        let filled = template.fill(|name| (name == "id").then(|| "7".to_owned()));
        assert_eq!(filled, Err(Unfilled("window.date".to_owned())));
        let filled = template.fill(|name| Some(name.to_uppercase()));
        assert_eq!(filled.as_deref(), Ok("/p/ID/WINDOW.DATE{x}"));
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in ["{", "}", "a{b", "{a b}", "{}", "{a}}"] {
            assert!(Template::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_text_was_filled_with_is_read_back() {
        let read = |template: &str, text: &str| {
            let template = Template::try_from(template.to_owned()).expect("a template");
            let known = |name: &str| (name == "table").then(|| "a.json.json".to_owned());
            let read = template.read(text, known)?;
            let read: Vec<String> = read
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            Some(read.join(" "))
        };
        for (template, text, expected) in [
            ("plain", "plain", Some("")),
            ("plain", "plainly", None),
            ("{id}", "7", Some("id=7")),
            ("{id}.json", "a b.json", Some("id=a b")),
            (
                "{table}.json",
                "a.json.json.json",
                Some("table=a.json.json"),
            ),
            ("{from}..{to}", "1..2", Some("from=1 to=2")),
            ("{from}..{to}", "1-2", None),
            ("{{{id}}}", "{x}", Some("id=x")),
            ("{id}", "", Some("id=")),
        ] {
            assert_eq!(
                read(template, text).as_deref(),
                expected,
                "{template} {text}"
            );
        }
    }
}
