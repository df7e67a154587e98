//! The rows that a statement answered, a page at a time, as values.

use aws_sdk_athena::Client;
use aws_sdk_athena::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_athena::types::{ColumnInfo, Row as Answered};
use edge::engine::{Row, Rows};
use futures::StreamExt;
use futures::stream;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use pipeline::fault::Fault;
use pipeline::lake::Column;
use pipeline::value::Value;

use crate::refusal;
use crate::types::from_hive;

/// The rows of a query that has succeeded. No more than a page of them is in memory.
pub(crate) async fn rows(client: &Client, id: &str) -> Result<Rows, Fault> {
    let first = page(client, id, None).await?;
    let infos = columns(&first);
    let described = infos.iter().map(described).collect();
    let mut rows = answered(&first);
    // The first row of a query's answer holds the names of its columns.
    if !rows.is_empty() {
        rows.remove(0);
    }
    let first_rows = read(&infos, &rows);
    let next = first.next_token;
    let state = (client.clone(), id.to_owned(), infos, next);
    let more = stream::try_unfold(state, |(client, id, infos, next)| async move {
        let Some(token) = next else { return Ok(None) };
        let page = page(&client, &id, Some(token)).await?;
        let rows = read(&infos, &answered(&page))?;
        let next = page.next_token;
        Ok(Some((rows, (client, id, infos, next))))
    });
    Ok(Rows {
        columns: described,
        batches: stream::iter([first_rows]).chain(more).boxed(),
    })
}

async fn page(
    client: &Client,
    id: &str,
    token: Option<String>,
) -> Result<GetQueryResultsOutput, Fault> {
    let get = client.get_query_results().query_execution_id(id);
    let answer = get.set_next_token(token).send().await;
    answer.map_err(|error| refusal::fault("athena:GetQueryResults", id, &error))
}

fn columns(page: &GetQueryResultsOutput) -> Vec<ColumnInfo> {
    let set = page.result_set.as_ref();
    let metadata = set.and_then(|set| set.result_set_metadata.as_ref());
    metadata.map_or_else(Vec::new, |metadata| metadata.column_info().to_vec())
}

fn answered(page: &GetQueryResultsOutput) -> Vec<Answered> {
    let set = page.result_set.as_ref();
    set.map_or_else(Vec::new, |set| set.rows().to_vec())
}

fn described(info: &ColumnInfo) -> Column {
    let type_name = match info.r#type() {
        "decimal" => format!("decimal({},{})", info.precision(), info.scale()),
        other => from_hive(other),
    };
    Column {
        name: info.name().to_owned(),
        type_name,
        nullable: true,
        description: None,
    }
}

fn read(infos: &[ColumnInfo], rows: &[Answered]) -> Result<Vec<Row>, Fault> {
    let mut values = Vec::with_capacity(rows.len());
    for row in rows {
        let cells = row.data();
        let cells = infos.iter().enumerate().map(|(index, info)| {
            let text = cells.get(index).and_then(|cell| cell.var_char_value());
            match text {
                None => Ok(Value::Null),
                Some(text) => value(info.r#type(), text).ok_or_else(|| {
                    Fault::bug(format!(
                        "Athena answered a {} that is none in the column `{}`",
                        info.r#type(),
                        info.name()
                    ))
                }),
            }
        });
        values.push(cells.collect::<Result<Row, Fault>>()?);
    }
    Ok(values)
}

/// The value that a text of a type stands for; none where it is not one.
fn value(kind: &str, text: &str) -> Option<Value> {
    Some(match kind {
        "boolean" => Value::Bool(text.parse().ok()?),
        "tinyint" | "smallint" | "int" | "integer" | "bigint" => Value::Integer(text.parse().ok()?),
        "real" | "float" | "double" => Value::Float(text.parse().ok()?),
        "decimal" => Value::Decimal(text.to_owned()),
        "date" => Value::Time(text.to_owned()),
        "time" => Value::Time(text.parse::<jiff::civil::Time>().ok()?.to_string()),
        "timestamp" => Value::Time(text.parse::<DateTime>().ok()?.to_string()),
        "timestamp with time zone" => Value::Time(instant(text)?),
        "varbinary" => Value::Bytes(bytes(text)?),
        // Text, and what has parts, of which Athena shows a text that cannot be taken apart.
        _ => Value::Text(text.to_owned()),
    })
}

/// `2024-03-25 10:00:00.000 Europe/London`.
fn instant(text: &str) -> Option<String> {
    let (moment, zone) = text.rsplit_once(' ')?;
    let moment: DateTime = moment.parse().ok()?;
    let zone = match zone {
        "UTC" => TimeZone::UTC,
        other => TimeZone::get(other).ok()?,
    };
    let zoned = moment.to_zoned(zone).ok()?;
    Some(zoned.timestamp().to_string())
}

/// `00 ff`.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let pairs = text.split_whitespace();
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_athena_is_the_value_that_other_engines_give() {
        for (kind, text, shown) in [
            ("boolean", "true", "true"),
            ("integer", "-7", "-7"),
            ("bigint", "9223372036854775807", "9223372036854775807"),
            ("double", "1.0E10", "10000000000.0"),
            ("double", "47.11", "47.11"),
            ("double", "NaN", "NaN"),
            ("double", "-Infinity", "-Infinity"),
            ("real", "0.1", "0.1"),
            ("decimal", "12.30", "12.30"),
            ("varchar", "a, \"b\"", "a, \"b\""),
            ("date", "2024-03-25", "2024-03-25"),
            (
                "timestamp",
                "2024-03-25 10:00:00.000",
                "2024-03-25T10:00:00",
            ),
            (
                "timestamp",
                "2024-03-25 10:00:00.120",
                "2024-03-25T10:00:00.12",
            ),
            (
                "timestamp with time zone",
                "2024-03-25 10:00:00.000 UTC",
                "2024-03-25T10:00:00Z",
            ),
            ("varbinary", "00 ff", "00ff"),
        ] {
            let value = value(kind, text).expect(kind);
            assert_eq!(value.to_string(), shown, "{kind} {text}");
        }
        assert_eq!(value("integer", "seven"), None);
    }
}
