//! Checks: what must hold of a run's rows before anybody sees them, each as a question in SQL and a verdict.
//!
//! A question answers with one row of one or two counts, in the SQL that all our warehouses share; its sample
//! shows up to [`SAMPLE_ROWS`] of the rows that fail.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::known::Known;
use crate::model::{Scope, SqlFile};
use crate::name::Name;
use crate::problem::{Located, Location, Problems};
use crate::share::Share;
use crate::sql::{Literal, Relation, identifier, identifiers};
use crate::value::Value;

/// How many failing rows a check shows.
pub const SAMPLE_ROWS: usize = 20;

/// Check.
///
/// What must hold of a table's new rows before they are published: a table and exactly one kind of check.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct Check {
    /// The table whose rows are checked.
    pub table: Located<Name>,
    name: Option<String>,
    /// What a failure does.
    pub severity: Severity,
    /// Which rows are checked.
    pub over: Over,
    /// What must hold.
    pub kind: Kind,
}

/// Severity.
///
/// What a failed check does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is published.
    #[default]
    Error,
    /// It is reported.
    Warn,
}

/// Checked rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// The rows of the run's windows (of a table without windows: all rows).
    #[default]
    Window,
    /// All rows that the table will have.
    Table,
}

/// What must hold of a table.
#[derive(Debug, Clone)]
pub enum Kind {
    /// No two rows are equal in these columns; rows with a null among them are not compared.
    Unique(Vec<Located<Name>>),
    /// No value of these columns is missing.
    NotNull(Vec<Located<Name>>),
    /// Values are among the listed ones.
    AcceptedValues(AcceptedValues),
    /// Values are within bounds.
    Range(Range),
    /// Values are found in another table.
    ForeignKey(ForeignKey),
    /// The number of rows is within bounds.
    RowCount(RowCount),
    /// Few values are missing.
    NullShare(NullShare),
    /// No column is without any value.
    Filled(Filled),
    /// A condition holds of every row.
    EveryRow(String),
    /// A query finds nothing.
    NoRows(Query),
    /// Few records were dropped on the way.
    DropShare(DropShare),
    /// Two tables of pairs hold the same pairs.
    Symmetric(Symmetric),
}

/// A check as it is written: all kinds are keys beside `table`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Check")]
struct Written {
    /// The table.
    ///
    /// A table of this pipeline.
    table: Located<Name>,
    /// The check's name in reports.
    ///
    /// Made from table, columns and kind where nothing is said.
    name: Option<String>,
    /// What a failure does.
    ///
    /// `error` (publishes nothing) where nothing is said, or `warn`.
    #[serde(default)]
    severity: Severity,
    /// Which rows are checked.
    ///
    /// `window`: those of the run's windows; `table`: all that the table will have.
    #[serde(default)]
    over: Over,
    /// Unique.
    ///
    /// No two rows are equal in these columns.
    unique: Option<Vec<Located<Name>>>,
    /// Not null.
    ///
    /// No value of these columns is missing.
    not_null: Option<Vec<Located<Name>>>,
    /// Accepted values.
    accepted_values: Option<AcceptedValues>,
    /// Range.
    range: Option<Range>,
    /// Foreign key.
    foreign_key: Option<ForeignKey>,
    /// Row count.
    row_count: Option<RowCount>,
    /// Share of nulls.
    null_share: Option<NullShare>,
    /// Filled.
    filled: Option<Filled>,
    /// Every row.
    ///
    /// A condition in SQL that no row contradicts, such as `(rating IS NULL) = (votes = 0)`.
    every_row: Option<String>,
    /// No rows.
    no_rows: Option<Query>,
    /// Share of dropped records.
    drop_share: Option<DropShare>,
    /// Symmetric.
    symmetric: Option<Symmetric>,
}

/// Accepted values.
///
/// A column holds no value but these; null is none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptedValues {
    /// The column.
    pub column: Located<Name>,
    /// The values.
    pub values: Vec<Literal>,
}

/// Range.
///
/// A column's values are within bounds, which belong to the range; dates and times are written in ISO 8601.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The column.
    pub column: Located<Name>,
    /// The lowest good value.
    pub at_least: Option<Literal>,
    /// The highest good value.
    pub at_most: Option<Literal>,
}

