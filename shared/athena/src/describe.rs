//! How a version is described to the catalogue: exactly its files, by lists, and what its columns mean.

use std::collections::HashMap;

use aws_sdk_glue::types::{
    Column, PartitionInput, SerDeInfo, StorageDescriptor, Table, TableInput,
};
use edge::lake::Lake;
use pipeline::fault::Fault;
use pipeline::lake::Version;
use pipeline::listing::List;
use pipeline::sql::Relation;

use crate::types::to_hive;

/// The parameter that holds the number of the database's state that a table was last changed for.
pub(crate) const GENERATION: &str = "lakehead.generation";
/// The parameter that holds the hash of what is shown.
pub(crate) const VERSION: &str = "lakehead.version";

/// What the catalogue calls a view.
pub(crate) const VIEW: &str = "VIRTUAL_VIEW";
/// What it calls a table whose files are not its own.
const TABLE: &str = "EXTERNAL_TABLE";

/// The format of lists of addresses, as S3's own inventories use it.
const LISTS: &str = "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat";
const OUTPUT: &str = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat";
const PARQUET: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";

/// The longest comment of a column.
const LONGEST_COMMENT_BYTES: usize = 255;
/// The longest description of a table.
const LONGEST_DESCRIPTION_BYTES: usize = 2048;

/// A version as the catalogue is to have it.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    /// The columns that files hold.
    pub(crate) columns: Vec<Column>,
    /// The column that is the key of partitions.
    pub(crate) key: Option<Column>,
    /// Where the list of the table is; of one with partitions, where all its lists are.
    pub(crate) location: String,
    /// What the table is about.
    pub(crate) description: Option<String>,
}

impl Described {
    pub(crate) fn of(version: &Version, lake: &Lake) -> Result<Self, Fault> {
        let key = version.window_key();
        let (keys, columns): (Vec<_>, Vec<_>) = version
            .columns
            .iter()
            .partition(|column| key.is_some_and(|key| key.name == column.name));
        let location = match key {
            Some(_) => {
                let Relation { database, table } = &version.relation;
                folder(lake, &format!("{database}/{table}/"))?
            }
            None => folder(lake, version.whole_list().folder())?,
        };
        let described: Result<Vec<Column>, Fault> = columns.into_iter().map(column).collect();
        Ok(Described {
            columns: described?,
            key: keys.first().map(|key| column(key)).transpose()?,
            location,
            description: version
                .description
                .as_ref()
                .map(|text| cut(text, LONGEST_DESCRIPTION_BYTES)),
        })
    }

    /// What the catalogue is told of the table. What others have noted of it stays.
    pub(crate) fn input(
        &self,
        relation: &Relation,
        found: Option<&Table>,
        generation: u64,
        version: &str,
    ) -> Result<TableInput, Fault> {
        let others = found.and_then(|found| found.parameters.clone());
        let mut parameters: HashMap<String, String> = others.unwrap_or_default();
        for (name, value) in [
            ("EXTERNAL", "TRUE"),
            ("classification", "parquet"),
            (GENERATION, &*generation.to_string()),
            (VERSION, version),
        ] {
            parameters.insert(name.to_owned(), value.to_owned());
        }
        TableInput::builder()
            .name(&relation.table)
            .set_description(self.description.clone())
            .table_type(TABLE)
            .set_parameters(Some(parameters))
            .set_partition_keys(Some(self.key.iter().cloned().collect()))
            .storage_descriptor(self.storage(&self.location))
            .build()
            .map_err(|error| Fault::bug(error.to_string()))
    }

    /// The partition of a window.
    pub(crate) fn partition(&self, list: &List<'_>, lake: &Lake) -> Result<PartitionInput, Fault> {
        let location = folder(lake, list.folder())?;
        let input = PartitionInput::builder()
            .values(list.window.unwrap_or_default())
            .storage_descriptor(self.storage(&location));
        Ok(input.build())
    }

    fn storage(&self, location: &str) -> StorageDescriptor {
        let serde = SerDeInfo::builder()
            .serialization_library(PARQUET)
            .parameters("serialization.format", "1");
        StorageDescriptor::builder()
            .location(location)
            .set_columns(Some(self.columns.clone()))
            .input_format(LISTS)
            .output_format(OUTPUT)
            .serde_info(serde.build())
            .build()
    }

    /// Whether the catalogue has the table so already.
    pub(crate) fn is(&self, found: &Table, version: &str) -> bool {
        let storage = found.storage_descriptor.as_ref();
        let location = storage.and_then(|storage| storage.location.as_deref());
        let format = storage.and_then(|storage| storage.input_format.as_deref());
        parameter(found, VERSION) == Some(version)
            && found.table_type.as_deref() == Some(TABLE)
            && same_place(location.unwrap_or_default(), &self.location)
            && format == Some(LISTS)
            && storage.is_some_and(|storage| same(storage.columns(), &self.columns))
            && self.has_key_of(found)
    }

    /// Whether the catalogue's table has the same key of partitions: it cannot be changed.
    pub(crate) fn has_key_of(&self, found: &Table) -> bool {
        let key: Vec<Column> = self.key.iter().cloned().collect();
        same(found.partition_keys(), &key)
    }
}

/// A parameter of a table.
pub(crate) fn parameter<'a>(table: &'a Table, name: &str) -> Option<&'a str> {
    let parameters = table.parameters.as_ref()?;
    parameters.get(name).map(String::as_str)
}

/// Whether two places are one: the catalogue may leave the last slash out.
pub(crate) fn same_place(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// Whether two lists of columns say the same.
pub(crate) fn same(ones: &[Column], others: &[Column]) -> bool {
    let said = |column: &Column| {
        let kind = column.r#type().unwrap_or_default().to_lowercase();
        let comment = column.comment().unwrap_or_default().to_owned();
        (column.name().to_lowercase(), kind, comment)
    };
    ones.iter().map(said).eq(others.iter().map(said))
}

/// The address of a folder of the lake.
pub(crate) fn folder(lake: &Lake, folder: &str) -> Result<String, Fault> {
    let address = lake.objects().address(folder.trim_end_matches('/'))?;
    Ok(format!("{address}/"))
}

pub(crate) fn column(column: &pipeline::lake::Column) -> Result<Column, Fault> {
    let hive = to_hive(&column.type_name).ok_or_else(|| {
        Fault::bug(format!(
            "`{}` of the type `{}` was let in",
            column.name, column.type_name
        ))
    })?;
    Column::builder()
        .name(column.name.to_lowercase())
        .r#type(hive)
        .set_comment(comment(column))
        .build()
        .map_err(|error| Fault::bug(error.to_string()))
}

/// What a column means, as far as the catalogue has room for it.
pub(crate) fn comment(column: &pipeline::lake::Column) -> Option<String> {
    let description = column.description.as_ref()?;
    Some(cut(description, LONGEST_COMMENT_BYTES))
}

/// A text on one line of so many bytes at most.
fn cut(text: &str, most: usize) -> String {
    const END: &str = "…";
    let line = text.split_whitespace().collect::<Vec<&str>>().join(" ");
    if line.len() <= most {
        return line;
    }
    let mut end = most - END.len();
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{END}", &line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("a\n b", 255), "a b");
        let long = "é".repeat(200);
        let shown = cut(&long, LONGEST_COMMENT_BYTES);
        assert!(shown.len() <= LONGEST_COMMENT_BYTES && shown.ends_with('…'));
    }
}
