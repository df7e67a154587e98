//! Rows as delimited text: quotes only where needed, exact numbers, null as an empty cell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::Value;

/// How delimited text is written. Lines end in LF or CRLF; the text is UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// What stands between cells.
    pub delimiter: Delimiter,
    /// What ends a line.
    pub line_end: &'static str,
    /// Whether empty text is written `""`, so that it is told from null.
    pub mark_empty_text: bool,
    /// Whether text that a spreadsheet would take for a formula gets a `'` in front.
    pub spreadsheet_safe: bool,
}

/// What stands between two cells: one ASCII character that is no quote, letter, digit or line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("minLength" = 1, "maxLength" = 1))]
pub struct Delimiter(char);

impl Default for Delimiter {
    fn default() -> Self {
        Delimiter(',')
    }
}

impl TryFrom<String> for Delimiter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut characters = text.chars();
        let good = |c: char| c == '\t' || (c.is_ascii_punctuation() && !matches!(c, '"' | '\''));
        match (characters.next(), characters.next()) {
            (Some(delimiter), None) if good(delimiter) => Ok(Delimiter(delimiter)),
            _ => Err(format!(
                "`{text}` cannot stand between cells; use `,`, `;`, `|` or a tab"
            )),
        }
    }
}

impl From<Delimiter> for String {
    fn from(delimiter: Delimiter) -> String {
        delimiter.0.to_string()
    }
}

impl Dialect {
    /// RFC 4180: commas, lines that end in CRLF; empty text is `""`, null is nothing.
    pub const RFC_4180: Dialect = Dialect {
        delimiter: Delimiter(','),
        line_end: "\r\n",
        mark_empty_text: true,
        spreadsheet_safe: false,
    };

    /// Adds the line of names.
    pub fn write_header<'a>(&self, names: impl IntoIterator<Item = &'a str>, out: &mut Vec<u8>) {
        let cells: Vec<Value> = names
            .into_iter()
            .map(|name| Value::Text(name.to_owned()))
            .collect();
        self.write_row(&cells, out);
    }

    /// Adds the line of a row.
    pub fn write_row(&self, row: &[Value], out: &mut Vec<u8>) {
        for (index, value) in row.iter().enumerate() {
            if index > 0 {
                out.push(self.delimiter.0 as u8);
            }
            self.write_cell(value, row.len() == 1, out);
        }
        out.extend_from_slice(self.line_end.as_bytes());
    }

    fn write_cell(&self, value: &Value, alone: bool, out: &mut Vec<u8>) {
        let text = match value {
            Value::Text(text) if self.spreadsheet_safe && is_formula(text) => format!("'{text}"),
            _ => value.to_string(),
        };
        // A line without any character is no row to most readers.
        let empty_shown = alone || (self.mark_empty_text && !value.is_null());
        if self.needs_quotes(&text) || (text.is_empty() && empty_shown) {
            out.push(b'"');
            out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }

    fn needs_quotes(&self, text: &str) -> bool {
        text.contains([self.delimiter.0, '"', '\n', '\r'])
    }
}

/// Whether a spreadsheet would run the text. Numbers are written from numeric columns and never come here.
fn is_formula(text: &str) -> bool {
    text.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠',
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn semicolons(spreadsheet_safe: bool) -> Dialect {
        Dialect {
            delimiter: Delimiter(';'),
            line_end: "\n",
            mark_empty_text: false,
            spreadsheet_safe,
        }
    }

    fn line(dialect: &Dialect, row: &[Value]) -> String {
        let mut out = Vec::new();
        dialect.write_row(row, &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn cells_are_quoted_only_where_needed() {
        for (cell, written) in [
            (text("Fir "), "Fir "),
            (text(" a,b"), " a,b"),
            (text("a;b"), "\"a;b\""),
            (text("say \"x\""), "\"say \"\"x\"\"\""),
            (text("two\nlines"), "\"two\nlines\""),
            (text("two\rlines"), "\"two\rlines\""),
            (text("\"\""), "\"\"\"\"\"\""),
            (text(""), ""),
            (Value::Null, ""),
            (Value::Float(40.0), "40.0"),
            (Value::Float(47.11), "47.11"),
            (Value::Float(-0.5), "-0.5"),
            (Value::Integer(-5), "-5"),
            (Value::Decimal("12.30".to_owned()), "12.30"),
            (Value::Time("2024-03-25".to_owned()), "2024-03-25"),
            (Value::Bool(false), "false"),
        ] {
            let row = [Value::Integer(1), cell];
            assert_eq!(line(&semicolons(false), &row), format!("1;{written}\n"));
        }
    }

    #[test]
    fn a_row_of_one_empty_cell_is_still_a_line() {
        assert_eq!(line(&semicolons(false), &[Value::Null]), "\"\"\n");
    }

    #[test]
    fn rfc_4180_tells_empty_text_from_null() {
        let row = [text(""), Value::Null, text("a,\"b\"")];
        let written = line(&Dialect::RFC_4180, &row);
        assert_eq!(written, "\"\",,\"a,\"\"b\"\"\"\r\n");
    }

    #[test]
    fn spreadsheets_get_no_formula_and_numbers_stay() {
        for (cell, written) in [
            (text("=1+1"), "'=1+1"),
            (text("+1"), "'+1"),
            (text("-1"), "'-1"),
            (text("@SUM(A1)"), "'@SUM(A1)"),
            (text("\t=1"), "'\t=1"),
            (text("\r=1"), "\"'\r=1\""),
            (text("=a;b"), "\"'=a;b\""),
            (text("a=1"), "a=1"),
            (Value::Integer(-1), "-1"),
            (Value::Float(-1.5), "-1.5"),
            (Value::Decimal("-1.50".to_owned()), "-1.50"),
        ] {
            let row = [Value::Null, cell];
            assert_eq!(line(&semicolons(true), &row), format!(";{written}\n"));
        }
    }

    #[test]
    fn only_what_can_part_cells_is_a_delimiter() {
        for good in [",", ";", "|", "\t"] {
            assert!(Delimiter::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", ";;", "\"", "a", "1", "\n", "é"] {
            assert!(Delimiter::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
