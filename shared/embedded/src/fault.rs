//! What an error of the engine means to a run.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use pipeline::fault::{Fault, Kind};

/// The fault that an error of the engine stands for.
pub(crate) fn from_engine(error: DataFusionError) -> Fault {
    let root = error.find_root();
    let message = root.strip_backtrace();
    let message = message.lines().next().unwrap_or_default();
    match root {
        DataFusionError::ResourcesExhausted(_) => Fault::bad_definition(
            "the query must hold more rows at once than fit into memory; join or group less at a time",
        )
        .with("engine", message),
        DataFusionError::ArrowError(error, _) => from_arrow(error),
        DataFusionError::SQL(error, _) => {
            let message = error.to_string();
            let place = message.strip_prefix("sql parser error: ").unwrap_or(&message);
            Fault::bad_definition(format!("not readable as SQL: {place}"))
        }
        DataFusionError::IoError(_) | DataFusionError::ObjectStore(_) => {
            Fault::new(Kind::Transient, message)
        }
        DataFusionError::ParquetError(_) | DataFusionError::Execution(_) => {
            Fault::bad_data(without_values(message))
        }
        DataFusionError::Internal(_) => Fault::bug(message),
        _ => Fault::bad_definition(plain(message)),
    }
}

/// The fault that an error over values stands for.
pub(crate) fn from_arrow(error: &ArrowError) -> Fault {
    Fault::bad_data(without_values(&error.to_string()))
}

/// The message without the name of its class, which tells a person nothing.
fn plain(message: &str) -> String {
    let classes = [
        "Error during planning: ",
        "Schema error: ",
        "This feature is not implemented: ",
    ];
    let class = classes.iter().find(|class| message.starts_with(**class));
    let text = class.map_or(message, |class| &message[class.len()..]);
    text.trim_end_matches('.').to_owned()
}

/// The message with everything in quotes left out: a fault never holds a record's values.
fn without_values(message: &str) -> String {
    let pieces = message.split('\'');
    let shown: Vec<&str> = pieces
        .enumerate()
        .map(|(index, piece)| if index % 2 == 1 { "…" } else { piece })
        .collect();
    shown.join("'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_holds_no_value_of_a_record() {
        let error = ArrowError::CastError("Cannot cast string 'Ann Smith' to Int64".to_owned());
        let fault = from_engine(DataFusionError::ArrowError(Box::new(error), None));
        assert_eq!(fault.kind, Kind::BadData);
        assert_eq!(fault.message, "Cast error: Cannot cast string '…' to Int64");
    }
}
