//! `each` — the list whose elements become rows, lists in lists, and trees.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::path::Path;

/// The list whose elements become rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Each {
    /// One path a level of lists: the first leads from the record, the next from the element, and so on.
    /// Never empty.
    Lists(Vec<Path>),
    /// The elements, their elements by the same path, and so on; a parent comes before its children.
    Tree(Path),
}

impl<'de> Deserialize<'de> for Each {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EachVisitor;

        impl<'de> Visitor<'de> for EachVisitor {
            type Value = Each;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a path, a list of paths or `{ tree: path }`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Each, E> {
                let path = Path::try_from(text.to_owned()).map_err(E::custom)?;
                Ok(Each::Lists(vec![path]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Each, A::Error> {
                let mut paths = Vec::new();
                while let Some(path) = seq.next_element()? {
                    paths.push(path);
                }
                if paths.is_empty() {
                    return Err(de::Error::custom(
                        "the list is empty; write at least one path",
                    ));
                }
                Ok(Each::Lists(paths))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Each, A::Error> {
                let tree = Tree::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Each::Tree(tree.tree))
            }
        }

        deserializer.deserialize_any(EachVisitor)
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tree {
    /// The path from a node to the list of its children.
    tree: Path,
}

impl JsonSchema for Each {
    fn schema_name() -> Cow<'static, str> {
        "Each".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let path = generator.subschema_for::<Path>();
        let tree = generator.subschema_for::<Tree>();
        schemars::json_schema!({
            "description": "The list whose elements become rows.",
            "anyOf": [path, { "type": "array", "items": path, "minItems": 1 }, tree],
        })
    }
}
