//! For which ids, or rows of other resources, a resource is asked: each makes requests of its own.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::name::Name;
use crate::number::{Number, Values, fill};
use crate::paginate::facts;
use crate::path::Path;
use crate::problem::Located;
use crate::request::Answer;
use crate::resource::Records;
use crate::template::Template;

mod parents;

pub use parents::{Batch, Parents, Rows, Source as ParentSource, Taken};

/// The name by which templates know the id.
pub const ID: &str = "id";
/// What the names of a parent row's values begin with in templates.
pub const PARENT: &str = "parent.";

/// How many ids one resource is asked for at most.
const MOST: u64 = 10_000_000;

/// For which ids a resource is asked
///
/// Each id fills `{id}` in the path, the query and the body of the resource.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ForEach {
    /// It is asked once.
    #[default]
    None,
    /// Once for each id of another resource.
    Listing(Listing),
    /// Once for each number of a range.
    Range(Range),
    /// Once for each row of other resources, each value of a list, or each combination of them.
    Parents(Parents),
}

/// What one request, with its pages, is made for: values by the names that templates know them by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parent(pub std::collections::BTreeMap<String, String>);

impl Parent {
    /// The parent that is no more than an id.
    pub fn of_id(id: impl Into<String>) -> Self {
        Parent([(ID.to_owned(), id.into())].into())
    }

    /// How faults and rejects name it: its values, joined.
    pub fn label(&self) -> String {
        let values: Vec<&str> = self.0.values().map(String::as_str).collect();
        values.join("/")
    }

    /// Whether it is more than an id.
    pub fn has_rows(&self) -> bool {
        self.0.keys().any(|name| name != ID)
    }

    /// The values that templates are filled from, this parent's among them.
    #[must_use]
    pub fn onto(&self, values: &Values) -> Values {
        let mut values = values.clone();
        values.extend(self.0.clone());
        values
    }
}

/// The ids of another resource
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// The resource whose records hold the ids.
    pub resource: Located<Name>,
    /// Where in a record the id stands.
    pub id: Path,
    /// `listing` asks for the ids listed; `range` for every number from `first` to the largest listed, which
    /// also finds what the listing leaves out. A reference lets a parameter choose.
    #[serde(default = "listing")]
    pub enumerate: Located<Template>,
    /// The first number, where `enumerate` is `range`.
    #[serde(default = "one")]
    pub first: Located<Number>,
}

/// A range of numbers, both ends included
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first number.
    #[serde(default = "one")]
    pub first: Located<Number>,
    /// The last number.
    pub last: Located<Number>,
}

fn listing() -> Located<Template> {
    Located {
        value: Template::try_from("listing".to_owned()).expect("`listing` has no braces"),
        at: crate::problem::Location::default(),
    }
}

fn one() -> Located<Number> {
    Located {
        value: Number::Fixed(1),
        at: crate::problem::Location::default(),
    }
}

/// The ids to ask for, in the order in which they are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ids {
    /// One request without an id.
    Once,
    /// These ids, as the source writes them.
    Each(Vec<String>),
    /// These numbers.
    Numbers(RangeInclusive<u64>),
    /// These rows of others.
    Rows(Vec<Parent>),
}

impl Ids {
    /// How many requests they make, each perhaps of several pages.
    pub fn len(&self) -> u64 {
        match self {
            Ids::Once => 1,
            Ids::Each(ids) => ids.len() as u64,
            Ids::Rows(rows) => rows.len() as u64,
            Ids::Numbers(range) if range.is_empty() => 0,
            Ids::Numbers(range) => range.end() - range.start() + 1,
        }
    }

