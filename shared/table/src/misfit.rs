//! Why a value does not fit its column.

use std::fmt;

use pipeline::table::column_type::ColumnType;

/// Why a value does not fit its column. Names kinds, never values: counts are kept by this text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misfit {
    Missing,
    /// Not written as the type wants it.
    Not(ColumnType),
    /// Written rightly, but the type cannot hold it exactly.
    Beyond(ColumnType),
    OutOfRange,
    NoZone,
    HasZone,
    SkippedByClocks,
    /// Another kind of value than the column takes.
    Found(&'static str, ColumnType),
    /// Another kind of value stands on the way to it.
    Blocked,
    NulCharacter,
    BadEscape,
    BadJson,
    /// A column function does not take it; with the function's name and reason.
    Function(&'static str, String),
    /// The rows of the record would fill the memory.
    TooLarge,
}

impl Misfit {
    /// The reason without anything of the value, under which rejects are counted.
    pub fn class(&self) -> String {
        match self {
            Misfit::Function(name, _) => format!("does not fit `{name}`"),
            misfit => misfit.to_string(),
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Misfit::Missing => "required, but null or absent",
            Misfit::Not(kind) => return write!(formatter, "not a valid {kind}"),
            Misfit::Beyond(kind) => {
                return write!(formatter, "cannot be held by {kind} unaltered");
            }
            Misfit::OutOfRange => "out of the declared range",
            Misfit::NoZone => "has no offset and the column declares no timezone",
            Misfit::HasZone => "has an offset, but the column holds local times",
            Misfit::SkippedByClocks => "a local time that the clocks skipped",
            Misfit::Found(found, kind) => {
                return write!(formatter, "found {found}, expected {kind}");
            }
            Misfit::Blocked => "another kind of value stands on the way to it",
            Misfit::NulCharacter => "holds the character NUL",
            Misfit::BadEscape => "has an escape that is no character",
            Misfit::BadJson => "not valid JSON",
            Misfit::Function(name, reason) => return write!(formatter, "{name}: {reason}"),
            Misfit::TooLarge => "its rows are too large",
        };
        formatter.write_str(text)
    }
}
