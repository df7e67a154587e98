//! What a table must be like to be shown by the catalogue: found out before anything is published.

use std::collections::BTreeMap;

use pipeline::fault::Fault;
use pipeline::lake::Version;

use crate::STAGING;
use crate::types::to_hive;

/// The longest name that the catalogue takes.
const LONGEST_NAME_BYTES: usize = 255;

/// Refuses a version that could not be shown.
pub(crate) fn admit(version: &Version) -> Result<(), Fault> {
    let refused =
        |message: String| Err(Fault::bad_definition(message).with("table", &version.relation));
    if version.relation.database == STAGING {
        return refused(format!(
            "the database `{STAGING}` is where tables wait for their checks; publish into another"
        ));
    }
    for name in [&version.relation.database, &version.relation.table] {
        if name.to_lowercase() != *name || name.len() > LONGEST_NAME_BYTES {
            return refused(format!(
                "the catalogue of AWS knows lower-case names of up to {LONGEST_NAME_BYTES} bytes only, and `{name}` is none; name it otherwise"
            ));
        }
    }
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for column in &version.columns {
        let name = column.name.as_str();
        if let Some(mistake) = mistake(name) {
            return refused(format!(
                "the catalogue of AWS takes no column `{name}`: {mistake}; name it otherwise"
            ));
        }
        if let Some(other) = seen.insert(name.to_lowercase(), name) {
            return refused(format!(
                "the catalogue of AWS does not tell the columns `{other}` and `{name}` apart; name one of them otherwise"
            ));
        }
        if to_hive(&column.type_name).is_none() {
            return refused(format!(
                "Athena does not read a column of the type `{}`, and `{name}` is one; declare it as `string`",
                column.type_name
            ));
        }
    }
    Ok(())
}

fn mistake(name: &str) -> Option<&'static str> {
    match name {
        _ if name.trim().is_empty() => Some("it has no name"),
        _ if name.trim() != name => Some("it begins or ends with a space"),
        _ if name.contains(',') => Some("it has a comma"),
        _ if name.contains(char::is_control) => Some("it has a control character"),
        _ if name.len() > LONGEST_NAME_BYTES => Some("it is longer than 255 bytes"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use pipeline::fault::Kind;
    use pipeline::lake::{Column, FORMAT};
    use pipeline::sql::Relation;

    use super::*;

    fn version(relation: &Relation, columns: &[(&str, &str)]) -> Version {
        let column = |(name, type_name): &(&str, &str)| Column {
            name: (*name).to_owned(),
            type_name: (*type_name).to_owned(),
            nullable: true,
            description: None,
        };
        Version {
            format: FORMAT,
            relation: relation.clone(),
            description: None,
            columns: columns.iter().map(column).collect(),
            window_column: None,
            view: None,
            contents: Vec::new(),
            fingerprint: String::new(),
        }
    }

    #[test]
    fn what_could_not_be_shown_is_refused_with_a_remedy() {
        let table = Relation::new("gins", "gins");
        for (relation, columns, said) in [
            (
                &table,
                &[("id", "int64"), ("OMIS Order", "string")][..],
                None,
            ),
            (
                &table,
                &[("id", "int64"), ("ID", "string")],
                Some("`id` and `ID` apart"),
            ),
            (&table, &[("opens", "time")], Some("declare it as `string`")),
            (&table, &[("a,b", "string")], Some("a comma")),
            (&table, &[(" a", "string")], Some("a space")),
            (&table, &[("", "string")], Some("no name")),
            (
                &Relation::new("gins", "Gins"),
                &[],
                Some("lower-case names"),
            ),
            (
                &Relation::new(STAGING, "gins"),
                &[],
                Some("publish into another"),
            ),
        ] {
            let refused = admit(&version(relation, columns)).err();
            let shown = refused
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            match said {
                None => assert_eq!(refused, None),
                Some(said) => assert!(shown.contains(said), "{shown}"),
            }
            assert!(refused.is_none_or(|fault| fault.kind == Kind::BadDefinition));
        }
    }
}
