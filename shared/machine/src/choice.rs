//! Choice rules: which of a Choice's ways the data takes.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::error_output::ErrorOutput;
use crate::path::Path;
use crate::problem::Problem;

/// One entry of `Choices`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub(crate) condition: Condition,
    pub(crate) next: String,
}

/// What a rule asks of the data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Test { variable: Path, test: Test },
}

/// What is asked of one variable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    IsPresent(bool),
    IsKind(Kind, bool),
    Matches(String),
    Compare(Kind, Relation, Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Numeric,
    String,
    Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Literal(Value),
    Path { field: String, path: Path },
}

const KINDS: [(&str, Kind); 5] = [
    ("Null", Kind::Null),
    ("Boolean", Kind::Boolean),
    ("Numeric", Kind::Numeric),
    ("String", Kind::String),
    ("Timestamp", Kind::Timestamp),
];

const RELATIONS: [(&str, Relation); 5] = [
    ("Equals", Relation::Equals),
    ("LessThan", Relation::LessThan),
    ("LessThanEquals", Relation::LessThanEquals),
    ("GreaterThan", Relation::GreaterThan),
    ("GreaterThanEquals", Relation::GreaterThanEquals),
];

impl Rule {
    pub(crate) fn parse(mut rule: Map<String, Value>, place: &str) -> Result<Self, Problem> {
        rule.shift_remove("Comment");
        let Some(Value::String(next)) = rule.shift_remove("Next") else {
            return Err(Problem::new(
                place,
                "a rule needs `Next`, the name of a state",
            ));
        };
        Ok(Self {
            condition: Condition::parse(rule, place)?,
            next,
        })
    }
}

impl Condition {
    fn parse(mut condition: Map<String, Value>, place: &str) -> Result<Self, Problem> {
        let variable = condition.shift_remove("Variable");
        let mut operators = condition.into_iter();
        let (Some((operator, operand)), None) = (operators.next(), operators.next()) else {
            return Err(Problem::new(
                place,
                "a condition needs exactly one operator, such as `StringEquals`",
            ));
        };
        let at = format!("{place}.{operator}");
        match (operator.as_str(), variable) {
            ("And", None) => Ok(Self::And(parse_all(operand, &at)?)),
            ("Or", None) => Ok(Self::Or(parse_all(operand, &at)?)),
            ("Not", None) => Ok(Self::Not(Box::new(parse_nested(operand, &at)?))),
            (_, Some(Value::String(text))) => {
                let variable = Path::try_from(text)
                    .map_err(|fact| Problem::new(format!("{place}.Variable"), fact))?;
                let test =
                    Test::parse(&operator, operand).map_err(|fact| Problem::new(at, fact))?;
                Ok(Self::Test { variable, test })
            }
            ("Condition", _) => Err(Problem::new(
                at,
                "it belongs to JSONata, which is not run here; write `Variable` and an operator",
            )),
            _ => Err(Problem::new(
                at,
                "a comparison needs `Variable`, a path; `And`, `Or` and `Not` need none",
            )),
        }
    }

    /// Whether the data is so. `And` and `Or` stop at the first answer, so that `IsPresent` can guard what follows.
    pub(crate) fn holds(&self, data: &Value, context: &Context<'_>) -> Result<bool, ErrorOutput> {
        match self {
            Self::Not(condition) => condition.holds(data, context).map(|holds| !holds),
            Self::And(conditions) => all_are(conditions, true, data, context),
            Self::Or(conditions) => all_are(conditions, false, data, context).map(|none| !none),
            Self::Test {
                variable,
                test: Test::IsPresent(expected),
            } => Ok(variable.find(data, context).is_some() == *expected),
            Self::Test { variable, test } => {
                let value = variable.read("Variable", data, context)?;
                test.holds(&value, data, context)
            }
        }
    }

    /// Every path in it.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        match self {
            Self::And(conditions) | Self::Or(conditions) => {
                conditions.iter().flat_map(Self::paths).collect()
            }
            Self::Not(condition) => condition.paths(),
            Self::Test {
                variable,
                test: Test::Compare(_, _, Operand::Path { path, .. }),
            } => vec![variable, path],
            Self::Test { variable, .. } => vec![variable],
        }
    }
}

