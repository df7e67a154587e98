//! How a published table becomes what a run has staged for it: what is altered before, and what one transaction does.

use super::kind::SqlType;
use super::literal::text;
use super::staging::{StagedTable, WantedColumn};
use crate::destination::sql::{Drift, Mode};
use crate::fault::Fault;
use crate::sql::{Relation, identifier, identifiers};

/// A table as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is: `r` for a plain table.
    pub kind: String,
    /// Its columns, in order.
    pub columns: Vec<FoundColumn>,
}

/// A column as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: SqlType,
    /// Whether no value of it may be missing.
    pub not_null: bool,
    /// Whether Redshift fills it by itself where nothing is said.
    pub has_default: bool,
}

/// What is to be done to a published table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Makes room for what the rows bring, each by itself: readers see a column more, which is empty. Redshift
    /// lengthens a text in no transaction.
    pub evolve: Vec<String>,
    /// Changes the rows, within the one transaction.
    pub rows: Vec<String>,
    /// Answers rows with `n` and `wanted`, which must be the same at the end of the transaction.
    pub balance: Option<String>,
    /// Comments, for what is new.
    pub comments: Vec<String>,
}

/// Asks what tables are: a row for each column, with the name and kind of its table. The catalogue alone is
/// asked: Redshift does not join it with tables.
pub fn found(relations: &[Relation]) -> String {
    let places: Vec<String> = relations
        .iter()
        .map(|relation| {
            format!(
                "(n.nspname = {} AND c.relname = {})",
                text(&relation.database),
                text(&relation.table)
            )
        })
        .collect();
    format!(
        "SELECT CAST(n.nspname AS varchar(128)) AS place, CAST(c.relname AS varchar(128)) AS relation, \
         CASE WHEN c.relkind = 'r' THEN 'r' ELSE 'other' END AS kind, CAST(a.attname AS varchar(128)) AS name, \
         CAST(format_type(a.atttypid, a.atttypmod) AS varchar(128)) AS type, \
         CASE WHEN a.attnotnull THEN 1 ELSE 0 END AS not_null, CASE WHEN a.atthasdef THEN 1 ELSE 0 END AS has_default \
         FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_attribute AS a ON a.attrelid = c.oid \
         WHERE a.attnum > 0 AND NOT a.attisdropped AND ({}) ORDER BY 1, 2, a.attnum",
        places.join(" OR ")
    )
}

/// One column that is written: its name, and the expression over the staging table that gives its value.
struct Written {
    name: String,
    value: String,
}

impl Change {
    /// The change of a table, with as many rows as wait for it; `there` is the table, unless it is new.
    pub fn of(
        table: &StagedTable,
        rows: u64,
        there: Option<&Found>,
        mode: Mode,
        drift: Drift,
    ) -> Result<Self, Fault> {
        if mode == Mode::Upsert && table.key.is_empty() {
            return Err(Fault::bad_definition(format!(
                "`{}` is to be changed row by row, but has no key; declare its `key`",
                table.target.table
            )));
        }
        let mut change = Change {
            evolve: Vec::new(),
            rows: Vec::new(),
            balance: None,
            comments: Vec::new(),
        };
        let written = match there {
            None => {
                change.rows.push(create(table));
                change.comments = comments(table, |_| true);
                table.columns.iter().map(|c| as_wanted(table, c)).collect()
            }
            Some(there) => change.fit(table, there, mode, drift)?,
        };
        let (target, staging) = (table.target.quoted(), table.staging.quoted());
        if there.is_some() {
            match mode {
                Mode::Replace => change.rows.push(format!("DELETE FROM {target}")),
                Mode::Append => {}
                Mode::Upsert => change.rows.push(format!(
                    "DELETE FROM {target} USING {staging} WHERE {}",
                    same_key(table)
                )),
            }
        }
        let names: Vec<&str> = written.iter().map(|column| column.name.as_str()).collect();
        let values: Vec<&str> = written.iter().map(|column| column.value.as_str()).collect();
        change.rows.push(format!(
            "INSERT INTO {target} ({}) SELECT {} FROM {staging}",
            identifiers(&names),
            values.join(", ")
        ));
        change.balance = balance(table, rows, mode);
        Ok(change)
    }

    /// What staged columns become in the table that is there.
    fn fit(
        &mut self,
        table: &StagedTable,
        there: &Found,
        mode: Mode,
        drift: Drift,
    ) -> Result<Vec<Written>, Fault> {
        if there.kind != "r" {
            return Err(Fault::bad_definition(format!(
                "`{}` is no plain table, so nothing can be published into it; give the table another name or take what is there away",
                table.target
            )));
        }
        let alter = format!("ALTER TABLE {}", table.target.quoted());
        let mut written = Vec::new();
        for column in &table.columns {
            let name = identifier(&column.name);
            let found = there.columns.iter().find(|found| found.name == column.name);
            match found {
                Some(found) => {
                    let kind = self.fit_type(table, column, found, drift)?;
                    written.push(as_kind(table, column, &kind));
                }
                None if drift == Drift::Freeze => {
                    return Err(frozen(table, &format!("has no column `{}`", column.name)));
                }
                None if drift == Drift::Discard => {}
                None => {
                    // Rows that are there have no value for it yet, so it cannot be NOT NULL.
                    self.evolve
                        .push(format!("{alter} ADD COLUMN {name} {}", column.kind));
                    self.comments
                        .extend(comments(table, |of| of == Some(&column.name)));
                    written.push(as_wanted(table, column));
                }
            }
        }
        let wanted = |found: &&FoundColumn| table.columns.iter().all(|c| c.name != found.name);
        for found in there.columns.iter().filter(wanted) {
            if drift == Drift::Freeze {
                let fact = format!("has a column `{}` that the definition lacks", found.name);
                return Err(frozen(table, &fact));
            }
            if found.has_default {
                continue;
            }
            if found.not_null {
                let fact = format!(
                    "has a column `{}` that takes no null and that the definition lacks",
                    found.name
                );
                return Err(frozen(table, &fact));
            }
            if mode == Mode::Replace {
                written.push(Written {
                    name: found.name.clone(),
                    value: format!("CAST(NULL AS {})", found.kind),
                });
            }
        }
        Ok(written)
    }

