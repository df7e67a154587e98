//! `tables:` — how records of a resource become typed rows: which records, which columns, what is set aside.

pub mod check;
pub mod column;
pub mod column_type;
pub mod condition;
pub mod each;
pub mod extra;
pub mod function;
pub mod origin;
pub mod reject;
pub mod time;

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::name::Name;
use crate::problem::Located;
use crate::table::column::ColumnDefinition;
use crate::table::condition::{RowCondition, When};
use crate::table::each::Each;
use crate::table::extra::ExtraName;
use crate::table::reject::OnReject;

/// A table: typed rows made of the records of one resource.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableDefinition {
    /// What a row is. Becomes the table's comment.
    pub description: Option<String>,
    /// The resource whose records become rows.
    ///
    /// Several tables may read one resource: all are filled in one pass. A record is taken as a whole: if it
    /// cannot be typed for one of its tables, none of its rows is written and it is one reject.
    pub from: Located<Name>,
    /// Which records of the resource: `{ path: $.type, equals: gin }`, or `otherwise` for those that no other
    /// table takes. Without it, every record.
    ///
    /// A record that no table of the resource takes is a reject, unless one of the resource's tables says
    /// `otherwise: ignore` in its condition.
    pub when: Option<When>,
    /// One row for each element of a list in the record: `$.perfect_tonics.data`.
    ///
    /// Column paths then lead from the element (`$.id`; a list of plain values is read with `$`), while
    /// `$parent.id` leads from what holds the list and `$record.id` from the whole record; `$ordinal` is the
    /// element's position from 0. A list of paths goes through lists in lists: `[$.addresses, $.periods]`.
    /// `{ tree: $.locations }` takes the elements, their elements by the same path, and so on, parents first.
    /// Where the list is absent or null there are no rows.
    pub each: Option<Each>,
    /// The columns that identify a row, in its window where rows belong to windows. Each must be `required`.
    #[serde(default)]
    pub key: Vec<Located<Name>>,
    /// What happens to a second row with the same key in one slice.
    #[serde(default)]
    pub duplicates: Duplicates,
    /// The columns in their order, or `infer` to take the members of the records as they come.
    ///
    /// All pages of a slice are read ahead for it: a column for each member, in the order of their first
    /// appearance, of the narrowest type that holds all its values as they are. Whole numbers are `int64`, with
    /// fractions among them `float64`, `string` where a number would lose digits; lists and objects are `json`;
    /// what is always null is `string`. Names become snake-case (`Miles_per_Gallon`: `miles_per_gallon`), the
    /// second of two that are then alike gets `_2`; a column's description keeps the member's own name. Of more
    /// than 1,000 members the first have columns and the others need `extra`.
    pub columns: Columns,
    /// Rows to leave out, each rule with a name under which they are counted. The first rule that applies
    /// counts.
    #[serde(default)]
    pub filters: Vec<Filter>,
    /// The name of one more column (JSON text) that keeps the members of the record which no column takes:
    /// `_extra`.
    pub extra: Option<Located<ExtraName>>,
    /// How many rejects are borne before nothing is published.
    #[serde(default)]
    pub on_reject: OnReject,
}

/// What happens to a second row with the same key in one slice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// Both are written, and the check of the key stops the publish.
    #[default]
    Fail,
    /// The first stays, later ones are left out and counted. What the resource is asked for in a window is then
    /// one slice, so that rows of all its requests are compared.
    KeepFirst,
}

/// A rule by which rows are left out.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The name under which the rows are counted.
    pub name: Located<Name>,
    /// Rows of which this is true are left out.
    pub drop_when: RowCondition,
}

/// The columns of a table.
#[derive(Debug, Clone)]
pub enum Columns {
    /// As the records have them.
    Infer,
    /// As written.
    Declared(IndexMap<Name, Located<ColumnDefinition>>),
}

impl Columns {
    /// The declared columns; none where they are inferred.
    pub fn declared(&self) -> Option<&IndexMap<Name, Located<ColumnDefinition>>> {
        match self {
            Columns::Infer => None,
            Columns::Declared(columns) => Some(columns),
        }
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ColumnsVisitor;

        impl<'de> Visitor<'de> for ColumnsVisitor {
            type Value = Columns;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map of columns or `infer`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Columns, E> {
                match text {
                    "infer" => Ok(Columns::Infer),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Columns, A::Error> {
                let mut columns = IndexMap::new();
                while let Some((name, column)) = map.next_entry()? {
                    columns.insert(name, column);
                }
                Ok(Columns::Declared(columns))
            }
        }

        deserializer.deserialize_any(ColumnsVisitor)
    }
}

impl JsonSchema for Columns {
    fn schema_name() -> Cow<'static, str> {
        "Columns".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let declared = generator.subschema_for::<IndexMap<Name, ColumnDefinition>>();
        schemars::json_schema!({
            "description": "The columns of a table.",
            "anyOf": [{ "const": "infer" }, declared],
        })
    }
}