fn all_are(
    conditions: &[Condition],
    expected: bool,
    data: &Value,
    context: &Context<'_>,
) -> Result<bool, ErrorOutput> {
    for condition in conditions {
        if condition.holds(data, context)? != expected {
            return Ok(false);
        }
    }
    Ok(true)
}

fn parse_all(operand: Value, place: &str) -> Result<Vec<Condition>, Problem> {
    match operand {
        Value::Array(conditions) if !conditions.is_empty() => {
            let places = (0..).map(|index| format!("{place}[{index}]"));
            conditions
                .into_iter()
                .zip(places)
                .map(|(condition, at)| parse_nested(condition, &at))
                .collect()
        }
        _ => Err(Problem::new(
            place,
            "needs a list of conditions with at least one in it",
        )),
    }
}

fn parse_nested(condition: Value, place: &str) -> Result<Condition, Problem> {
    match condition {
        Value::Object(object) if object.contains_key("Next") => Err(Problem::new(
            place,
            "a nested condition leads nowhere; move `Next` to the rule",
        )),
        Value::Object(object) => Condition::parse(object, place),
        _ => Err(Problem::new(
            place,
            "a condition is an object with `Variable` and one operator",
        )),
    }
}

impl Test {
    fn parse(operator: &str, operand: Value) -> Result<Self, String> {
        if operator == "IsPresent" {
            return boolean(operand).map(Self::IsPresent);
        }
        if let Some(kind) = operator
            .strip_prefix("Is")
            .and_then(|name| named(&KINDS, name))
        {
            return Ok(Self::IsKind(kind, boolean(operand)?));
        }
        if operator == "StringMatches" {
            let Value::String(pattern) = operand else {
                return Err("needs a pattern, a text".to_owned());
            };
            return Ok(Self::Matches(pattern));
        }
        let (comparison, has_path) = operator
            .strip_suffix("Path")
            .map_or((operator, false), |name| (name, true));
        let (kind, relation) =
            comparison_of(comparison).ok_or("unknown operator; see the table of Choice rules")?;
        let operand = if has_path {
            path_operand(operator, operand)?
        } else {
            literal_operand(kind, operand)?
        };
        Ok(Self::Compare(kind, relation, operand))
    }

    fn holds(
        &self,
        value: &Value,
        data: &Value,
        context: &Context<'_>,
    ) -> Result<bool, ErrorOutput> {
        Ok(match self {
            Self::IsPresent(expected) => *expected,
            Self::IsKind(kind, expected) => is_kind(value, *kind) == *expected,
            Self::Matches(pattern) => value
                .as_str()
                .is_some_and(|text| matches_pattern(text, pattern)),
            Self::Compare(kind, relation, Operand::Literal(other)) => {
                compares(value, other, *kind, *relation)
            }
            Self::Compare(kind, relation, Operand::Path { field, path }) => {
                compares(value, &*path.read(field, data, context)?, *kind, *relation)
            }
        })
    }
}

/// `NumericLessThan` as its two halves. Booleans have no order, null needs no comparison.
fn comparison_of(name: &str) -> Option<(Kind, Relation)> {
    let (prefix, kind) = KINDS
        .into_iter()
        .find(|(prefix, _)| name.starts_with(prefix))?;
    let relation = named(&RELATIONS, &name[prefix.len()..])?;
    match (kind, relation) {
        (Kind::Null, _) => None,
        (Kind::Boolean, Relation::Equals) => Some((kind, relation)),
        (Kind::Boolean, _) => None,
        _ => Some((kind, relation)),
    }
}

fn named<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, value)| *value)
}

fn boolean(operand: Value) -> Result<bool, String> {
    operand
        .as_bool()
        .ok_or_else(|| "needs `true` or `false`".to_owned())
}

fn literal_operand(kind: Kind, operand: Value) -> Result<Operand, String> {
    match is_kind(&operand, kind) {
        true => Ok(Operand::Literal(operand)),
        false => Err(format!(
            "{operand} cannot be compared so; for the value at a path use the operator with `Path`"
        )),
    }
}

fn path_operand(operator: &str, operand: Value) -> Result<Operand, String> {
    let Value::String(text) = operand else {
        return Err("needs a path, a text".to_owned());
    };
    Ok(Operand::Path {
        field: operator.to_owned(),
        path: Path::try_from(text)?,
    })
}