    /// Whether nothing is to be asked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is asked for one by one; nothing for [`Ids::Once`].
    pub fn iter(&self) -> Box<dyn Iterator<Item = Parent> + Send + '_> {
        match self {
            Ids::Once => Box::new(std::iter::empty()),
            Ids::Each(ids) => Box::new(ids.iter().map(Parent::of_id)),
            Ids::Numbers(range) => Box::new(
                range
                    .clone()
                    .map(|number| Parent::of_id(number.to_string())),
            ),
            Ids::Rows(rows) => Box::new(rows.iter().cloned()),
        }
    }
}

impl ForEach {
    /// The listing that has to be read before the ids are known.
    pub fn listing(&self) -> Option<&Listing> {
        match self {
            ForEach::Listing(listing) => Some(listing),
            ForEach::None | ForEach::Range(_) | ForEach::Parents(_) => None,
        }
    }

    /// Whether several parents share a request, so that no row tells which is its own.
    pub fn is_batched(&self) -> bool {
        matches!(self, ForEach::Parents(parents) if parents.batch.is_some())
    }

    /// The names that templates of the resource may use besides those known everywhere.
    pub fn names(&self) -> Vec<String> {
        match self {
            ForEach::None => Vec::new(),
            ForEach::Listing(_) | ForEach::Range(_) => vec![ID.to_owned()],
            ForEach::Parents(parents) => parents.names(),
        }
    }

    /// The ids, given the values and what the listing's pages hold (nothing where there is no listing).
    pub fn ids(&self, values: &Values, listed: Listed) -> Result<Ids, Fault> {
        match self {
            ForEach::None => Ok(Ids::Once),
            ForEach::Range(range) => {
                let last = range.last.fill(values, "for_each.range.last")?;
                numbers(range.first.fill(values, "for_each.range.first")?, last)
            }
            ForEach::Listing(listing) => listing.ids(values, listed),
            ForEach::Parents(_) => Err(Fault::bug("rows of parents are no ids")),
        }
    }
}

impl Listing {
    fn ids(&self, values: &Values, listed: Listed) -> Result<Ids, Fault> {
        match fill(&self.enumerate, values, "for_each.listing.enumerate")?.as_str() {
            "listing" => Ok(Ids::Each(listed.sorted())),
            "range" => {
                let first = self.first.fill(values, "for_each.listing.first")?;
                match listed.largest()? {
                    Some(last) => numbers(first, last),
                    None => Ok(Ids::Each(Vec::new())),
                }
            }
            other => Err(Fault::bad_definition(format!(
                "`enumerate` became `{other}`; it is `listing` or `range`"
            ))),
        }
    }
}

fn numbers(first: u64, last: u64) -> Result<Ids, Fault> {
    let ids = Ids::Numbers(first..=last);
    if ids.len() > MOST {
        return Err(Fault::bad_definition(format!(
            "the range from {first} to {last} has more than {MOST} ids; divide it"
        )));
    }
    Ok(ids)
}

/// The ids that a listing's pages hold, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    ids: HashSet<String>,
    doubled: u64,
}

impl Listed {
    /// Adds the ids of one page's records.
    pub fn read(&mut self, answer: &Answer, records: &Records, id: &Path) -> Result<(), Fault> {
        if answer.status == 204 && answer.body.is_empty() {
            return Ok(());
        }
        let body = facts::raw(&answer.body)?;
        let found = facts::records_in(body, records)?;
        for (position, record) in facts::each(found).enumerate() {
            let id = facts::find(record, id).and_then(written).ok_or_else(|| {
                Fault::rejected(format!(
                    "record {position} of the listing has neither text nor whole number at `{id}`"
                ))
            })?;
            if !self.ids.insert(id) {
                self.doubled += 1;
            }
        }
        Ok(())
    }

