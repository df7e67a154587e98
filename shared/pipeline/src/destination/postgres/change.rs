//! How a published table becomes what a run has staged for it: the statements, in one transaction.

use super::staging::{StagedTable, WantedColumn};
use super::{Drift, Mode, Role};
use crate::destination::sql::name_of;
use crate::fault::Fault;
use crate::sql::{Relation, identifier, identifiers, text};

/// A table as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is, as `pg_class.relkind` tells.
    pub kind: String,
    /// Its comment.
    pub comment: Option<String>,
    /// Its columns, in order.
    pub columns: Vec<FoundColumn>,
}

/// A column as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundColumn {
    /// Its name.
    pub name: String,
    /// Its type, as PostgreSQL writes it.
    pub sql_type: String,
    /// Whether no value of it may be missing.
    pub not_null: bool,
    /// Whether PostgreSQL fills it by itself.
    pub generated: bool,
    /// Its comment.
    pub comment: Option<String>,
}

/// What is to be done to a published table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Makes it what the rows need.
    pub before: Vec<String>,
    /// Takes rows away.
    pub delete: Option<String>,
    /// Adds rows.
    pub insert: String,
    /// Comments, indexes, grants.
    pub after: Vec<String>,
}

/// Asks what the table is: its kind and comment.
pub fn found_table(relation: &Relation) -> String {
    format!(
        "SELECT c.relkind, obj_description(c.oid, 'pg_class') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {}",
        text(&relation.database),
        text(&relation.table)
    )
}

/// Asks for its columns: name, type, whether never null, whether generated, comment.
pub fn found_columns(relation: &Relation) -> String {
    format!(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
         a.attgenerated <> '' OR a.attidentity <> '', col_description(c.oid, a.attnum) \
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        text(&relation.database),
        text(&relation.table)
    )
}

/// One column that is written: its name, and the expression over the staging table that gives its value.
struct Written {
    name: String,
    value: String,
}

impl Change {
    /// The change of a table. `staged` are the staging table's columns as they are found, so that types compare;
    /// `there` is the table, unless it is new.
    pub fn of(
        table: &StagedTable,
        staged: &[FoundColumn],
        there: Option<&Found>,
        mode: Mode,
        drift: Drift,
    ) -> Result<Self, Fault> {
        let Some(there) = there else {
            return Ok(Change::new_table(table));
        };
        if there.kind != "r" {
            return Err(Fault::bad_definition(format!(
                "`{}` is no plain table, so nothing can be published into it; give the table another name or take what is there away",
                table.target
            )));
        }
        let fit = Fit::of(table, staged, there, drift)?;
        let target = table.target.quoted();
        let mut before = vec![format!(
            "LOCK TABLE ONLY {target} IN SHARE ROW EXCLUSIVE MODE"
        )];
        before.extend(fit.alterations);
        let mut written = fit.written;
        if mode == Mode::Replace {
            written.extend(fit.emptied);
        }
        let mut change = Change {
            before,
            delete: None,
            insert: String::new(),
            after: comments(table, Some(there), drift),
        };
        match mode {
            Mode::Replace => {
                change.delete = Some(delete_gone(table, &written));
                change.insert = insert_new(table, &written);
            }
            Mode::Append => change.insert = insert_all(table, &written),
            Mode::Upsert => change.insert = upsert(table, &written)?,
        }
        Ok(change)
    }

    fn new_table(table: &StagedTable) -> Self {
        let mut parts: Vec<String> = table.columns.iter().map(declared).collect();
        if !table.key.is_empty() {
            parts.push(format!("PRIMARY KEY ({})", identifiers(&table.key)));
        }
        let written: Vec<Written> = table.columns.iter().map(as_it_is).collect();
        Change {
            before: vec![format!(
                "CREATE TABLE {} ({})",
                table.target.quoted(),
                parts.join(", ")
            )],
            delete: None,
            insert: insert_all(table, &written),
            after: comments(table, None, Drift::Evolve),
        }
    }

