//! From YAML text to a typed definition, with the exact place of every mistake and all mistakes at once.
//!
//! The text becomes a tree whose nodes know their places; types are decoded from the tree. When a node does
//! not fit its type, the problem is noted, the node is taken out and the tree is decoded again, until what
//! is left fits: so one mistake hides no other.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use crate::problem::{LOCATED, Location, Problem, Problems, is_near, suggestion};
use crate::secret::IN_PLAIN_TEXT;

/// What decoding made of a text.
#[derive(Debug)]
pub struct Decoded<T> {
    /// The value; none where what is left of the text does not make one.
    pub value: Option<T>,
    /// Every mistake of shape, in the order found.
    pub problems: Problems,
    /// Keys that were taken out for a mistake: a reference to one of them is no second mistake.
    pub removed: BTreeSet<String>,
}

/// Decodes `text` as a `T`, noting every mistake.
pub fn decode<T: DeserializeOwned>(text: &str) -> Decoded<T> {
    let mut decoded = Decoded {
        value: None,
        problems: Problems::default(),
        removed: BTreeSet::new(),
    };
    let mut root = match serde_saphyr::from_str::<Spanned<Node>>(text) {
        Ok(spanned) => Item::from(spanned),
        Err(error) => {
            decoded.problems.0.push(syntax_problem(&error));
            return decoded;
        }
    };
    loop {
        match T::deserialize(Decoder { item: &root }) {
            Ok(value) => {
                decoded.value = Some(value);
                return decoded;
            }
            Err(mistake) => {
                let mut path = mistake.path.clone();
                path.reverse();
                if !mistake.follows && !root.misses_removed(&path, &mistake) {
                    decoded.problems.0.push(mistake.problem());
                }
                match root.remove(&path) {
                    Removed::Key(key) => decoded.removed.extend([key]),
                    Removed::Element => {}
                    Removed::Nothing => return decoded,
                }
            }
        }
    }
}

fn syntax_problem(error: &serde_saphyr::Error) -> Problem {
    let error = error.without_snippet();
    let place = error.location();
    let at = place.map_or(Location::default(), |place| Location {
        line: place.line() as u32,
        column: place.column() as u32,
    });
    let message = error.to_string();
    let message = message.lines().next().unwrap_or_default();
    let message = message.split(" at line ").next().unwrap_or(message);
    let (message, remedy) = in_our_words(message);
    Problem {
        at,
        message: format!("not readable as YAML: {message}"),
        remedy: remedy.map(str::to_owned),
        private: false,
    }
}

/// The parser's message for the commonest slips, said to the author of a definition and not of a parser.
fn in_our_words(message: &str) -> (String, Option<&'static str>) {
    let twice = message
        .strip_prefix("duplicate mapping key: ")
        .and_then(|rest| rest.split(", set ").next());
    if let Some(key) = twice {
        return (
            format!("the key `{key}` stands here for the second time"),
            Some("keep one of the two"),
        );
    }
    let remedies = [
        (
            "mapping values are not allowed",
            "put a text that holds `: ` in quotes; else the line is indented otherwise than those above",
        ),
        ("tabs disallowed", "indent with blanks"),
        (
            "unknown anchor",
            "write `&name` before the value that `*name` repeats, further up",
        ),
    ];
    let remedy = remedies
        .iter()
        .find(|(part, _)| message.contains(part))
        .map(|(_, remedy)| *remedy);
    (message.to_owned(), remedy)
}

#[derive(Debug)]
enum Node {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Item>),
    Map {
        entries: Vec<(Key, Item)>,
        removed: Vec<String>,
    },
}

#[derive(Debug)]
struct Item {
    at: Location,
    node: Node,
}

#[derive(Debug)]
struct Key {
    at: Location,
    name: String,
}

enum Removed {
    Key(String),
    Element,
    Nothing,
}

fn place<T>(spanned: &Spanned<T>) -> Location {
    Location {
        line: spanned.referenced.line() as u32,
        column: spanned.referenced.column() as u32,
    }
}

impl From<Spanned<Node>> for Item {
    fn from(spanned: Spanned<Node>) -> Self {
        Item {
            at: place(&spanned),
            node: spanned.value,
        }
    }
}

