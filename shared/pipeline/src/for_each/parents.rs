//! Requests made for rows of other resources, for the values of a list, and for every combination of them.

use std::collections::{BTreeMap, HashSet};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{PARENT, Parent, by_size, written};
use crate::fault::Fault;
use crate::name::Name;
use crate::number::{Number, Values, fill};
use crate::paginate::facts;
use crate::path::Path;
use crate::problem::{Located, Problems};
use crate::request::Answer;
use crate::resource::{Records, ResourceDefinition};
use crate::source::check_references;
use crate::template::Template;

/// How many combinations one resource is asked for at most.
const MOST: usize = 1_000_000;

/// Rows of other resources, or the values of lists
///
/// Each value fills `{parent.<name>}` in the path, the query, the headers and the body of the resource, and, but
/// for a batch, in the `value` of its tables' columns. Of several parents, every combination is asked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parents {
    /// Where the values are from.
    pub of: Vec<Source>,
    /// How many values of the last parent go into one request; without it, one.
    pub batch: Option<Batch>,
}

/// Several values in one request
///
/// Texts are joined: `{ size: 50 }` makes `{parent.id}` into `1,2,3`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// How many.
    pub size: Located<Number>,
    /// What stands between them.
    #[serde(default = "comma")]
    pub separator: String,
}

fn comma() -> String {
    ",".to_owned()
}

/// Where the values of a parent are from: another resource or a list
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub enum Source {
    /// The records of another resource.
    Rows {
        /// The resource.
        resource: Located<Name>,
        /// What is taken of a record, and by which name.
        take: IndexMap<Name, Path>,
    },
    /// The values of a list.
    List {
        /// The values.
        values: Vec<Located<Template>>,
        /// Their name.
        name: Name,
    },
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The resource whose records are the parents; it may have parents itself, whose values come along. This
    /// or `list`.
    resource: Option<Located<Name>>,
    /// What is taken of a record: `{ school: $.schoolId }` becomes `{parent.school}`.
    #[serde(default)]
    take: IndexMap<Name, Path>,
    /// Values: `["2025", "2026"]`; one that a reference fills is cut at its commas. This or `resource`.
    list: Option<Vec<Located<Template>>>,
    /// The name of the list's value: `year` becomes `{parent.year}`.
    #[serde(rename = "as")]
    name: Option<Name>,
}

impl TryFrom<Written> for Source {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match (written.resource, written.list, written.name) {
            (Some(resource), None, None) if !written.take.is_empty() => Ok(Source::Rows {
                resource,
                take: written.take,
            }),
            (Some(_), None, None) => Err(
                "nothing is taken of the parent's records; write `take: { id: $.id }`".to_owned(),
            ),
            (None, Some(values), Some(name)) if written.take.is_empty() => {
                Ok(Source::List { values, name })
            }
            (None, Some(_), None) => {
                Err("the values of the list have no name; write `as: year`".to_owned())
            }
            (None, None, _) => Err(
                "a parent is a `resource` with `take`, or a `list` with `as`; write one of them"
                    .to_owned(),
            ),
            _ => Err(
                "`take` belongs to `resource` and `as` to `list`; keep one of the two pairs"
                    .to_owned(),
            ),
        }
    }
}

impl Source {
    /// The resource that has to be read, and what is taken of it.
    pub fn rows(&self) -> Option<(&Located<Name>, &IndexMap<Name, Path>)> {
        match self {
            Source::Rows { resource, take } => Some((resource, take)),
            Source::List { .. } => None,
        }
    }

    /// The names of its values.
    pub(crate) fn names(&self) -> Vec<&Name> {
        match self {
            Source::Rows { take, .. } => take.keys().collect(),
            Source::List { name, .. } => vec![name],
        }
    }

    /// The rows of a list; none of a resource, which has to be read.
    pub fn listed(&self, values: &Values) -> Result<Option<Rows>, Fault> {
        let Source::List {
            values: texts,
            name,
        } = self
        else {
            return Ok(None);
        };
        let mut rows = Rows::default();
        for text in texts {
            let filled = fill(text, values, "for_each.parents.of.list")?;
            let is_filled = text.references().next().is_some();
            let parts = match is_filled {
                true => filled.split(',').map(str::trim).collect(),
                false => vec![filled.as_str()],
            };
            for part in parts.into_iter().filter(|part| !part.is_empty()) {
                rows.push(Parent(
                    [(format!("{PARENT}{name}"), part.to_owned())].into(),
                ));
            }
        }
        Ok(Some(rows))
    }
}

impl Parents {
    /// The names that templates may use.
    pub fn names(&self) -> Vec<String> {
        let names = self.of.iter().flat_map(Source::names);
        names.map(|name| format!("{PARENT}{name}")).collect()
    }