/// Foreign key.
///
/// What the columns hold is found in another table; rows with a null among them are not looked up.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForeignKey {
    /// The columns.
    pub columns: Vec<Located<Name>>,
    /// The columns that they refer to.
    ///
    /// `table.column`; of several, one for each of `columns`, all of one table: `table.a, table.b`.
    pub references: Located<References>,
}

/// The columns of another table, `table.column` or `table.a, table.b`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct References {
    table: Name,
    columns: Vec<Name>,
}

/// Row count.
///
/// The number of rows is within bounds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowCount {
    /// The fewest good rows.
    pub at_least: Option<u64>,
    /// The most good rows.
    pub at_most: Option<u64>,
    /// The largest good change.
    ///
    /// Up or down, as a share of what was published last (of the window before, where rows belong to windows).
    pub change_at_most: Option<Share>,
    /// The smallest good share of what was published last.
    ///
    /// `90%`: a run that brings less than nine rows for ten publishes nothing. Compared as `change_at_most` is;
    /// where the table is in PostgreSQL too, with the larger of both.
    pub at_least_of_last: Option<Share>,
}

/// Share of nulls.
///
/// No more than a share of a column's values is missing.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NullShare {
    /// The column.
    pub column: Located<Name>,
    /// The largest good share.
    pub at_most: Share,
}

/// Filled.
///
/// Each column has a value in at least one row: a source that renames a field would otherwise empty it unseen.
/// Tables without rows are not asked.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filled {
    /// The columns; all of the table where nothing is said.
    #[serde(default)]
    pub columns: Vec<Located<Name>>,
    /// Those that may be without any value.
    #[serde(default)]
    pub except: Vec<Located<Name>>,
}

/// No rows.
///
/// A query that finds what must not be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// The query.
    ///
    /// A file of the pipeline's folder, such as `checks/orphans.sql`, or the query itself; `{{ ref('gins') }}`
    /// names a table.
    pub sql: Located<String>,
}

/// Share of dropped records.
///
/// No more than a share of the records read for a table was filtered out or rejected.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropShare {
    /// The largest good share.
    pub at_most: Share,
    /// The fewest records read that a share is taken of; of fewer, any share is good.
    #[serde(default)]
    pub from: u64,
}

/// Symmetric.
///
/// Two tables hold the same pairs, as where a source lists a relation from both of its ends.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Symmetric {
    /// The columns of the pair.
    pub columns: Vec<Located<Name>>,
    /// The other table.
    pub with: Located<Name>,
    /// Its columns, in the order of `columns`.
    pub with_columns: Vec<Located<Name>>,
}

impl TryFrom<String> for References {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("`{text}` refers to no column; write `table.column`");
        let mut references: Option<References> = None;
        for reference in text.split(',') {
            let (table, column) = reference.trim().split_once('.').ok_or_else(bad)?;
            let table = Name::new(table).map_err(|_| bad())?;
            let column = Name::new(column).map_err(|_| bad())?;
            match &mut references {
                None => {
                    references = Some(References {
                        table,
                        columns: vec![column],
                    })
                }
                Some(known) if known.table == table => known.columns.push(column),
                Some(_) => return Err(format!("`{text}` refers to several tables; name one")),
            }
        }
        references.ok_or_else(bad)
    }
}

impl From<References> for String {
    fn from(references: References) -> String {
        let References { table, columns } = references;
        let all: Vec<String> = columns
            .iter()
            .map(|name| format!("{table}.{name}"))
            .collect();
        all.join(", ")
    }
}

impl TryFrom<Written> for Check {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let kinds = [
            written.unique.map(Kind::Unique),
            written.not_null.map(Kind::NotNull),
            written.accepted_values.map(Kind::AcceptedValues),
            written.range.map(Kind::Range),
            written.foreign_key.map(Kind::ForeignKey),
            written.row_count.map(Kind::RowCount),
            written.null_share.map(Kind::NullShare),
            written.filled.map(Kind::Filled),
            written.every_row.map(Kind::EveryRow),
            written.no_rows.map(Kind::NoRows),
            written.drop_share.map(Kind::DropShare),
            written.symmetric.map(Kind::Symmetric),
        ];
        let mut kinds = kinds.into_iter().flatten();
        match (kinds.next(), kinds.next()) {
            (Some(kind), None) => Ok(Check {
                table: written.table,
                name: written.name,
                severity: written.severity,
                over: written.over,
                kind,
            }),
            (None, _) => Err("the check says nothing that must hold; add one of unique, not_null, accepted_values, range, foreign_key, row_count, null_share, filled, every_row, no_rows, drop_share, symmetric".to_owned()),
            _ => Err("the check is of several kinds; write a check for each".to_owned()),
        }
    }
}