impl Item {
    /// Whether the mistake is only that a key is missing which was itself taken out before, or breaks a rule
    /// over several keys of which one was.
    fn misses_removed(&self, path: &[usize], mistake: &Mistake) -> bool {
        let mut item = self;
        for index in path {
            item = match &item.node {
                Node::List(items) => &items[*index],
                Node::Map { entries, .. } => &entries[*index].1,
                _ => return false,
            };
        }
        let Node::Map { removed, .. } = &item.node else {
            return false;
        };
        match mistake.missing {
            Some(field) => removed.iter().any(|name| is_near(name, field)),
            None => mistake.rule && !removed.is_empty(),
        }
    }

    fn remove(&mut self, path: &[usize]) -> Removed {
        let Some((first, rest)) = path.split_first() else {
            return Removed::Nothing;
        };
        match &mut self.node {
            Node::List(items) if rest.is_empty() => {
                items.remove(*first);
                Removed::Element
            }
            Node::Map { entries, removed } if rest.is_empty() => {
                let (key, _) = entries.remove(*first);
                removed.push(key.name.clone());
                Removed::Key(key.name)
            }
            Node::List(items) => items[*first].remove(rest),
            Node::Map { entries, .. } => entries[*first].1.remove(rest),
            _ => Removed::Nothing,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeVisitor;

        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = Node;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a YAML value")
            }
            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }
            fn visit_none<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Node, D::Error> {
                Node::deserialize(inner)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Integer(value))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Node, E> {
                match i64::try_from(value) {
                    Ok(value) => Ok(Node::Integer(value)),
                    Err(_) => Err(E::custom("a number past 64 bits; put it in quotes")),
                }
            }
            fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
                Ok(Node::Float(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Node, E> {
                Ok(Node::Text(value.to_owned()))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<Spanned<Node>>()? {
                    items.push(item.into());
                }
                Ok(Node::List(items))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, item)) = map.next_entry::<Spanned<String>, Spanned<Node>>()? {
                    let key = Key {
                        at: place(&key),
                        name: key.value,
                    };
                    entries.push((key, item.into()));
                }
                Ok(Node::Map {
                    entries,
                    removed: Vec::new(),
                })
            }
        }

        deserializer.deserialize_any(NodeVisitor)
    }
}

/// Why a node does not fit its type; the path leads from the node up to the root, as entry numbers.
#[derive(Debug)]
struct Mistake {
    at: Option<Location>,
    path: Vec<usize>,
    message: String,
    remedy: Option<String>,
    missing: Option<&'static str>,
    /// Whether it is a type's own rule that was broken.
    rule: bool,
    /// Whether it only follows from an entry that was taken out before.
    follows: bool,
    /// Whether what stands there may be a credential.
    private: bool,
}

impl Mistake {
    fn new(message: String) -> Self {
        Mistake {
            at: None,
            path: Vec::new(),
            message,
            remedy: None,
            missing: None,
            rule: false,
            follows: false,
            private: false,
        }
    }

    fn with_remedy(message: String, remedy: String) -> Self {
        Mistake {
            remedy: Some(remedy),
            ..Mistake::new(message)
        }
    }

    fn at(mut self, place: Location) -> Self {
        self.at.get_or_insert(place);
        self
    }

    fn under(mut self, index: usize) -> Self {
        self.path.push(index);
        self
    }

    fn problem(self) -> Problem {
        Problem {
            at: self.at.unwrap_or_default(),
            message: self.message,
            remedy: self.remedy,
            private: self.private,
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        // A newtype's own rule may carry its remedy after a semicolon: `fact; remedy`.
        let message = message.to_string();
        let mistake = match message.split_once("; ") {
            Some((fact, remedy)) => Mistake::with_remedy(fact.to_owned(), remedy.to_owned()),
            None => Mistake::new(message),
        };
        Mistake {
            rule: true,
            private: IN_PLAIN_TEXT.contains(&mistake.message.as_str()),
            ..mistake
        }
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Mistake::new(format!("found {unexpected}, expected {}", plain(expected)))
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Mistake::new(format!("found {unexpected}, expected {}", plain(expected)))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Mistake::with_remedy(
            format!("unknown key `{field}`"),
            suggestion(field, expected),
        )
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Mistake::with_remedy(
            format!("unknown kind `{variant}`"),
            suggestion(variant, expected),
        )
    }

    fn missing_field(field: &'static str) -> Self {
        Mistake {
            missing: Some(field),
            ..Mistake::new(format!("the key `{field}` is missing here"))
        }
    }
}

/// What is expected, in words instead of Rust's type names.
fn plain(expected: &dyn de::Expected) -> String {
    let words = match expected.to_string().as_str() {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" | "a borrowed string" => "text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        other => return other.replace("struct ", "the map of "),
    };
    words.to_owned()
}

struct Decoder<'a> {
    item: &'a Item,
}