    /// Adds the indexes that the table is to have, each once, under names that follow from their columns.
    pub fn with_indexes<N: AsRef<str>>(mut self, table: &StagedTable, indexes: &[Vec<N>]) -> Self {
        for columns in indexes {
            let names: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
            let mut name = format!("{}_{}_idx", table.target.table, names.join("_"));
            if name.len() > 63 {
                name = name_of("idx", &names, &table.target.table);
            }
            self.after.push(format!(
                "CREATE INDEX IF NOT EXISTS {} ON {} ({})",
                identifier(&name),
                table.target.quoted(),
                identifiers(&names)
            ));
        }
        self
    }

    /// Lets roles read the table.
    pub fn with_readers(mut self, table: &StagedTable, readers: &[Role]) -> Self {
        if !readers.is_empty() {
            self.after.push(format!(
                "GRANT SELECT ON {} TO {}",
                table.target.quoted(),
                identifiers(readers)
            ));
        }
        self
    }
}

fn declared(column: &WantedColumn) -> String {
    let null = if column.not_null { " NOT NULL" } else { "" };
    format!("{} {}{null}", identifier(&column.name), column.sql_type)
}

fn as_it_is(column: &WantedColumn) -> Written {
    Written {
        name: column.name.clone(),
        value: identifier(&column.name),
    }
}

/// How staged columns go into the table that is there.
struct Fit {
    alterations: Vec<String>,
    written: Vec<Written>,
    emptied: Vec<Written>,
}

impl Fit {
    fn of(
        table: &StagedTable,
        staged: &[FoundColumn],
        there: &Found,
        drift: Drift,
    ) -> Result<Self, Fault> {
        let mut fit = Fit {
            alterations: Vec::new(),
            written: Vec::new(),
            emptied: Vec::new(),
        };
        let alter = format!("ALTER TABLE {}", table.target.quoted());
        for column in staged {
            let name = identifier(&column.name);
            let found = there.columns.iter().find(|found| found.name == column.name);
            match found {
                Some(found) => fit.take(table, column, found, drift)?,
                None if drift == Drift::Freeze => {
                    return Err(frozen(table, &format!("has no column `{}`", column.name)));
                }
                None if drift == Drift::Discard => {}
                None => {
                    let kind = &column.sql_type;
                    fit.alterations
                        .push(format!("{alter} ADD COLUMN {name} {kind}"));
                    fit.written.push(Written {
                        value: name,
                        name: column.name.clone(),
                    });
                }
            }
        }
        for found in there.columns.iter().filter(|found| !found.generated) {
            if staged.iter().any(|column| column.name == found.name) {
                continue;
            }
            let name = identifier(&found.name);
            match drift {
                Drift::Freeze => {
                    let fact = format!("has a column `{}` that the definition lacks", found.name);
                    return Err(frozen(table, &fact));
                }
                Drift::Discard => {}
                Drift::Evolve => {
                    if found.not_null {
                        fit.alterations
                            .push(format!("{alter} ALTER COLUMN {name} DROP NOT NULL"));
                    }
                    fit.emptied.push(Written {
                        value: format!("NULL::{}", found.sql_type),
                        name: found.name.clone(),
                    });
                }
            }
        }
        Ok(fit)
    }