/// What is known of a table beside its rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    /// The rows to compare with; none where nothing was published before.
    pub published_rows: Option<u64>,
    /// The records that were read for the table.
    pub parsed: u64,
    /// Those of them that were filtered out or rejected.
    pub dropped: u64,
}

/// What a warehouse is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Answers one row of one or two counts.
    pub count: String,
    /// Answers rows that fail; none where there is nothing to show.
    pub sample: Option<String>,
}

/// Whether a check passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It holds.
    Passed,
    /// It does not hold, and is only reported.
    Warned,
    /// It does not hold, and nothing is published.
    Failed,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check.
    pub name: String,
    /// The table.
    pub table: String,
    /// Whether it passed.
    pub status: Status,
    /// The number it stands on: failing rows, rows, nulls or dropped records, by kind.
    pub figure: u64,
    /// The figure and the bound in words.
    pub message: String,
    /// Rows that fail, by column name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sample: Vec<serde_json::Map<String, serde_json::Value>>,
}

impl References {
    /// The table.
    pub fn table(&self) -> &Name {
        &self.table
    }

    /// Its columns.
    pub fn columns(&self) -> &[Name] {
        &self.columns
    }
}

impl Check {
    /// The checks that a table's key stands for: no value of it is missing, no two rows share it.
    pub fn of_key(table: &Name, key: &[Name]) -> Vec<Check> {
        if key.is_empty() {
            return Vec::new();
        }
        let located = |name: &Name| Located {
            value: name.clone(),
            at: Location::default(),
        };
        let columns: Vec<Located<Name>> = key.iter().map(located).collect();
        [Kind::NotNull(columns.clone()), Kind::Unique(columns)]
            .map(|kind| Check {
                table: located(table),
                name: None,
                severity: Severity::Error,
                over: Over::Window,
                kind,
            })
            .into()
    }

