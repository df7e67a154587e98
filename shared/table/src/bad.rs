//! Why bytes are not a record, and where.

use std::fmt;

/// Why bytes are not a record, and where: in one word, because every value is answered with one or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bad(u64);

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    EndsEarly,
    NoValue,
    NoKey,
    NoColon,
    NoCommaInObject,
    NoCommaInList,
    NoRecords,
    NoObject,
    NoList,
    PathToNothing,
    SomethingFollows,
    KeyTwice,
    RecordsTwice,
    ControlCharacter,
    KeyEscape,
    TooDeep,
    ValueTooLong,
    PageTooLong,
}

/// The reasons by their number.
const REASONS: [Reason; 18] = [
    Reason::EndsEarly,
    Reason::NoValue,
    Reason::NoKey,
    Reason::NoColon,
    Reason::NoCommaInObject,
    Reason::NoCommaInList,
    Reason::NoRecords,
    Reason::NoObject,
    Reason::NoList,
    Reason::PathToNothing,
    Reason::SomethingFollows,
    Reason::KeyTwice,
    Reason::RecordsTwice,
    Reason::ControlCharacter,
    Reason::KeyEscape,
    Reason::TooDeep,
    Reason::ValueTooLong,
    Reason::PageTooLong,
];

impl Bad {
    pub fn at(at: usize, reason: Reason) -> Self {
        Bad((at as u64) << 8 | reason as u64)
    }

    pub fn place(self) -> usize {
        (self.0 >> 8) as usize
    }

    pub fn reason(self) -> Reason {
        REASONS[(self.0 & 0xff) as usize]
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Reason::EndsEarly => "ends early",
            Reason::NoValue => "a value is expected here",
            Reason::NoKey => "a key is expected here",
            Reason::NoColon => "`:` is expected here",
            Reason::NoCommaInObject => "`,` or `}` is expected here",
            Reason::NoCommaInList => "`,` or `]` is expected here",
            Reason::NoRecords => "a list of records or a record is expected here",
            Reason::NoObject => "an object is expected here",
            Reason::NoList => "a list is expected here",
            Reason::PathToNothing => "the path of the records leads to nothing here",
            Reason::SomethingFollows => "something follows the page's value",
            Reason::KeyTwice => "a key occurs twice",
            Reason::RecordsTwice => "the key of the records occurs twice",
            Reason::ControlCharacter => "a control character stands in a text",
            Reason::KeyEscape => "a key has an escape that is no character",
            Reason::TooDeep => "nested too deeply",
            Reason::ValueTooLong => "a value is too long",
            Reason::PageTooLong => "a page has to be smaller than 4 GiB",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_found_by_its_number() {
        for reason in REASONS {
            let bad = Bad::at(7, reason);
            assert_eq!((bad.place(), bad.reason()), (7, reason));
        }
    }
}