    /// A column that is on both sides.
    fn take(
        &mut self,
        table: &StagedTable,
        column: &FoundColumn,
        found: &FoundColumn,
        drift: Drift,
    ) -> Result<(), Fault> {
        let name = identifier(&column.name);
        let alter = format!("ALTER TABLE {} ALTER COLUMN {name}", table.target.quoted());
        let wanted = table
            .columns
            .iter()
            .find(|wanted| wanted.name == column.name);
        let may_be_null = wanted.is_some_and(|wanted| !wanted.not_null);
        if found.not_null && may_be_null && !table.key.contains(&column.name) {
            match drift {
                Drift::Freeze => {
                    let fact = format!("takes no null in `{}`", column.name);
                    return Err(frozen(table, &fact));
                }
                Drift::Evolve => self.alterations.push(format!("{alter} DROP NOT NULL")),
                Drift::Discard => {}
            }
        }
        let mut value = name.clone();
        if column.sql_type != found.sql_type {
            let (from, to) = (&found.sql_type, &column.sql_type);
            if holds(from, to) {
                value = format!("CAST({name} AS {from})");
            } else if drift == Drift::Evolve && holds(to, from) {
                self.alterations.push(format!("{alter} TYPE {to}"));
            } else {
                let fact = format!("has `{}` as {from}, not {to}", column.name);
                return Err(frozen(table, &fact));
            }
        }
        self.written.push(Written {
            name: column.name.clone(),
            value,
        });
        Ok(())
    }
}

fn frozen(table: &StagedTable, fact: &str) -> Fault {
    Fault::bad_data(format!(
        "nothing was published: `{}` {fact}; change the table or the definition so that both agree",
        table.target
    ))
}

/// Whether every value of the type `narrow` has its like in the type `wide`.
fn holds(wide: &str, narrow: &str) -> bool {
    let ((to, to_digits), (from, from_digits)) = (parts(wide), parts(narrow));
    let whole = |name: &str| match name {
        "smallint" => Some(5),
        "integer" => Some(10),
        "bigint" => Some(19),
        _ => None,
    };
    match (from, to) {
        _ if wide == narrow => true,
        ("character varying" | "uuid", "text" | "character varying") if to_digits.is_empty() => {
            true
        }
        ("text", "character varying") => to_digits.is_empty(),
        ("character varying", "character varying") => {
            !from_digits.is_empty() && from_digits[0] <= to_digits[0]
        }
        ("numeric", "numeric") => match (from_digits.as_slice(), to_digits.as_slice()) {
            (_, []) => true,
            ([p, s], [q, t]) => s <= t && p - s <= q - t,
            _ => false,
        },
        ("smallint" | "integer", "double precision") | ("real", "double precision") => true,
        (from, "numeric") => whole(from).is_some_and(|digits| match to_digits.as_slice() {
            [] => true,
            [q, t] => digits <= q - t,
            _ => false,
        }),
        (from, to) => whole(from)
            .zip(whole(to))
            .is_some_and(|(from, to)| from <= to),
    }
}

/// A type's name and the numbers in its brackets.
fn parts(sql_type: &str) -> (&str, Vec<i64>) {
    let Some((name, digits)) = sql_type.split_once('(') else {
        return (sql_type, Vec::new());
    };
    let digits = digits.trim_end_matches(')').split(',');
    (
        name,
        digits.filter_map(|part| part.trim().parse().ok()).collect(),
    )
}

fn names(written: &[Written]) -> String {
    let names: Vec<&str> = written.iter().map(|column| column.name.as_str()).collect();
    identifiers(&names)
}

fn values(written: &[Written]) -> String {
    let values: Vec<&str> = written.iter().map(|column| column.value.as_str()).collect();
    values.join(", ")
}

/// What tells a row from others: a hash of all its values, null and empty text apart.
fn hash(values: &str) -> String {
    format!("sha256(convert_to(ROW({values})::text, 'UTF8'))")
}

/// Takes away the rows that are not among the staged ones; of rows that are alike, as many as are too many.
fn delete_gone(table: &StagedTable, written: &[Written]) -> String {
    let target = table.target.quoted();
    format!(
        "DELETE FROM ONLY {target} WHERE ctid = ANY (ARRAY(\
         SELECT o.id FROM (SELECT r.id, r.h, row_number() OVER (PARTITION BY r.h ORDER BY r.id) AS n \
         FROM (SELECT ctid AS id, {} AS h FROM ONLY {target}) AS r) AS o \
         LEFT JOIN (SELECT r.h, count(*) AS n FROM (SELECT {} AS h FROM {}) AS r GROUP BY r.h) AS s ON s.h = o.h \
         WHERE o.n > coalesce(s.n, 0)))",
        hash(&names(written)),
        hash(&values(written)),
        table.staging.quoted()
    )
}