    /// The check with its columns named, where it is for all columns that the table declares.
    #[must_use]
    pub fn over_columns<'a>(mut self, declared: impl Iterator<Item = &'a Name>) -> Self {
        if let Kind::Filled(filled) = &mut self.kind
            && filled.columns.is_empty()
        {
            let is_excepted = |name: &Name| filled.except.iter().any(|one| one.value == *name);
            let asked = declared.filter(|name| !is_excepted(name));
            let at = self.table.at;
            let asked = asked.map(|name| Located {
                value: name.clone(),
                at,
            });
            filled.columns = asked.collect();
        }
        self
    }

    /// The check's name.
    pub fn name(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let mut parts = vec![self.table.to_string()];
        parts.extend(
            self.kind
                .columns()
                .iter()
                .map(|name| name.value.to_string()),
        );
        parts.push(self.kind.name().to_owned());
        parts.join("_")
    }

    /// The file of SQL that the check refers to, if it does.
    pub fn file(&self) -> Option<&str> {
        match &self.kind {
            Kind::NoRows(query) => query.file(),
            _ => None,
        }
    }

    /// Notes what does not fit the rest of the definition.
    pub fn check(&self, known: &Known, problems: &mut Problems) {
        known.check_table(&self.table, problems);
        known.check_columns(&self.table, self.kind.columns(), problems);
        let at = self.table.at;
        match &self.kind {
            Kind::Unique(columns) | Kind::NotNull(columns) if columns.is_empty() => {
                problems.add_with(at, "the check names no column", "name one or more");
            }
            Kind::Range(Range {
                at_least: None,
                at_most: None,
                ..
            }) => {
                problems.add_with(at, "the range has no bound", "add `at_least` or `at_most`");
            }
            Kind::RowCount(RowCount {
                at_least: None,
                at_most: None,
                change_at_most: None,
                at_least_of_last: None,
            }) => {
                let remedy = "add `at_least`, `at_most`, `change_at_most` or `at_least_of_last`";
                problems.add_with(at, "the row count has no bound", remedy);
            }
            Kind::AcceptedValues(accepted) if accepted.values.is_empty() => {
                problems.add(accepted.column.at, "no value is accepted");
            }
            Kind::Filled(filled) => {
                known.check_columns(&self.table, &filled.except, problems);
                if filled.columns.is_empty() && !known.knows_columns(&self.table) {
                    let remedy = "name them: `filled: { columns: [a, b] }`";
                    problems.add_with(at, "the columns of the table are not known ahead", remedy);
                }
            }
            Kind::ForeignKey(key) => key.check(known, problems),
            Kind::Symmetric(symmetric) => symmetric.check(known, problems),
            Kind::NoRows(query) => query.check(problems),
            _ => {}
        }
    }

    /// What the warehouse is to be asked; none where the answer is in the [`Facts`].
    ///
    /// `scope` knows where tables are, `files` the text of the SQL files by path, `key` the table's key (shown
    /// in samples).
    pub fn question(
        &self,
        scope: &Scope,
        files: &dyn Fn(&str) -> Option<String>,
        key: &[String],
    ) -> Result<Option<Question>, String> {
        let here = relation(scope, &self.table)?;
        let table = here.quoted();
        let question = match &self.kind {
            Kind::Unique(columns) => unique(&table, &names(columns)),
            Kind::NotNull(columns) => {
                let names = names(columns);
                let nulls = names
                    .iter()
                    .map(|name| format!("{} IS NULL", identifier(name)));
                rows_where(&table, &join(nulls, " OR "), key, &names)
            }
            Kind::AcceptedValues(accepted) => {
                let column = identifier(&accepted.column);
                let values = join(accepted.values.iter().map(Literal::sql), ", ");
                let bad = format!("{column} NOT IN ({values})");
                rows_where(&table, &bad, key, &[&accepted.column])
            }
            Kind::Range(range) => rows_where(&table, &range.bad(), key, &[&range.column]),
            Kind::ForeignKey(foreign) => {
                let there = relation(scope, &foreign.references.table)?.quoted();
                let columns = names(&foreign.columns);
                let theirs: Vec<&str> = foreign.references.columns.iter().map(|n| &**n).collect();
                let bad = missing_in(&columns, &there, &theirs);
                rows_where(&table, &bad, key, &columns)
            }
            Kind::RowCount(_) => Question {
                count: format!("SELECT COUNT(*) AS failing FROM {table}"),
                sample: None,
            },
            Kind::NullShare(share) => {
                let column = identifier(&share.column);
                Question {
                    count: format!(
                        "SELECT COUNT(*) - COUNT({column}) AS failing, COUNT(*) AS total FROM {table}"
                    ),
                    sample: None,
                }
            }
            Kind::Filled(filled) => {
                let columns = names(&filled.columns).into_iter().map(identifier);
                let counts = columns.map(|column| format!("COUNT({column}) AS {column}"));
                Question {
                    count: format!(
                        "SELECT {} FROM {table}",
                        join(
                            std::iter::once("COUNT(*) AS \"_rows\"".to_owned()).chain(counts),
                            ", "
                        )
                    ),
                    sample: None,
                }
            }
            Kind::EveryRow(condition) => {
                let bad = format!("NOT ({condition}\n)");
                whole_rows_where(&table, &bad)
            }
            Kind::NoRows(query) => {
                let text = query.text(files)?;
                let rendered = scope.render(&text);
                let sql = rendered.map_err(|error| format!("{}: {}", error.line, error.message))?;
                of_query(&sql.sql)
            }
            Kind::DropShare(_) => return Ok(None),
            Kind::Symmetric(symmetric) => {
                let there = relation(scope, &symmetric.with)?.quoted();
                symmetric.question(&table, &there)
            }
        };
        Ok(Some(question))
    }

    /// The verdict, from the counts that the question answered.
    pub fn judge(&self, counts: &[u64], facts: &Facts) -> CheckResult {
        let first = counts.first().copied().unwrap_or(0);
        let total = counts.get(1).copied().unwrap_or(0);
        let (figure, complaint) = match &self.kind {
            Kind::RowCount(bounds) => (first, bounds.complaint(first, facts.published_rows)),
            Kind::NullShare(share) => {
                let bad = share.at_most.is_exceeded(first, total);
                let message = format!("{first} of {total} are null, good are {}", share.at_most);
                (first, bad.then_some(message))
            }
            Kind::Filled(filled) => {
                let counted = filled.columns.iter().zip(counts.iter().skip(1));
                let empty: Vec<&str> = counted
                    .filter(|(_, count)| **count == 0 && first > 0)
                    .map(|(name, _)| name.value.as_ref())
                    .collect();
                let message = format!("no row has a value of {}", empty.join(", "));
                (empty.len() as u64, (!empty.is_empty()).then_some(message))
            }
            Kind::DropShare(share) => {
                let Facts {
                    parsed, dropped, ..
                } = *facts;
                let bad = parsed >= share.from && share.at_most.is_exceeded(dropped, parsed);
                let message = format!(
                    "{dropped} of {parsed} records were dropped, good are {}",
                    share.at_most
                );
                (dropped, bad.then_some(message))
            }
            _ => (first, (first > 0).then(|| failing(first))),
        };
        let status = match (&complaint, self.severity) {
            (None, _) => Status::Passed,
            (Some(_), Severity::Warn) => Status::Warned,
            (Some(_), Severity::Error) => Status::Failed,
        };
        CheckResult {
            name: self.name(),
            table: self.table.to_string(),
            status,
            figure,
            message: complaint.unwrap_or_else(|| "holds".to_owned()),
            sample: Vec::new(),
        }
    }
}

