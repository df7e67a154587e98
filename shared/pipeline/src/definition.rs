//! The definition: one pipeline's folder as a person wrote it, and the checked value that all else takes.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data_check::DataCheck;
use crate::decode::{Decoded, decode};
use crate::destination::Destinations;
use crate::export::Export;
use crate::model::ModelDefinition;
use crate::name::Name;
use crate::parameter::{self, Parameters};
use crate::problem::{Located, Location, Problems};
use crate::schedule::Schedule;
use crate::secret::SecretName;
use crate::source::{ResourceDefinition, SourceDefinition};
use crate::table::TableDefinition;
use crate::window::Window;

/// A pipeline.
///
/// One source, its resources, the tables made of them, where these are published, and what is derived from them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Version of this language: 1.
    pub version: Version,
    /// What the pipeline is for, in a sentence or two.
    pub description: String,
    /// What a run may set: `--param name=value`.
    #[serde(default)]
    pub parameters: Parameters,
    /// When it runs, and the windows of time that its runs are for.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// The API that it reads.
    pub source: Located<SourceDefinition>,
    /// Look-up tables that ship with the definition; a table may also be made `from` one.
    #[serde(default)]
    pub references: IndexMap<Name, Located<ReferenceDefinition>>,
    /// The kinds of records that the source offers.
    pub resources: IndexMap<Name, Located<ResourceDefinition>>,
    /// The tables made of the resources' records.
    pub tables: IndexMap<Name, Located<TableDefinition>>,
    /// Where the tables are published.
    pub destinations: Destinations,
    /// Tables and views derived from the published tables by SQL.
    #[serde(default)]
    pub models: IndexMap<Name, Located<ModelDefinition>>,
    /// What must hold before anything is published.
    #[serde(default)]
    pub checks: Vec<Located<DataCheck>>,
    /// Files written from the published tables.
    #[serde(default)]
    pub exports: Vec<Located<Export>>,
}

/// The version of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "i64")]
#[schemars(with = "u8", extend("const" = 1))]
pub struct Version;

impl TryFrom<i64> for Version {
    type Error = String;

    fn try_from(version: i64) -> Result<Self, String> {
        match version {
            1 => Ok(Version),
            _ => Err(format!("version {version} of the language is not known; write `version: 1`")),
        }
    }
}

/// A look-up table that ships with the definition.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceDefinition {
    /// CSV file (RFC 4180, first line names the columns, empty is null), relative to the definition.
    pub file: Located<String>,
    /// What it holds and where it is from.
    #[serde(default)]
    pub description: Option<String>,
}

/// A definition's folder as text: all that a run needs of it, so a deploy in the middle of a run changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The pipeline's name: its folder's.
    pub name: Name,
    /// `pipeline.yaml`.
    pub text: String,
    /// The files that it refers to, by their path relative to it.
    pub files: BTreeMap<String, String>,
}

/// A definition that was checked, with its files and the values of its parameters: what all else takes.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// The pipeline's name.
    pub name: Name,
    /// The definition.
    pub definition: Definition,
    /// The files that it refers to.
    pub files: BTreeMap<String, String>,
    /// The value of every parameter.
    pub parameters: IndexMap<Name, String>,
}

/// Decodes a definition, without looking at what it refers to.
pub fn parse(text: &str) -> Decoded<Definition> {
    decode(text)
}

impl Definition {
    /// The files that the definition refers to, each with the place that does.
    pub fn files(&self) -> Vec<&Located<String>> {
        let references = self.references.values().map(|reference| &reference.file);
        let models = self.models.values().flat_map(|model| model.files());
        let checks = self.checks.iter().flat_map(|check| check.files());
        references.chain(models).chain(checks).collect()
    }
}

impl Bundle {
    /// The checked pipeline, or every problem of the definition.
    pub fn check(&self) -> Result<Definition, Problems> {
        let Decoded { value, mut problems, removed } = parse(&self.text);
        let Some(definition) = value else {
            return Err(problems);
        };
        let mut found = Problems::default();
        Checker { definition: &definition, bundle: self, problems: &mut found }.all();
        problems.0.extend(found.0.into_iter().filter(|problem| !follows(problem, &removed)));
        match problems.is_empty() {
            true => Ok(definition),
            false => Err(problems),
        }
    }

    /// The pipeline with the given parameters; the definition is expected to be checked.
    pub fn pipeline(&self, given: &IndexMap<Name, String>) -> Result<Pipeline, String> {
        let definition = self.check().map_err(|problems| {
            problems.render(&format!("{}/pipeline.yaml", self.name), &self.text)
        })?;
        let parameters = parameter::resolve(&definition.parameters, given)?;
        Ok(Pipeline {
            name: self.name.clone(),
            definition,
            files: self.files.clone(),
            parameters,
        })
    }
}

/// Whether a problem is only that something is not there which was taken out for a mistake of its own.
fn follows(problem: &crate::problem::Problem, removed: &BTreeSet<String>) -> bool {
    removed.iter().any(|name| problem.message.contains(&format!("`{name}`")))
}