/// Adds the staged rows that are not there yet.
fn insert_new(table: &StagedTable, written: &[Written]) -> String {
    let (target, staging) = (table.target.quoted(), table.staging.quoted());
    let values = values(written);
    format!(
        "INSERT INTO {target} ({}) SELECT {values} FROM {staging} WHERE ctid = ANY (ARRAY(\
         SELECT s.id FROM (SELECT r.id, r.h, row_number() OVER (PARTITION BY r.h ORDER BY r.id) AS n \
         FROM (SELECT ctid AS id, {} AS h FROM {staging}) AS r) AS s \
         LEFT JOIN (SELECT r.h, count(*) AS n FROM (SELECT {} AS h FROM ONLY {target}) AS r GROUP BY r.h) AS o ON o.h = s.h \
         WHERE s.n > coalesce(o.n, 0)))",
        names(written),
        hash(&values),
        hash(&names(written)),
    )
}

fn insert_all(table: &StagedTable, written: &[Written]) -> String {
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM {}",
        table.target.quoted(),
        names(written),
        values(written),
        table.staging.quoted()
    )
}

fn upsert(table: &StagedTable, written: &[Written]) -> Result<String, Fault> {
    if table.key.is_empty() {
        return Err(Fault::bad_definition(format!(
            "`{}` is to be changed row by row, but has no key; declare its `key`",
            table.target.table
        )));
    }
    let set: Vec<String> = written
        .iter()
        .filter(|column| !table.key.contains(&column.name))
        .map(|column| {
            let name = identifier(&column.name);
            format!("{name} = EXCLUDED.{name}")
        })
        .collect();
    let action = match set.is_empty() {
        true => "NOTHING".to_owned(),
        false => format!("UPDATE SET {}", set.join(", ")),
    };
    Ok(format!(
        "{} ON CONFLICT ({}) DO {action}",
        insert_all(table, written),
        identifiers(&table.key)
    ))
}