fn failing(rows: u64) -> String {
    match rows {
        1 => "1 row fails".to_owned(),
        _ => format!("{rows} rows fail"),
    }
}

impl CheckResult {
    /// Adds a failing row to what is shown.
    pub fn show(&mut self, columns: &[String], row: &[Value]) {
        let cells = columns.iter().zip(row);
        let cells = cells.map(|(name, value)| {
            // Exact as text where JSON's numbers would not be.
            let value = match value {
                Value::Decimal(text) => text.clone().into(),
                other => serde_json::to_value(other).unwrap_or_default(),
            };
            (name.clone(), value)
        });
        self.sample.push(cells.collect());
    }
}

impl fmt::Display for CheckResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.name, self.message)
    }
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Kind::Unique(_) => "unique",
            Kind::NotNull(_) => "not_null",
            Kind::AcceptedValues(_) => "accepted_values",
            Kind::Range(_) => "range",
            Kind::ForeignKey(_) => "foreign_key",
            Kind::RowCount(_) => "row_count",
            Kind::NullShare(_) => "null_share",
            Kind::Filled(_) => "filled",
            Kind::EveryRow(_) => "every_row",
            Kind::NoRows(_) => "no_rows",
            Kind::DropShare(_) => "drop_share",
            Kind::Symmetric(_) => "symmetric",
        }
    }

    /// The columns of the checked table that are named.
    fn columns(&self) -> Vec<&Located<Name>> {
        match self {
            Kind::Unique(columns) | Kind::NotNull(columns) => columns.iter().collect(),
            Kind::AcceptedValues(accepted) => vec![&accepted.column],
            Kind::Range(range) => vec![&range.column],
            Kind::NullShare(share) => vec![&share.column],
            Kind::ForeignKey(key) => key.columns.iter().collect(),
            Kind::Symmetric(symmetric) => symmetric.columns.iter().collect(),
            // Its name does not name all of them.
            Kind::Filled(_) => Vec::new(),
            Kind::RowCount(_) | Kind::EveryRow(_) | Kind::NoRows(_) | Kind::DropShare(_) => {
                Vec::new()
            }
        }
    }
}

impl Range {
    /// The condition of a value out of bounds. Written as “not within”, so that NaN is out of them.
    fn bad(&self) -> String {
        let column = identifier(&self.column);
        let lower = self
            .at_least
            .iter()
            .map(|l| format!("{column} >= {}", l.bound_sql()));
        let upper = self
            .at_most
            .iter()
            .map(|l| format!("{column} <= {}", l.bound_sql()));
        format!("NOT ({})", join(lower.chain(upper), " AND "))
    }
}

