//! The name of a database, which a parameter may choose.

use std::borrow::Cow;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use crate::name::Name;
use crate::number::Values;
use crate::problem::{Located, Problems};
use crate::source::check_references;
use crate::template::Template;

/// A database
///
/// A name, in which references to parameters may stand: `"{environment.database}_app"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Database {
    written: Template,
    /// With the values that are known so far.
    name: Name,
}

impl Database {
    /// Fills the name.
    pub(crate) fn settle(&mut self, values: &Values) -> Result<(), String> {
        let filled = self.written.fill(|name| values.get(name).cloned());
        let filled = filled.map_err(|unfilled| format!("database: {unfilled}"))?;
        self.name = Name::new(filled).map_err(|wrong| format!("database: {wrong}"))?;
        Ok(())
    }
}

/// Notes what a database's name may not refer to, and names that it can't have.
pub(crate) fn check(database: &Located<Database>, values: &[&str], problems: &mut Problems) {
    // A reader finds all windows of a table in one place.
    let lasting = values.iter().copied();
    let lasting: Vec<&str> = lasting
        .filter(|name| !name.starts_with("window.") && !name.starts_with("run."))
        .collect();
    check_references(database.at, &database.written, &lasting, problems);
}

impl TryFrom<String> for Database {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let written = Template::try_from(text.clone())?;
        let name = match written.references().next() {
            None => Name::new(text)?,
            // Until it is settled.
            Some(_) => Name::new("database")?,
        };
        Ok(Database { written, name })
    }
}

impl Deref for Database {
    type Target = str;

    fn deref(&self) -> &str {
        &self.name
    }
}

impl JsonSchema for Database {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Database".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[a-z{][a-z0-9_.{}]*$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_filled_and_stays_a_name() {
        let values = Values::from([
            ("env.database".into(), "matrix_dev".into()),
            ("bad".into(), "../x".into()),
        ]);
        for (text, name) in [
            ("matrix", Ok("matrix")),
            ("{env.database}_app", Ok("matrix_dev_app")),
            ("m_{bad}", Err("is not a name")),
            ("{none}", Err("nothing is known")),
        ] {
            let mut database = Database::try_from(text.to_owned()).expect(text);
            match (database.settle(&values), name) {
                (Ok(()), Ok(name)) => assert_eq!(&*database, name),
                (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
        assert!(Database::try_from("Matrix".to_owned()).is_err());
    }
}
