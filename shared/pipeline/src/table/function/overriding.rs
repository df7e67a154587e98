//! `override` — puts a value where a condition on another column holds.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Value;
use crate::table::condition::{RowCondition, Scalar};

/// A value that another column decides on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// When the value is put, whatever was there.
    pub when: RowCondition,
    /// The value, or null.
    pub value: Option<Scalar>,
}

impl Override {
    pub(super) fn apply<'a>(
        &'a self,
        value: Value<'a>,
        column: impl Fn(&str) -> Option<String>,
    ) -> Value<'a> {
        let other = column(&self.when.column);
        if !self.when.test.holds(other.as_deref()) {
            return value;
        }
        self.value.as_ref().map_or(Value::Null, Value::constant)
    }
}