impl RowCount {
    fn complaint(&self, rows: u64, before: Option<u64>) -> Option<String> {
        if let Some(least) = self.at_least.filter(|least| rows < *least) {
            return Some(format!("{rows} rows, good are {least} or more"));
        }
        if let Some(most) = self.at_most.filter(|most| rows > *most) {
            return Some(format!("{rows} rows, good are {most} or fewer"));
        }
        let before = before?;
        if let Some(share) = self.at_least_of_last
            && share.is_missed(rows, before)
        {
            return Some(format!(
                "{rows} rows after {before}, good are {share} or more"
            ));
        }
        let share = self.change_at_most?;
        let exceeded = share.is_exceeded(rows.abs_diff(before), before) && rows != before;
        exceeded.then(|| format!("{rows} rows after {before}, a good change is {share}"))
    }
}

impl ForeignKey {
    fn check(&self, known: &Known, problems: &mut Problems) {
        let References { table, columns } = &self.references.value;
        let at = self.references.at;
        let located = |name: &Name| Located {
            value: name.clone(),
            at,
        };
        known.check_table(&located(table), problems);
        let theirs: Vec<Located<Name>> = columns.iter().map(located).collect();
        known.check_columns(table, &theirs, problems);
        same_number(self.columns.len(), columns.len(), at, problems);
    }
}

impl Symmetric {
    fn check(&self, known: &Known, problems: &mut Problems) {
        known.check_table(&self.with, problems);
        known.check_columns(&self.with, &self.with_columns, problems);
        same_number(
            self.columns.len(),
            self.with_columns.len(),
            self.with.at,
            problems,
        );
    }

    fn question(&self, here: &str, there: &str) -> Question {
        let (ours, theirs) = (names(&self.columns), names(&self.with_columns));
        let select = |from: &str, columns: &[&str], other: &str, other_columns: &[&str]| {
            let named = columns.iter().zip(&ours);
            let named =
                named.map(|(from, to)| format!("{} AS {}", identifier(from), identifier(to)));
            let bad = missing_in(columns, other, other_columns);
            format!("SELECT {} FROM {from} AS t WHERE {bad}", join(named, ", "))
        };
        let missing_there = select(here, &ours, there, &theirs);
        let missing_here = select(there, &theirs, here, &ours);
        of_query(&format!("{missing_there} UNION ALL {missing_here}"))
    }
}

impl Query {
    /// The file that holds the query, if it is not written here.
    pub fn file(&self) -> Option<&str> {
        let text = self.sql.trim();
        (text.ends_with(".sql") && !text.contains(char::is_whitespace)).then_some(text)
    }

    fn check(&self, problems: &mut Problems) {
        let file = self.file().map(|path| SqlFile::try_from(path.to_owned()));
        if let Some(Err(mistake)) = file {
            let (fact, remedy) = mistake.split_once("; ").unwrap_or((&mistake, ""));
            problems.add_with(self.sql.at, fact, remedy);
        }
    }

    fn text(&self, files: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
        match self.file() {
            None => Ok(self.sql.value.clone()),
            Some(path) => files(path)
                .ok_or_else(|| format!("there is no file `{path}` in the pipeline's folder")),
        }
    }
}

fn same_number(ours: usize, theirs: usize, at: Location, problems: &mut Problems) {
    if ours != theirs || ours == 0 {
        problems.add_with(
            at,
            format!("{ours} columns are compared with {theirs}"),
            "name as many columns on both sides, one at least",
        );
    }
}

fn relation(scope: &Scope, table: &str) -> Result<Relation, String> {
    let found = scope.relations.get(table).cloned();
    found.ok_or_else(|| format!("there is no table `{table}`"))
}

fn unique(table: &str, columns: &[&str]) -> Question {
    let listed = identifiers(columns);
    let present = join(
        columns
            .iter()
            .map(|name| format!("{} IS NOT NULL", identifier(name))),
        " AND ",
    );
    let groups = format!("FROM {table} WHERE {present} GROUP BY {listed} HAVING COUNT(*) > 1");
    Question {
        count: format!(
            "SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) AS failing FROM (SELECT COUNT(*) AS n {groups}) AS d"
        ),
        sample: Some(format!(
            "SELECT {listed}, COUNT(*) AS \"rows\" {groups} ORDER BY {listed} LIMIT {SAMPLE_ROWS}"
        )),
    }
}