    /// How many records repeated an id.
    pub fn doubled(&self) -> u64 {
        self.doubled
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// In one order whatever the source's: numbers by size, then text.
    fn sorted(self) -> Vec<String> {
        let mut ids: Vec<String> = self.ids.into_iter().collect();
        ids.sort_unstable_by(|one, another| by_size(one).cmp(&by_size(another)));
        ids
    }

    fn largest(&self) -> Result<Option<u64>, Fault> {
        let numbers: Result<Vec<u64>, _> = self.ids.iter().map(|id| id.parse()).collect();
        let numbers = numbers.map_err(|_| {
            Fault::rejected("the listing has an id that is no whole number, so it makes no range")
        })?;
        Ok(numbers.into_iter().max())
    }
}

fn by_size(id: &str) -> (u8, u64, &str) {
    match id.parse::<u64>() {
        Ok(number) => (0, number, id),
        Err(_) => (1, 0, id),
    }
}

pub(crate) fn written(raw: &str) -> Option<String> {
    if raw.starts_with('"') {
        return serde_json::from_str(raw).ok();
    }
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| raw.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;

    fn listed(pages: &[&str]) -> Result<Listed, Fault> {
        let mut listed = Listed::default();
        let id = Path::try_from("$.id".to_owned()).expect("a path");
        for body in pages {
            let answer = Answer {
                status: 200,
                headers: Vec::new(),
                body: body.as_bytes().to_vec(),
            };
            listed.read(&answer, &Records::default(), &id)?;
        }
        Ok(listed)
    }

    fn ids(yaml: &str, pages: &[&str], values: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let decoded = decode::<ForEach>(yaml);
        assert!(decoded.problems.is_empty(), "{:?}", decoded.problems);
        let values = values
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let ids =
            listed(pages).and_then(|listed| decoded.value.expect("decodes").ids(&values, listed));
        ids.map(|ids| ids.iter().map(|id| id.label()).collect())
            .map_err(|fault| fault.message)
    }

    #[test]
    fn ids_are_listed_or_enumerated() {
        let by = "listing: { resource: short, id: $.id, enumerate: \"{how}\" }";
        let pages = [
            r#"[{"id": "10"}, {"id": 9}, {"id": "2"}]"#,
            r#"[{"id": "9"}, {"id": "b"}, {"id": "a"}]"#,
        ];
        let numbers = [r#"[{"id": "4"}, {"id": 2}]"#];
        for (yaml, pages, values, expected) in [
            (
                by,
                &pages[..],
                &[("how", "listing")][..],
                Ok(&["2", "9", "10", "a", "b"][..]),
            ),
            (by, &numbers, &[("how", "range")], Ok(&["1", "2", "3", "4"])),
            (by, &["[]"], &[("how", "range")], Ok(&[])),
            (
                by,
                &pages,
                &[("how", "range")],
                Err("no whole number, so it makes no range"),
            ),
            (
                by,
                &numbers,
                &[("how", "both")],
                Err("`enumerate` became `both`"),
            ),
            (
                "range: { first: 3, last: \"{n}\" }",
                &[],
                &[("n", "5")],
                Ok(&["3", "4", "5"]),
            ),
            ("range: { first: 3, last: 2 }", &[], &[], Ok(&[])),
            (
                "range: { last: 99999999999 }",
                &[],
                &[],
                Err("more than 10000000 ids"),
            ),
            ("none", &[], &[], Ok(&[])),
        ] {
            match (ids(yaml, pages, values), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{yaml}"),
                (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
                (found, expected) => panic!("{yaml}: {found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn a_listing_without_an_id_is_refused_and_doubles_are_counted() {
        for body in [
            r#"[{"id": 1}, {}]"#,
            r#"[{"id": null}]"#,
            r#"[{"id": 1.5}]"#,
            r#"[{"id": [1]}]"#,
            r#"[{"id": true}]"#,
        ] {
            assert!(listed(&[body]).is_err(), "{body}");
        }
        let listed =
            listed(&[r#"[{"id": 123456789012345678901234567890}, {"id": 1}, {"id": "1"}]"#]);
        let listed = listed.expect("reads");
        assert_eq!((listed.len(), listed.doubled()), (2, 1));
    }
}