impl Decoder<'_> {
    fn found(&self) -> de::Unexpected<'_> {
        match &self.item.node {
            Node::Null => de::Unexpected::Other("nothing"),
            Node::Bool(value) => de::Unexpected::Bool(*value),
            Node::Integer(value) => de::Unexpected::Signed(*value),
            Node::Float(value) => de::Unexpected::Float(*value),
            Node::Text(value) => de::Unexpected::Str(value),
            Node::List(_) => de::Unexpected::Other("a list"),
            Node::Map { .. } => de::Unexpected::Other("a map"),
        }
    }

    fn any<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.item.node {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Integer(value) => visitor.visit_i64(*value),
            Node::Float(value) => visitor.visit_f64(*value),
            Node::Text(value) => visitor.visit_str(value),
            Node::List(items) => visitor.visit_seq(Elements { items, next: 0 }),
            Node::Map { entries, .. } => visitor.visit_map(Entries { entries, next: 0 }),
        }
    }

    fn text<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.item.node {
            Node::Text(value) => visitor.visit_str(value),
            Node::Integer(_) | Node::Float(_) | Node::Bool(_) => Err(Mistake::with_remedy(
                format!("found {}, expected text", self.found()),
                "put it in quotes".to_owned(),
            )),
            _ => Err(de::Error::invalid_type(self.found(), &"text")),
        }
    }

    fn variant<'de, V: Visitor<'de>>(
        &self,
        kinds: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.item.node {
            Node::Text(name) => visitor.visit_enum(name.as_str().into_deserializer()),
            Node::Map { entries, .. } if entries.len() == 1 => {
                let (key, value) = &entries[0];
                visitor.visit_enum(Variant { key, value })
            }
            Node::Map { removed, .. } if !removed.is_empty() => Err(Mistake {
                follows: true,
                ..Mistake::new(String::new())
            }),
            Node::Map { .. } => Err(Mistake::with_remedy(
                "exactly one kind is expected here".to_owned(),
                format!("one of: {}", kinds.join(", ")),
            )),
            _ => Err(Mistake::with_remedy(
                format!("found {}, expected a kind", self.found()),
                format!("one of: {}", kinds.join(", ")),
            )),
        }
    }
}

impl<'de> Deserializer<'de> for Decoder<'_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.any(visitor).map_err(|error| error.at(self.item.at))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.text(visitor).map_err(|error| error.at(self.item.at))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.item.node {
            Node::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let at = self.item.at;
        visitor
            .visit_newtype_struct(self)
            .map_err(|error| error.at(at))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match (name, &self.item.node) {
            (LOCATED, _) => visitor.visit_map(WithPlace {
                item: self.item,
                next: 0,
            }),
            (_, Node::Map { .. }) => self.deserialize_any(visitor),
            _ => {
                let error: Mistake = de::Error::invalid_type(self.found(), &visitor);
                Err(error.at(self.item.at))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        kinds: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.variant(kinds, visitor)
            .map_err(|error| error.at(self.item.at))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier
    }
}

struct Elements<'a> {
    items: &'a [Item],
    next: usize,
}

impl<'de> de::SeqAccess<'de> for Elements<'_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        let Some(item) = self.items.get(self.next) else {
            return Ok(None);
        };
        let index = self.next;
        self.next += 1;
        seed.deserialize(Decoder { item })
            .map(Some)
            .map_err(|error| error.at(item.at).under(index))
    }
}