/// Rows that fail, shown by key and by the columns in question: no more of a record than is needed.
fn rows_where(table: &str, bad: &str, key: &[String], columns: &[&str]) -> Question {
    let mut shown: Vec<&str> = key.iter().map(String::as_str).collect();
    let in_key = |name: &&&str| !key.iter().any(|part| part == **name);
    shown.extend(columns.iter().filter(in_key));
    let shown = identifiers(&shown);
    Question {
        count: format!("SELECT COUNT(*) AS failing FROM {table} AS t WHERE {bad}"),
        sample: Some(format!(
            "SELECT {shown} FROM {table} AS t WHERE {bad} ORDER BY {shown} LIMIT {SAMPLE_ROWS}"
        )),
    }
}

fn whole_rows_where(table: &str, bad: &str) -> Question {
    of_query(&format!("SELECT * FROM {table} WHERE {bad}"))
}

fn of_query(sql: &str) -> Question {
    // The query may end in a comment.
    Question {
        count: format!("SELECT COUNT(*) AS failing FROM ({sql}\n) AS q"),
        sample: Some(format!("SELECT * FROM ({sql}\n) AS q LIMIT {SAMPLE_ROWS}")),
    }
}

/// The condition of a row of `t` whose columns are all there but not found in another table.
fn missing_in(columns: &[&str], there: &str, theirs: &[&str]) -> String {
    let pairs = columns.iter().zip(theirs);
    let equal = pairs
        .map(|(ours, theirs)| format!("found.{} = t.{}", identifier(theirs), identifier(ours)));
    let present = columns
        .iter()
        .map(|name| format!("t.{} IS NOT NULL", identifier(name)));
    let equal = join(equal, " AND ");
    format!(
        "{} AND NOT EXISTS (SELECT 1 FROM {there} AS found WHERE {equal})",
        join(present, " AND ")
    )
}

fn names(columns: &[Located<Name>]) -> Vec<&str> {
    columns.iter().map(|name| &*name.value).collect()
}

