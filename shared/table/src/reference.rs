//! Reference tables: CSV texts that columns look values up in.

use std::collections::{BTreeMap, HashMap};

use pipeline::fault::Fault;
use pipeline::table::column::Lookup;

/// The reference tables of a pipeline, by name.
#[derive(Debug, Default)]
pub struct References(BTreeMap<String, Reference>);

#[derive(Debug)]
struct Reference {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

impl References {
    /// Adds a reference table from its text: CSV (RFC 4180) with a header line; an empty field is null.
    ///
    /// # Errors
    /// `BadDefinition` where the text is not such a CSV.
    pub fn add(&mut self, name: &str, csv: &str) -> Result<(), Fault> {
        let wrong = |error: csv::Error| {
            Fault::bad_definition(format!("the reference table is not readable: {error}"))
                .with("reference", name)
        };
        let csv = csv.strip_prefix('\u{feff}').unwrap_or(csv);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let headers = reader.headers().map_err(wrong)?;
        let columns = headers.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(wrong)?;
            let fields = record
                .iter()
                .map(|field| Some(field).filter(|field| !field.is_empty()));
            rows.push(fields.map(|field| field.map(str::to_owned)).collect());
        }
        self.0.insert(name.to_owned(), Reference { columns, rows });
        Ok(())
    }

    /// The rows that a lookup chooses among, by the texts they are matched with.
    pub(crate) fn index(&self, lookup: &Lookup) -> Result<Index, Fault> {
        let name = lookup.reference.to_string();
        let wrong = |message: String| Fault::bad_definition(message).with("reference", &name);
        let Some(reference) = self.0.get(&name) else {
            return Err(wrong("the reference table was not given".to_owned()));
        };
        let column = |wanted: &str| {
            let found = reference.columns.iter().position(|column| column == wanted);
            found.ok_or_else(|| {
                let known: Vec<&str> = reference.columns.iter().map(String::as_str).collect();
                let remedy = pipeline::problem::suggestion(wanted, &known);
                wrong(format!(
                    "the reference table has no column `{wanted}`; {remedy}"
                ))
            })
        };
        let take = column(&lookup.take)?;
        let keys: Vec<usize> = lookup
            .matching
            .keys()
            .map(|key| column(key))
            .collect::<Result<_, _>>()?;
        let mut index = HashMap::with_capacity(reference.rows.len());
        for row in &reference.rows {
            let texts: Option<Vec<&str>> = keys.iter().map(|key| row[*key].as_deref()).collect();
            let Some(texts) = texts else { continue };
            if index.insert(key(&texts), row[take].clone()).is_some() {
                return Err(wrong(format!(
                    "two rows match `{}`; the columns of `match` have to tell rows apart",
                    texts.join("`, `")
                )));
            }
        }
        Ok(Index(index))
    }
}

/// The values of one column of a reference table, by the texts they are matched with.
#[derive(Debug)]
pub(crate) struct Index(HashMap<String, Option<String>>);

impl Index {
    /// The value of the row that matches, null included; none if no row matches.
    pub fn find(&self, texts: &[&str]) -> Option<Option<&str>> {
        self.0.get(&key(texts)).map(Option::as_deref)
    }
}

/// One text of several: each after its length, so that no two lists share one.
fn key(texts: &[&str]) -> String {
    match texts {
        [text] => (*text).to_owned(),
        texts => texts
            .iter()
            .map(|text| format!("{} {text}", text.len()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(yaml: &str) -> Lookup {
        pipeline::decode::decode(yaml).value.expect("a lookup")
    }

    #[test]
    fn rows_are_found_by_their_texts() {
        let mut references = References::default();
        let csv =
            "\u{feff}id,iso,name\n1,AX,\"Åland, Islands\"\n2,IM,Isle of Man\n,GG,Guernsey\n4,,\n";
        references.add("countries", csv).expect("CSV");
        let one = lookup("{ reference: countries, match: { name: country }, take: id }");
        let index = references.index(&one).expect("an index");
        assert_eq!(index.find(&["Åland, Islands"]), Some(Some("1")));
        assert_eq!(index.find(&["Guernsey"]), Some(None));
        assert_eq!(index.find(&["Jersey"]), None);
        assert_eq!(index.find(&[""]), None);
        let two = lookup("{ reference: countries, match: { name: country, iso: iso }, take: id }");
        let index = references.index(&two).expect("an index");
        assert_eq!(index.find(&["Isle of Man", "IM"]), Some(Some("2")));
        assert_eq!(index.find(&["Isle of Man", "AX"]), None);
    }

    #[test]
    fn what_cannot_be_looked_up_is_a_wrong_definition() {
        let mut references = References::default();
        assert!(references.add("broken", "a,b\n1\n").is_err());
        references.add("twice", "a,b\n1,2\n1,3\n").expect("CSV");
        for (yaml, part) in [
            (
                "{ reference: other, match: { a: x }, take: b }",
                "was not given",
            ),
            (
                "{ reference: twice, match: { a: x }, take: c }",
                "no column `c`",
            ),
            (
                "{ reference: twice, match: { a: x }, take: b }",
                "two rows match `1`",
            ),
        ] {
            let fault = references.index(&lookup(yaml)).expect_err(yaml);
            assert!(fault.message.contains(part), "{fault}");
        }
    }
}
