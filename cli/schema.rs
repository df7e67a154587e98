//! `lakehead schema`: the definition language as JSON Schema, written from the same types that read it.

use pipeline::definition::Definition;

use crate::output::{Exit, Failure, print_json};

/// Prints the schema.
pub fn schema() -> Result<Exit, Failure> {
    print_json(&schemars::schema_for!(Definition))?;
    Ok(Exit::Done)
}