fn join(parts: impl Iterator<Item = String>, between: &str) -> String {
    parts.collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;

    fn known() -> Known {
        let mut known = Known::default();
        known.add("gins", ["id", "type", "abv"]);
        known.add("pairs", ["id", "tonic"]);
        known
    }

    fn scope() -> Scope {
        let mut scope = Scope::default();
        for table in ["gins", "pairs"] {
            let relation = Relation::new("d", table);
            scope.relations.insert(table.to_owned(), relation);
        }
        scope
    }

    fn check(text: &str) -> Check {
        let decoded = decode::<Check>(text);
        let mut problems = decoded.problems;
        let check = decoded.value.expect("a check");
        check.check(&known(), &mut problems);
        assert!(problems.is_empty(), "{text}: {problems:?}");
        check
    }

    #[test]
    fn every_kind_asks_its_question() {
        let mut shown = String::new();
        for text in [
            "{ table: gins, unique: [id, type] }",
            "{ table: gins, not_null: [type] }",
            "{ table: gins, accepted_values: { column: type, values: [gin, \"it's\", 1] } }",
            "{ table: gins, range: { column: abv, at_least: 0, at_most: 99.5 } }",
            "{ table: pairs, foreign_key: { columns: [id, tonic], references: \"gins.id, gins.abv\" } }",
            "{ table: gins, row_count: { at_least: 1 } }",
            "{ table: gins, null_share: { column: abv, at_most: 1% } }",
            "{ table: gins, every_row: \"abv > 0 OR type = 'x'\" }",
            "{ table: gins, no_rows: { sql: \"SELECT * FROM {{ ref('gins') }} WHERE id < 0;\" } }",
            "{ table: pairs, symmetric: { columns: [id, tonic], with: gins, with_columns: [abv, id] } }",
        ] {
            let check = check(text);
            let question = check.question(&scope(), &|_| None, &["id".to_owned()]);
            let question = question.expect(text).expect(text);
            shown += &format!("{}\n  {}\n", check.name(), question.count);
            if let Some(sample) = question.sample {
                shown += &format!("  {sample}\n");
            }
        }
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn the_verdict_follows_from_the_counts() {
        let facts = Facts {
            published_rows: Some(100),
            parsed: 200,
            dropped: 3,
        };
        for (text, counts, status, message) in [
            ("unique: [id]", &[0][..], Status::Passed, "holds"),
            ("unique: [id]", &[2], Status::Failed, "2 rows fail"),
            (
                "severity: warn, unique: [id]",
                &[1],
                Status::Warned,
                "1 row fails",
            ),
            ("row_count: { at_least: 5 }", &[5], Status::Passed, "holds"),
            (
                "row_count: { at_least: 5 }",
                &[4],
                Status::Failed,
                "4 rows, good are 5 or more",
            ),
            (
                "row_count: { at_most: 5 }",
                &[6],
                Status::Failed,
                "6 rows, good are 5 or fewer",
            ),
            (
                "row_count: { change_at_most: 10% }",
                &[90],
                Status::Passed,
                "holds",
            ),
            (
                "row_count: { change_at_most: 10% }",
                &[89],
                Status::Failed,
                "89 rows after 100, a good change is 10%",
            ),
            (
                "row_count: { change_at_most: 10% }",
                &[0],
                Status::Failed,
                "0 rows after 100, a good change is 10%",
            ),
            (
                "row_count: { change_at_most: 10% }",
                &[1000],
                Status::Failed,
                "1000 rows after 100, a good change is 10%",
            ),
            (
                "row_count: { at_least_of_last: 90% }",
                &[90],
                Status::Passed,
                "holds",
            ),
            (
                "row_count: { at_least_of_last: 90% }",
                &[89],
                Status::Failed,
                "89 rows after 100, good are 90% or more",
            ),
            (
                "row_count: { at_least_of_last: 90% }",
                &[1000],
                Status::Passed,
                "holds",
            ),
            (
                "filled: { columns: [id, abv, country_id] }",
                &[2, 2, 0, 0],
                Status::Failed,
                "no row has a value of abv, country_id",
            ),
            (
                "filled: { columns: [id, abv] }",
                &[0, 0, 0],
                Status::Passed,
                "holds",
            ),
            (
                "null_share: { column: abv, at_most: 5% }",
                &[5, 100],
                Status::Passed,
                "holds",
            ),
            (
                "null_share: { column: abv, at_most: 5% }",
                &[6, 100],
                Status::Failed,
                "6 of 100 are null, good are 5%",
            ),
            (
                "null_share: { column: abv, at_most: 5% }",
                &[0, 0],
                Status::Passed,
                "holds",
            ),
            (
                "drop_share: { at_most: 1% }",
                &[],
                Status::Failed,
                "3 of 200 records were dropped, good are 1%",
            ),
            ("drop_share: { at_most: 2% }", &[], Status::Passed, "holds"),
        ] {
            let result = check(&format!("{{ table: gins, {text} }}")).judge(counts, &facts);
            assert_eq!(
                (result.status, result.message.as_str()),
                (status, message),
                "{text}"
            );
        }
    }

    #[test]
    fn a_first_publish_has_nothing_to_be_compared_with() {
        let check = check("{ table: gins, row_count: { change_at_most: 10% } }");
        assert_eq!(check.judge(&[5], &Facts::default()).status, Status::Passed);
    }

    #[test]
    fn mistakes_are_said_at_their_places() {
        let text = "- { table: gin, unique: [id] }\n- { table: gins, uniqe: [id] }\n- { table: gins }\n- { table: gins, unique: [id], not_null: [id] }\n- { table: gins, unique: [] }\n- { table: gins, unique: [ids] }\n- { table: gins, range: { column: abv } }\n- { table: pairs, foreign_key: { columns: [id], references: gins.ids } }\n- { table: pairs, foreign_key: { columns: [id, tonic], references: gins.id } }\n- { table: pairs, foreign_key: { columns: [id], references: gins } }\n- { table: gins, null_share: { column: abv, at_most: few } }\n- { table: gins, no_rows: { sql: ../x.sql } }\n";
        let decoded = decode::<Vec<Check>>(text);
        let mut problems = decoded.problems;
        for check in decoded.value.expect("fits") {
            check.check(&known(), &mut problems);
        }
        insta::assert_snapshot!(problems.render("p.yaml", text));
    }

    #[test]
    fn a_key_stands_for_two_checks() {
        let name = |text: &str| Name::new(text).expect("a name");
        let checks = Check::of_key(&name("gins"), &[name("id")]);
        let names: Vec<String> = checks.iter().map(Check::name).collect();
        assert_eq!(names, ["gins_id_not_null", "gins_id_unique"]);
        assert!(Check::of_key(&name("gins"), &[]).is_empty());
    }
}