/// The comments that are not yet what the definition says.
fn comments(table: &StagedTable, there: Option<&Found>, drift: Drift) -> Vec<String> {
    let target = table.target.quoted();
    let mut statements = Vec::new();
    if let Some(comment) = &table.comment
        && there.and_then(|found| found.comment.as_ref()) != Some(comment)
    {
        statements.push(format!("COMMENT ON TABLE {target} IS {}", text(comment)));
    }
    for column in &table.columns {
        let found = there.and_then(|found| found.columns.iter().find(|f| f.name == column.name));
        if there.is_some() && found.is_none() && drift == Drift::Discard {
            continue;
        }
        let before = found.and_then(|found| found.comment.as_ref());
        if let Some(comment) = &column.comment
            && before != Some(comment)
        {
            statements.push(format!(
                "COMMENT ON COLUMN {target}.{} IS {}",
                identifier(&column.name),
                text(comment)
            ));
        }
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str, sql_type: &str) -> WantedColumn {
        WantedColumn {
            name: name.to_owned(),
            sql_type: sql_type.to_owned(),
            not_null: name == "id",
            comment: (name == "id").then(|| "What it's".to_owned()),
        }
    }

    fn column(name: &str, sql_type: &str) -> FoundColumn {
        FoundColumn {
            name: name.to_owned(),
            sql_type: sql_type.to_owned(),
            not_null: name == "id",
            generated: name == "row",
            comment: None,
        }
    }

    fn table(columns: &[(&str, &str)]) -> (StagedTable, Vec<FoundColumn>) {
        let staged = StagedTable {
            target: Relation::new("public", "gins"),
            staging: Relation::new("public", "_staged_1_gins"),
            columns: columns
                .iter()
                .map(|(name, kind)| wanted(name, kind))
                .collect(),
            key: vec!["id".to_owned()],
            comment: Some("Gins".to_owned()),
        };
        let found = columns
            .iter()
            .map(|(name, kind)| column(name, kind))
            .collect();
        (staged, found)
    }

    fn there(columns: &[(&str, &str)]) -> Found {
        Found {
            kind: "r".to_owned(),
            comment: Some("Gins".to_owned()),
            columns: columns
                .iter()
                .map(|(name, kind)| column(name, kind))
                .collect(),
        }
    }

    #[test]
    fn the_statements_are_these() {
        let (staged, found) = table(&[("id", "integer"), ("name", "text")]);
        let same = there(&[("id", "integer"), ("name", "text"), ("row", "bigint")]);
        let mut shown = String::new();
        for (mode, there) in [
            (Mode::Replace, None),
            (Mode::Replace, Some(&same)),
            (Mode::Append, Some(&same)),
            (Mode::Upsert, Some(&same)),
        ] {
            let change = Change::of(&staged, &found, there, mode, Drift::Freeze).expect("fits");
            let change = change.with_indexes(&staged, &[vec!["name"]]);
            shown += &format!("{mode:?}\n{change:#?}\n");
        }
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn drift_is_followed_refused_or_left_out_as_declared() {
        let (staged, found) = table(&[("id", "bigint"), ("name", "text"), ("new", "date")]);
        let drifted = there(&[("id", "integer"), ("name", "text"), ("old", "text")]);
        let of = |drift| Change::of(&staged, &found, Some(&drifted), Mode::Replace, drift);
        let evolved = of(Drift::Evolve).expect("evolves");
        assert_eq!(
            evolved.before[1..],
            [
                "ALTER TABLE \"public\".\"gins\" ALTER COLUMN \"id\" TYPE bigint",
                "ALTER TABLE \"public\".\"gins\" ADD COLUMN \"new\" date",
            ]
        );
        assert!(
            evolved
                .insert
                .contains("\"new\", \"old\") SELECT \"id\", \"name\", \"new\", NULL::text")
        );
        for drift in [Drift::Freeze, Drift::Discard] {
            let fault = of(drift).expect_err("its key would not fit");
            assert!(
                fault.message.contains("has `id` as integer, not bigint"),
                "{fault}"
            );
        }
        let drifted = there(&[("id", "bigint"), ("name", "text"), ("old", "text")]);
        let of = |drift| Change::of(&staged, &found, Some(&drifted), Mode::Replace, drift);
        let left = of(Drift::Discard).expect("stays");
        assert!(
            left.insert.contains("(\"id\", \"name\") SELECT"),
            "{}",
            left.insert
        );
        assert_eq!(left.before.len(), 1);
        let fault = of(Drift::Freeze).expect_err("frozen");
        assert!(fault.message.contains("has no column `new`"), "{fault}");
    }

    #[test]
    fn a_type_holds_another_or_does_not() {
        for (wide, narrow) in [
            ("bigint", "integer"),
            ("numeric(10,0)", "integer"),
            ("numeric", "bigint"),
            ("text", "character varying(255)"),
            ("character varying(255)", "character varying(100)"),
            ("character varying", "text"),
            ("numeric(19,2)", "numeric(12,2)"),
            ("double precision", "integer"),
        ] {
            assert!(holds(wide, narrow), "{wide} {narrow}");
            assert!(
                wide == narrow || !holds(narrow, wide) || narrow == "text",
                "{narrow} {wide}"
            );
        }
        for (wide, narrow) in [
            ("double precision", "bigint"),
            ("numeric(9,0)", "integer"),
            ("date", "timestamp with time zone"),
            ("text", "integer"),
            ("character varying(100)", "character varying"),
            ("numeric(12,2)", "numeric"),
        ] {
            assert!(!holds(wide, narrow), "{wide} {narrow}");
        }
    }
}