fn is_kind(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Null => value.is_null(),
        Kind::Boolean => value.is_boolean(),
        Kind::Numeric => value.is_number(),
        Kind::String => value.is_string(),
        Kind::Timestamp => timestamp(value).is_some(),
    }
}

/// A value of another kind compares as false, on either side.
fn compares(value: &Value, other: &Value, kind: Kind, relation: Relation) -> bool {
    let ordering = match kind {
        Kind::Null => None,
        Kind::Boolean => value.as_bool().zip(other.as_bool()).map(|(a, b)| a.cmp(&b)),
        Kind::String => value.as_str().zip(other.as_str()).map(|(a, b)| a.cmp(b)),
        Kind::Numeric => compare_numbers(value, other),
        Kind::Timestamp => timestamp(value)
            .zip(timestamp(other))
            .map(|(a, b)| a.cmp(&b)),
    };
    ordering.is_some_and(|ordering| match relation {
        Relation::Equals => ordering.is_eq(),
        Relation::LessThan => ordering.is_lt(),
        Relation::LessThanEquals => ordering.is_le(),
        Relation::GreaterThan => ordering.is_gt(),
        Relation::GreaterThanEquals => ordering.is_ge(),
    })
}

fn compare_numbers(value: &Value, other: &Value) -> Option<Ordering> {
    match value.as_i64().zip(other.as_i64()) {
        Some((a, b)) => Some(a.cmp(&b)),
        None => value.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// AWS's times are RFC 3339 with a capital `T` and an offset.
pub(crate) fn timestamp(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?;
    (text.as_bytes().get(10) == Some(&b'T'))
        .then(|| text.parse().ok())
        .flatten()
}

/// `*` stands for any text; `\*` and `\\` for themselves.
fn matches_pattern(text: &str, pattern: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => {
            let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            starts.any(|at| matches_pattern(&text[at..], rest.as_str()))
        }
        Some(first) => {
            let wanted = if first == '\\' {
                rest.next().unwrap_or('\\')
            } else {
                first
            };
            text.strip_prefix(wanted)
                .is_some_and(|text| matches_pattern(text, rest.as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::ExecutionContext;

    fn ask(condition: Value, data: &Value) -> Result<bool, String> {
        let Value::Object(object) = condition else {
            panic!("a condition is an object")
        };
        let condition =
            Condition::parse(object, "Choices[0]").map_err(|problem| problem.to_string())?;
        let execution = ExecutionContext {
            name: "run-1".to_owned(),
            input: json!({}),
            started: Timestamp::UNIX_EPOCH,
        };
        let context = Context {
            execution: &execution,
            state: "Here",
            item: None,
        };
        condition
            .holds(data, &context)
            .map_err(|failed| failed.error)
    }

    #[test]
    fn every_operator_answers() {
        let data = json!({
            "n": 5, "f": 2.5, "s": "lake", "t": true, "nothing": null, "list": [],
            "at": "2026-01-31T05:30:00Z", "later": "2026-01-31T06:30:00.5+01:00", "m": 5, "u": "lakes"
        });
        let table = [
            ("s", "StringEquals", json!("lake"), true),
            ("s", "StringEquals", json!("Lake"), false),
            ("n", "StringEquals", json!("5"), false),
            ("s", "StringLessThan", json!("lakes"), true),
            ("s", "StringLessThanEquals", json!("lake"), true),
            ("s", "StringGreaterThan", json!("lake"), false),
            ("s", "StringGreaterThanEquals", json!("lake"), true),
            ("s", "StringEqualsPath", json!("$.u"), false),
            ("s", "StringLessThanPath", json!("$.u"), true),
            ("s", "StringEqualsPath", json!("$.n"), false),
            ("s", "StringMatches", json!("l*e"), true),
            ("n", "NumericEquals", json!(5), true),
            ("n", "NumericEquals", json!(5.0), true),
            ("s", "NumericEquals", json!(5), false),
            ("n", "NumericLessThan", json!(5.5), true),
            ("n", "NumericLessThanEquals", json!(5), true),
            ("n", "NumericGreaterThan", json!(5), false),
            ("f", "NumericGreaterThanEquals", json!(2.5), true),
            ("n", "NumericEqualsPath", json!("$.m"), true),
            ("f", "NumericLessThanPath", json!("$.n"), true),
            ("t", "BooleanEquals", json!(true), true),
            ("t", "BooleanEquals", json!(false), false),
            ("s", "BooleanEquals", json!(true), false),
            ("t", "BooleanEqualsPath", json!("$.t"), true),
            (
                "at",
                "TimestampEquals",
                json!("2026-01-31T06:30:00+01:00"),
                true,
            ),
            ("at", "TimestampLessThanPath", json!("$.later"), true),
            (
                "later",
                "TimestampGreaterThan",
                json!("2026-01-31T05:30:00Z"),
                true,
            ),
            (
                "s",
                "TimestampGreaterThan",
                json!("2026-01-31T05:30:00Z"),
                false,
            ),
            ("nothing", "IsNull", json!(true), true),
            ("n", "IsNull", json!(false), true),
            ("nothing", "IsPresent", json!(true), true),
            ("missing", "IsPresent", json!(false), true),
            ("s", "IsString", json!(true), true),
            ("n", "IsNumeric", json!(true), true),
            ("t", "IsBoolean", json!(true), true),
            ("at", "IsTimestamp", json!(true), true),
            ("s", "IsTimestamp", json!(true), false),
            ("list", "IsString", json!(true), false),
        ];
        for (variable, operator, operand, expected) in table {
            let condition = json!({ "Variable": format!("$.{variable}"), operator: operand });
            assert_eq!(ask(condition.clone(), &data), Ok(expected), "{condition}");
        }
    }

    #[test]
    fn a_missing_variable_ends_the_execution_unless_presence_guards_it() {
        let more = json!({ "Variable": "$.more", "BooleanEquals": true });
        let present = json!({ "Variable": "$.more", "IsPresent": true });
        let absent = json!({ "Variable": "$.more", "IsPresent": false });
        assert_eq!(
            ask(more.clone(), &json!({})),
            Err("States.Runtime".to_owned())
        );
        assert_eq!(
            ask(json!({ "And": [present, more] }), &json!({})),
            Ok(false)
        );
        assert_eq!(ask(json!({ "Or": [absent, more] }), &json!({})), Ok(true));
        assert_eq!(ask(json!({ "Not": absent }), &json!({})), Ok(false));
    }

    #[test]
    fn a_star_stands_for_any_text() {
        let table = [
            ("log-2026.txt", "log-*.txt", true),
            ("log-.txt", "log-*.txt", true),
            ("log-2026.csv", "log-*.txt", false),
            ("aXbXc", "a*b*c", true),
            ("abc", "*", true),
            ("", "*", true),
            ("a*c", r"a\*c", true),
            ("abc", r"a\*c", false),
            (r"a\c", r"a\\c", true),
            ("häuser", "h*r", true),
        ];
        for (text, pattern, expected) in table {
            assert_eq!(matches_pattern(text, pattern), expected, "{text} {pattern}");
        }
    }

    #[test]
    fn a_rule_that_says_nothing_is_refused() {
        let table = [
            (
                json!({ "Variable": "$.a" }),
                "Choices[0]: a condition needs exactly one operator, such as `StringEquals`",
            ),
            (
                json!({ "Variable": "$.a", "IsNull": true, "IsString": true }),
                "Choices[0]: a condition needs exactly one operator, such as `StringEquals`",
            ),
            (
                json!({ "StringEquals": "a" }),
                "Choices[0].StringEquals: a comparison needs `Variable`, a path; `And`, `Or` and `Not` need none",
            ),
            (
                json!({ "Variable": "$.a", "BooleanLessThan": true }),
                "Choices[0].BooleanLessThan: unknown operator; see the table of Choice rules",
            ),
            (
                json!({ "Variable": "$.a", "NumericEquals": "5" }),
                "Choices[0].NumericEquals: \"5\" cannot be compared so; for the value at a path use the operator with `Path`",
            ),
            (
                json!({ "And": [{ "Variable": "$.a", "IsNull": true, "Next": "B" }] }),
                "Choices[0].And[0]: a nested condition leads nowhere; move `Next` to the rule",
            ),
            (
                json!({ "Or": [] }),
                "Choices[0].Or: needs a list of conditions with at least one in it",
            ),
        ];
        for (condition, expected) in table {
            assert_eq!(ask(condition, &json!({})), Err(expected.to_owned()));
        }
    }
}