    /// Every combination of the parents' rows, in batches where that is declared.
    pub fn combined(&self, of: Vec<Rows>, values: &Values) -> Result<Vec<Parent>, Fault> {
        let mut counts = of.iter().map(|rows| rows.rows.len());
        let count = counts.try_fold(1usize, usize::checked_mul);
        if count.is_none_or(|count| count > MOST) {
            return Err(Fault::bad_definition(format!(
                "the parents make more than {MOST} combinations; divide them"
            )));
        }
        let size = match &self.batch {
            Some(batch) => batch
                .size
                .fill(values, "for_each.parents.batch.size")?
                .max(1),
            None => 1,
        };
        let last = of.len().saturating_sub(1);
        let mut combined = vec![Parent::default()];
        for (position, rows) in of.into_iter().enumerate() {
            let rows = rows.sorted();
            let rows = match &self.batch {
                Some(batch) if position == last => batch.of(&rows, size),
                _ => rows,
            };
            combined = combined
                .iter()
                .flat_map(|before| rows.iter().map(|row| before.with(row)))
                .collect();
        }
        Ok(combined)
    }

    pub(crate) fn check(
        &self,
        name: &Name,
        resources: &IndexMap<Name, ResourceDefinition>,
        known: &[&str],
        problems: &mut Problems,
    ) {
        let mut met: HashSet<&str> = HashSet::new();
        for source in &self.of {
            let at = match source {
                Source::Rows { resource, .. } => {
                    check_parent(name, resource, resources, problems);
                    resource.at
                }
                Source::List { values, .. } => {
                    for value in values {
                        check_references(value.at, value, known, problems);
                    }
                    values.first().map(|value| value.at).unwrap_or_default()
                }
            };
            for taken in source.names() {
                if !met.insert(taken) {
                    problems.add_with(
                        at,
                        format!("two parents of `{name}` give a value `{taken}`"),
                        "give one of them another name",
                    );
                }
            }
        }
        if let Some(batch) = &self.batch {
            match &batch.size.value {
                Number::Fixed(0) => problems.add_with(
                    batch.size.at,
                    "a batch of nothing asks for nothing",
                    "take 1 at least",
                ),
                Number::Fixed(_) => {}
                Number::Filled(template) => {
                    check_references(batch.size.at, template, known, problems);
                }
            }
        }
    }
}

fn check_parent(
    name: &Name,
    parent: &Located<Name>,
    resources: &IndexMap<Name, ResourceDefinition>,
    problems: &mut Problems,
) {
    if !resources.contains_key(&parent.value) {
        let others = resources.keys().filter(|other| *other != name);
        problems.unknown(parent.at, "resource", parent, others.map(AsRef::as_ref));
        return;
    }
    let mut ahead = vec![&parent.value];
    let mut met: HashSet<&Name> = HashSet::new();
    while let Some(next) = ahead.pop() {
        if next == name {
            return problems.add_with(
                parent.at,
                format!("`{name}` would have to be read before itself"),
                "name a parent that does not depend on it",
            );
        }
        let resource = resources.get(next).filter(|_| met.insert(next));
        ahead.extend(
            resource
                .into_iter()
                .flat_map(|resource| resource.for_each.parents()),
        );
    }
}

impl super::ForEach {
    /// The resources that have to be read before this one.
    pub fn parents(&self) -> Vec<&Name> {
        match self {
            super::ForEach::None | super::ForEach::Range(_) => Vec::new(),
            super::ForEach::Listing(listing) => vec![&listing.resource.value],
            super::ForEach::Parents(parents) => {
                let rows = parents.of.iter().filter_map(Source::rows);
                rows.map(|(resource, _)| &resource.value).collect()
            }
        }
    }
}

impl Batch {
    /// Rows joined, so many at a time.
    fn of(&self, rows: &[Parent], size: u64) -> Vec<Parent> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let joined = |rows: &[Parent]| {
            let mut joined: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for (name, value) in rows.iter().flat_map(|row| &row.0) {
                joined.entry(name.clone()).or_default().push(value);
            }
            let joined = joined.into_iter();
            Parent(
                joined
                    .map(|(name, values)| (name, values.join(&self.separator)))
                    .collect(),
            )
        };
        rows.chunks(size).map(joined).collect()
    }
}

impl Parent {
    fn with(&self, other: &Parent) -> Parent {
        let mut both = self.clone();
        both.0.extend(other.0.clone());
        both
    }
}

/// What is taken of the records of a resource.
pub struct Taken<'a> {
    /// Where the records lie.
    pub records: &'a Records,
    /// What is taken, and by which name.
    pub take: &'a IndexMap<Name, Path>,
}

/// Rows of parents, each once.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    rows: Vec<Parent>,
    known: HashSet<Parent>,
    doubled: u64,
}

impl Rows {
    fn push(&mut self, row: Parent) {
        match self.known.insert(row.clone()) {
            true => self.rows.push(row),
            false => self.doubled += 1,
        }
    }

