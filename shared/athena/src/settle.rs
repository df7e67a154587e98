//! A query as Athena is to run it: what nobody else sees yet goes by another name, in a database where tables wait.
//!
//! The name follows from the run and the content, so the text tells all that the query reads. With what is
//! published, it makes the query's identity: the same query over the same content is the same statement.

use std::collections::BTreeMap;

use edge::engine::{Catalogue, Work};
use edge::objects::sha256;
use pipeline::fault::Fault;
use pipeline::lake::Version;
use pipeline::sql::{Relation, mentioned, renamed};

use crate::STAGING;

/// How many digits of a hash tell two things apart.
pub(crate) const DIGITS: usize = 16;

/// How many views may stand on each other.
const DEEPEST: usize = 20;

/// A query that Athena can run once what it needs is there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settled {
    /// The text.
    pub(crate) sql: String,
    /// The tables that have to wait where Athena sees them, by their names there.
    pub(crate) tables: BTreeMap<String, Version>,
    /// The views likewise, each after those that it stands on, with their texts.
    pub(crate) views: Vec<(String, String)>,
    /// What is read of what is published.
    read: BTreeMap<Relation, String>,
}

impl Settled {
    /// A query over the tables of a catalogue.
    pub(crate) fn of(work: &Work, catalogue: &Catalogue, sql: &str) -> Result<Self, Fault> {
        let mut settled = Settled::default();
        settled.sql = settled.settle(work, catalogue, sql, 0)?;
        Ok(settled)
    }

    /// What tells the query from every other, with what it reads.
    pub(crate) fn id(&self) -> String {
        let mut text = self.sql.clone();
        for (relation, fingerprint) in &self.read {
            text += &format!("\n{relation} {fingerprint}");
        }
        for (name, sql) in &self.views {
            text += &format!("\n{name} {sql}");
        }
        sha256(text.as_bytes())[..DIGITS].to_owned()
    }

    fn settle(
        &mut self,
        work: &Work,
        catalogue: &Catalogue,
        sql: &str,
        depth: usize,
    ) -> Result<String, Fault> {
        if depth > DEEPEST {
            return Err(Fault::bad_definition(
                "views stand on each other in a circle",
            ));
        }
        let mut names: BTreeMap<Relation, Relation> = BTreeMap::new();
        for relation in mentioned(sql) {
            // What the lake does not know may be in the catalogue all the same: another's table.
            let Some(source) = catalogue.get(&relation) else {
                continue;
            };
            let Some(version) = &source.unseen else {
                self.read.insert(relation, source.fingerprint.clone());
                continue;
            };
            let name = match &version.view {
                None => {
                    let name = name_of(work, version);
                    self.tables.insert(name.clone(), version.clone());
                    name
                }
                Some(view) => {
                    let text = self.settle(work, catalogue, view, depth + 1)?;
                    let id = &sha256(text.as_bytes())[..DIGITS];
                    let name = waiting(work, id, &relation.table);
                    if !self.views.iter().any(|(known, _)| *known == name) {
                        self.views.push((name.clone(), text));
                    }
                    name
                }
            };
            names.insert(relation, Relation::new(STAGING, name));
        }
        Ok(renamed(sql, |relation| names.get(relation).cloned()))
    }
}

/// The name by which a version waits.
fn name_of(work: &Work, version: &Version) -> String {
    // A version that was narrowed to some windows has fewer files and the same hash.
    let list = version.whole_list();
    let content = format!("{} {}", version.fingerprint, list.key);
    waiting(
        work,
        &sha256(content.as_bytes())[..DIGITS],
        &version.relation.table,
    )
}

/// The name of something that waits for a run.
pub(crate) fn waiting(work: &Work, id: &str, table: &str) -> String {
    format!("{}_{id}_{table}", prefix(work))
}

/// What the names of all that waits for a run begin with.
pub(crate) fn prefix(work: &Work) -> String {
    let run = format!("{}/{}", work.run.pipeline, work.run.id);
    format!("r{}", &sha256(run.as_bytes())[..DIGITS])
}
