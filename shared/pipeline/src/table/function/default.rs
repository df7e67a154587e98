//! `default` — puts a value where there is none.

use super::Value;
use crate::table::condition::Scalar;

pub(super) fn default<'a>(scalar: &'a Scalar, value: Value<'a>) -> Value<'a> {
    match value {
        Value::Null => Value::constant(scalar),
        value => value,
    }
}