    /// How many rows were doubles of others.
    pub fn doubled(&self) -> u64 {
        self.doubled
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds the rows of one page; `of` is what the page itself was asked for, which comes along.
    pub fn read(&mut self, answer: &Answer, taken: &Taken<'_>, of: &Parent) -> Result<(), Fault> {
        if answer.status == 204 && answer.body.is_empty() {
            return Ok(());
        }
        let body = facts::raw(&answer.body)?;
        let found = facts::records_in(body, taken.records)?;
        for (position, record) in facts::each(found).enumerate() {
            let mut row = of.clone();
            row.0.remove(super::ID);
            for (name, path) in taken.take {
                let value = facts::find(record, path).and_then(written).ok_or_else(|| {
                    Fault::rejected(format!(
                        "record {position} of the parent has neither text nor whole number at `{path}`"
                    ))
                })?;
                row.0.insert(format!("{PARENT}{name}"), value);
            }
            self.push(row);
        }
        Ok(())
    }

    /// In one order whatever the source's.
    fn sorted(mut self) -> Vec<Parent> {
        fn sizes(row: &Parent) -> impl Iterator<Item = (u8, u64, &str)> {
            row.0.values().map(|value| by_size(value))
        }
        self.rows
            .sort_by(|one, another| sizes(one).cmp(sizes(another)));
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;
    use crate::for_each::ForEach;

    fn parents(yaml: &str) -> Parents {
        let decoded = decode::<ForEach>(yaml);
        assert!(
            decoded.problems.is_empty(),
            "{}",
            decoded.problems.render("p", yaml)
        );
        match decoded.value {
            Some(ForEach::Parents(parents)) => parents,
            other => panic!("{other:?}"),
        }
    }

    /// The combinations, given the pages of each parent that is a resource.
    fn combined(yaml: &str, pages: &[&str]) -> Result<Vec<String>, String> {
        let parents = parents(yaml);
        let values = Values::from([("years".into(), "2026, 2025".into())]);
        let mut pages = pages.iter();
        let mut of = Vec::new();
        for source in &parents.of {
            let listed = source.listed(&values).map_err(|fault| fault.message)?;
            let rows = match (listed, source.rows()) {
                (Some(rows), _) => rows,
                (None, Some((_, take))) => {
                    let mut rows = Rows::default();
                    let answer = Answer {
                        status: 200,
                        headers: Vec::new(),
                        body: pages.next().expect("a page").as_bytes().to_vec(),
                    };
                    let taken = Taken {
                        records: &Records::default(),
                        take,
                    };
                    let read = rows.read(&answer, &taken, &Parent::of_id("x"));
                    read.map_err(|fault| fault.message)?;
                    rows
                }
                (None, None) => panic!("neither"),
            };
            of.push(rows);
        }
        let combined = parents
            .combined(of, &values)
            .map_err(|fault| fault.message)?;
        Ok(combined
            .iter()
            .map(|parent| {
                let values = parent.0.iter();
                let values = values.map(|(name, value)| format!("{name}={value}"));
                values.collect::<Vec<_>>().join(" ").replace(PARENT, "")
            })
            .collect())
    }

    #[test]
    fn every_combination_is_asked_for_in_one_order() {
        let schools = "{ resource: schools, take: { school: $.id } }";
        let page = r#"[{"id": 10}, {"id": "9"}, {"id": 10}]"#;
        for (yaml, pages, expected) in [
            (
                format!("parents: {{ of: [{schools}] }}"),
                &[page][..],
                &["school=9", "school=10"][..],
            ),
            (
                format!("parents: {{ of: [{{ list: [\"{{years}}\"], as: year }}, {schools}] }}"),
                &[page],
                &[
                    "school=9 year=2025",
                    "school=10 year=2025",
                    "school=9 year=2026",
                    "school=10 year=2026",
                ],
            ),
            (
                format!(
                    "parents: {{ of: [{{ list: [b, a], as: k }}, {schools}], batch: {{ size: 2 }} }}"
                ),
                &[r#"[{"id": 3}, {"id": 1}, {"id": 2}]"#],
                &[
                    "k=a school=1,2",
                    "k=a school=3",
                    "k=b school=1,2",
                    "k=b school=3",
                ],
            ),
            (
                format!("parents: {{ of: [{schools}], batch: {{ size: 9, separator: '|' }} }}"),
                &[page],
                &["school=9|10"],
            ),
            (format!("parents: {{ of: [{schools}] }}"), &["[]"], &[]),
            (
                "parents: { of: [{ resource: s, take: { a: $.a.b, c: $.c } }] }".to_owned(),
                &[r#"[{"a": {"b": 1}, "c": "x"}]"#],
                &["a=1 c=x"],
            ),
        ] {
            assert_eq!(combined(&yaml, pages).expect(&yaml), expected, "{yaml}");
        }
        let missing = combined(
            &format!("parents: {{ of: [{schools}] }}"),
            &[r#"[{"id": null}]"#],
        );
        assert!(
            missing
                .expect_err("refused")
                .contains("record 0 of the parent")
        );
    }

    #[test]
    fn what_is_no_parent_is_said_with_a_remedy() {
        for (yaml, part) in [
            ("parents: { of: [{ resource: s }] }", "take: { id: $.id }"),
            ("parents: { of: [{ list: [a] }] }", "as: year"),
            (
                "parents: { of: [{ list: [a], as: x, take: { a: $.a } }] }",
                "keep one of the two pairs",
            ),
            ("parents: { of: [{ as: x }] }", "a parent is a `resource`"),
        ] {
            let shown = decode::<ForEach>(yaml).problems.render("p", yaml);
            assert!(shown.contains(part), "{yaml}: {shown}");
        }
    }
}