struct Entries<'a> {
    entries: &'a [(Key, Item)],
    next: usize,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let Some((key, _)) = self.entries.get(self.next) else {
            return Ok(None);
        };
        seed.deserialize(key.name.as_str().into_deserializer())
            .map(Some)
            .map_err(|error: Mistake| error.at(key.at).under(self.next))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let index = self.next;
        let item = &self.entries[index].1;
        self.next += 1;
        seed.deserialize(Decoder { item })
            .map_err(|error| error.at(item.at).under(index))
    }
}

struct Variant<'a> {
    key: &'a Key,
    value: &'a Item,
}

impl<'a, 'de> de::EnumAccess<'de> for Variant<'a> {
    type Error = Mistake;
    type Variant = Decoder<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Decoder<'a>), Mistake> {
        let kind = seed
            .deserialize(self.key.name.as_str().into_deserializer())
            .map_err(|error: Mistake| error.at(self.key.at).under(0))?;
        Ok((kind, Decoder { item: self.value }))
    }
}

impl<'de> de::VariantAccess<'de> for Decoder<'_> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        match self.item.node {
            Node::Null => Ok(()),
            _ => Err(Mistake::new("this kind takes no settings".to_owned())
                .at(self.item.at)
                .under(0)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mistake> {
        let at = self.item.at;
        seed.deserialize(self)
            .map_err(|error| error.at(at).under(0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Mistake> {
        let at = self.item.at;
        self.deserialize_any(visitor)
            .map_err(|error| error.at(at).under(0))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let at = self.item.at;
        self.deserialize_struct("", fields, visitor)
            .map_err(|error| error.at(at).under(0))
    }
}

struct WithPlace<'a> {
    item: &'a Item,
    next: usize,
}

impl<'de> de::MapAccess<'de> for WithPlace<'_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let key = match self.next {
            0 => "line",
            1 => "column",
            2 => "value",
            _ => return Ok(None),
        };
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        self.next += 1;
        match self.next {
            1 => seed.deserialize(self.item.at.line.into_deserializer()),
            2 => seed.deserialize(self.item.at.column.into_deserializer()),
            _ => seed.deserialize(Decoder { item: self.item }),
        }
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::problem::Located;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Sample {
        name: Located<String>,
        size: Option<u16>,
        auth: Option<Auth>,
        #[serde(default)]
        tables: IndexMap<String, Table>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    #[allow(dead_code)]
    enum Auth {
        None,
        Bearer { token: String },
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Table {
        key: Vec<String>,
        rows: u32,
    }

    fn problems(text: &str) -> String {
        decode::<Sample>(text).problems.render("p.yaml", text)
    }

    #[test]
    fn a_right_text_decodes_with_places() {
        let decoded = decode::<Sample>("size: 3\nname: x\nauth: { bearer: { token: t } }\n");
        assert!(decoded.problems.is_empty());
        let value = decoded.value.expect("fits");
        assert_eq!(value.name.at, Location { line: 2, column: 7 });
        assert_eq!(value.name.value, "x");
    }

    #[test]
    fn every_mistake_is_found_at_its_place() {
        let text = "nam: x\nname: 5\nsize: lots\nauth: { bearer: { tokn: t } }\ntables:\n  a: { key: [1], rows: 2 }\n  b: { key: [k], rows: -1, extra: 1 }\n";
        insta::assert_snapshot!(problems(text));
    }

    #[test]
    fn kinds_are_told_apart() {
        for (text, part) in [
            ("name: x\nauth: { berer: {} }", "2:9: unknown kind `berer`"),
            ("name: x\nauth: bearer", "2:7: "),
            (
                "name: x\nauth: { none: { a: 1 } }",
                "2:15: this kind takes no settings",
            ),
            (
                "name: x\nauth: { none: , bearer: }",
                "2:7: exactly one kind",
            ),
            ("name: x\nauth: none", ""),
        ] {
            let shown = problems(text);
            assert!(shown.contains(part), "{text} gave {shown}");
        }
    }

    #[test]
    fn broken_yaml_duplicate_keys_and_anchor_bombs_are_one_clear_problem() {
        for text in [
            "name: [x",
            "name: x\nname: y",
            "a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f]",
        ] {
            let decoded = decode::<Sample>(text);
            assert!(!decoded.problems.is_empty(), "{text}");
        }
    }
}
