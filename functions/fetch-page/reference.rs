//! A reference table as a page: its CSV rows become JSON records, so that all that follows treats it alike.

use edge::run::Run;
use pipeline::fault::Fault;
use pipeline::run::Slice;
use serde_json::{Map, Value};

use crate::Ended;
use crate::store::Store;

/// Stores the rows of a reference table as one page.
pub async fn store(run: &Run, slice: &Slice, store: &mut Store<'_>) -> Result<Ended, Fault> {
    let reference = run.pipeline.definition.references.get(&slice.resource);
    let reference = reference.ok_or_else(|| Fault::bug("the definition has no such reference"))?;
    let file = &reference.file.value;
    let text = run.pipeline.files.get(file);
    let text = text.ok_or_else(|| Fault::bad_definition(format!("there is no file `{file}`")))?;
    let records = records(text).map_err(|why| Fault::bad_definition(format!("{file}: {why}")))?;
    let page = serde_json::to_vec(&records)
        .map_err(|error| Fault::bug(format!("a reference is no JSON: {error}")))?;
    store.push(None, 200, Some(&page))?;
    store.flush(None).await?;
    Ok(Ended::Done)
}

/// The rows as records; an empty field is null.
fn records(text: &str) -> Result<Vec<Map<String, Value>>, csv::Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers()?.clone();
    let record = |fields: csv::StringRecord| {
        let value = |field: &str| match field {
            "" => Value::Null,
            field => Value::String(field.to_owned()),
        };
        let fields = names.iter().zip(fields.iter());
        fields
            .map(|(name, field)| (name.to_owned(), value(field)))
            .collect()
    };
    reader.records().map(|fields| fields.map(record)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_records_and_empty_fields_null() {
        let records = records("a,b\n\"x, y\",\n").expect("readable");
        let expected = serde_json::json!([{"a": "x, y", "b": null}]);
        assert_eq!(serde_json::to_value(records).expect("json"), expected);
    }
}