    /// The type in which a column of the table that is there takes the values.
    fn fit_type(
        &mut self,
        table: &StagedTable,
        column: &WantedColumn,
        found: &FoundColumn,
        drift: Drift,
    ) -> Result<SqlType, Fault> {
        if found.kind.holds(&column.kind) {
            return Ok(found.kind.clone());
        }
        let longer = matches!(
            (&found.kind, &column.kind),
            (SqlType::Varchar(_), SqlType::Varchar(_))
        );
        if longer && drift == Drift::Evolve {
            self.evolve.push(format!(
                "ALTER TABLE {} ALTER COLUMN {} TYPE {}",
                table.target.quoted(),
                identifier(&column.name),
                column.kind
            ));
            return Ok(column.kind.clone());
        }
        let fact = format!(
            "has `{}` as {}, not {}",
            column.name, found.kind, column.kind
        );
        Err(frozen(table, &fact))
    }
}

fn frozen(table: &StagedTable, fact: &str) -> Fault {
    Fault::bad_data(format!(
        "nothing was published: `{}` {fact}; change the table or the definition so that both agree",
        table.target
    ))
}

fn create(table: &StagedTable) -> String {
    let mut parts: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let null = if column.not_null { " NOT NULL" } else { "" };
            format!("{} {}{null}", identifier(&column.name), column.kind)
        })
        .collect();
    let has = |key: &String| table.columns.iter().any(|column| column.name == *key);
    if !table.key.is_empty() && table.key.iter().all(has) {
        // For the planner and for people: Redshift takes it for true.
        parts.push(format!("PRIMARY KEY ({})", identifiers(&table.key)));
    }
    format!(
        "CREATE TABLE {} ({}){}",
        table.target.quoted(),
        parts.join(", "),
        table.layout
    )
}

fn as_wanted(table: &StagedTable, column: &WantedColumn) -> Written {
    as_kind(table, column, &column.kind)
}

fn as_kind(table: &StagedTable, column: &WantedColumn, kind: &SqlType) -> Written {
    let name = identifier(&column.name);
    let staged = table
        .staged
        .iter()
        .find(|staged| staged.name == column.name);
    let value = match staged {
        // First as it is wanted, then as the table takes it: a wider one shows the same digits.
        Some(staged) if column.kind == *kind => kind.value(&name, &staged.kind),
        Some(staged) => kind.value(&column.kind.value(&name, &staged.kind), &column.kind),
        None => format!("CAST(NULL AS {kind})"),
    };
    Written {
        name: column.name.clone(),
        value,
    }
}

/// What tells that a row of the table and a staged one are of the same key. A table is known by its last name.
fn same_key(table: &StagedTable) -> String {
    let (target, staging) = (
        identifier(&table.target.table),
        identifier(&table.staging.table),
    );
    let same: Vec<String> = table
        .key
        .iter()
        .map(|column| {
            let column = identifier(column);
            format!("{target}.{column} = {staging}.{column}")
        })
        .collect();
    same.join(" AND ")
}

fn balance(table: &StagedTable, rows: u64, mode: Mode) -> Option<String> {
    let (target, staging) = (table.target.quoted(), table.staging.quoted());
    match mode {
        Mode::Replace => Some(format!(
            "SELECT count(*) AS n, {rows} AS wanted FROM {target}"
        )),
        Mode::Upsert => Some(format!(
            "SELECT count(*) AS n, {rows} AS wanted FROM {staging} JOIN {target} ON {}",
            same_key(table)
        )),
        Mode::Append => None,
    }
}

/// The comments of a new table (none names it) and of the columns that are.
fn comments(table: &StagedTable, is_new: impl Fn(Option<&String>) -> bool) -> Vec<String> {
    let target = table.target.quoted();
    let mut statements = Vec::new();
    if let Some(comment) = table.comment.as_ref().filter(|_| is_new(None)) {
        statements.push(format!("COMMENT ON TABLE {target} IS {}", text(comment)));
    }
    for column in table
        .columns
        .iter()
        .filter(|column| is_new(Some(&column.name)))
    {
        if let Some(comment) = &column.comment {
            statements.push(format!(
                "COMMENT ON COLUMN {target}.{} IS {}",
                identifier(&column.name),
                text(comment)
            ));
        }
    }
    statements
}
