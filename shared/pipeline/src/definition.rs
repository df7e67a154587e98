//! The definition: one pipeline's folder as a person wrote it, and the checked value that all else takes.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data_check::{self, Check};
use crate::decode::{Decoded, decode};
use crate::destination::Destinations;
use crate::export::{self, Export};
use crate::known::Known;
use crate::model::{self, Model, PlannedModel, Scope};
use crate::name::Name;
use crate::number::Values;
use crate::parameter::{self, Parameters};
use crate::plan::{self, Period};
use crate::problem::{Located, Problem, Problems, suggestion};
use crate::resource::ResourceDefinition;
use crate::schedule::Schedule;
use crate::source::{SourceDefinition, check_resources};
use crate::sql::Relation;
use crate::table::{self, TableDefinition};
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
    pub source: SourceDefinition,
    /// Look-up tables that ship with the definition; a table may also be made `from` one.
    #[serde(default)]
    pub references: IndexMap<Name, ReferenceDefinition>,
    /// The kinds of records that the source offers.
    pub resources: IndexMap<Name, ResourceDefinition>,
    /// The tables made of the resources' records.
    pub tables: IndexMap<Name, Located<TableDefinition>>,
    /// Where the tables are published.
    pub destinations: Destinations,
    /// Tables and views derived from the published tables by SQL.
    #[serde(default)]
    pub models: IndexMap<Name, Model>,
    /// What must hold before anything is published.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Files written from the published tables.
    #[serde(default)]
    pub exports: Vec<Export>,
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
            _ => Err(format!(
                "version {version} of the language is not known; write `version: 1`"
            )),
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

/// The files that a definition refers to, by their paths relative to it, whatever else may be wrong with it.
pub fn files(text: &str) -> BTreeSet<String> {
    let Some(definition) = decode::<Definition>(text).value else {
        return BTreeSet::new();
    };
    let references = definition.references.values();
    let references = references.map(|reference| reference.file.value.clone());
    let models = definition.models.values();
    let models = models.map(|model| model.sql.path().to_owned());
    let checks = definition
        .checks
        .iter()
        .filter_map(Check::file)
        .map(str::to_owned);
    references
        .chain(models)
        .chain(checks)
        .filter(|path| is_inside(path))
        .collect()
}

/// Whether a path stays inside the definition's folder.
fn is_inside(path: &str) -> bool {
    let safe = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.split('/').all(safe) && !path.contains(['\\', ':', '\0'])
}

impl Bundle {
    /// The checked definition, or every problem of it.
    pub fn check(&self) -> Result<Definition, Problems> {
        let decoded: Decoded<Definition> = decode(&self.text);
        let mut problems = decoded.problems;
        let Some(definition) = decoded.value else {
            return Err(problems);
        };
        let mut found = Problems::default();
        definition.check(self, &decoded.removed, &mut found);
        let own = |problem: &Problem| !follows(problem, &decoded.removed);
        problems.0.extend(found.0.into_iter().filter(own));
        match problems.is_empty() {
            true => Ok(definition),
            false => Err(problems),
        }
    }

    /// The pipeline with the given parameters, or in one text what is wrong with the definition or with them.
    pub fn pipeline(&self, given: &IndexMap<Name, String>) -> Result<Pipeline, String> {
        let definition = self
            .check()
            .map_err(|problems| problems.render(&self.file(), &self.text))?;
        let parameters = parameter::resolve(&definition.parameters, given)?;
        Ok(Pipeline {
            name: self.name.clone(),
            definition,
            files: self.files.clone(),
            parameters,
        })
    }

    /// The definition's file as messages name it.
    pub fn file(&self) -> String {
        format!("pipelines/{}/pipeline.yaml", self.name)
    }
}

/// Whether a problem is only that something is not there which was taken out for a mistake of its own.
fn follows(problem: &Problem, removed: &BTreeSet<String>) -> bool {
    let names = |name: &String| problem.message.contains(&format!("`{name}`"));
    removed.iter().any(names)
}

impl Definition {
    fn check(&self, bundle: &Bundle, removed: &BTreeSet<String>, problems: &mut Problems) {
        let values = self.value_names();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        parameter::check(&self.parameters, problems);
        self.source.check(&values, problems);
        check_resources(&self.resources, &values, problems);
        self.check_references(bundle, problems);
        let offered = table::check::Known {
            resources: self
                .resources
                .keys()
                .map(AsRef::as_ref)
                .chain(self.reference_names())
                .collect(),
            references: self.reference_names().collect(),
            values,
            removed,
        };
        table::check::check(&self.tables, &offered, problems);
        let tables = self.known_tables();
        self.destinations.check(&tables, problems);
        let mut with_models = tables.clone();
        self.check_models(bundle, &mut with_models, problems);
        for check in &self.checks {
            check.check(&tables, problems);
            self.check_query(check, bundle, problems);
        }
        export::check(&self.exports, &with_models, problems);
    }

    fn reference_names(&self) -> impl Iterator<Item = &str> {
        self.references.keys().map(AsRef::as_ref)
    }

    /// What templates may refer to anywhere: parameters, and the parts of the window.
    fn value_names(&self) -> Vec<String> {
        let parameters = self.parameters.keys().map(ToString::to_string);
        let window = Window::PARTS.iter().map(|part| format!("window.{part}"));
        parameters.chain(window).collect()
    }

    fn known_tables(&self) -> Known {
        let mut known = Known::default();
        for (name, table) in &self.tables {
            match table.columns.declared() {
                Some(columns) => {
                    let extra = table.extra.as_deref().map(|extra| &**extra);
                    known.add(name, columns.keys().map(|name| &**name).chain(extra));
                }
                None => known.add_open(name),
            }
        }
        known
    }

    fn check_references(&self, bundle: &Bundle, problems: &mut Problems) {
        for (name, reference) in &self.references {
            if self.resources.contains_key(name) {
                problems.add_with(
                    reference.file.at,
                    format!("`{name}` is a resource and a reference table"),
                    "give one of them another name",
                );
            }
            if !bundle.files.contains_key(&reference.file.value) {
                let known: Vec<&str> = bundle.files.keys().map(String::as_str).collect();
                problems.add_with(
                    reference.file.at,
                    format!(
                        "there is no file `{}` in the pipeline's folder",
                        reference.file.value
                    ),
                    suggestion(&reference.file, &known),
                );
            }
        }
    }

    fn check_models(&self, bundle: &Bundle, known: &mut Known, problems: &mut Problems) {
        for name in self.models.keys() {
            known.add_open(name);
        }
        let scope = self.scope(BTreeMap::new(), sample_window());
        let scope = Scope {
            parameters: self.sample_parameters(),
            ..scope
        };
        model::plan(
            &self.models,
            &bundle.files,
            &scope,
            self.database(),
            problems,
        );
    }

    fn check_query(&self, check: &Check, bundle: &Bundle, problems: &mut Problems) {
        if let Some(file) = check.file()
            && !bundle.files.contains_key(file)
        {
            let known: Vec<&str> = bundle.files.keys().map(String::as_str).collect();
            problems.add_with(
                check.table.at,
                format!("there is no file `{file}` in the pipeline's folder"),
                suggestion(file, &known),
            );
        }
    }

    fn sample_parameters(&self) -> BTreeMap<String, String> {
        let default = |parameter: &parameter::Parameter| {
            let default = parameter.default.as_ref();
            default.map_or_else(String::new, |default| default.value.clone())
        };
        let named = self.parameters.iter();
        named
            .map(|(name, parameter)| (name.to_string(), default(parameter)))
            .collect()
    }

    /// The database that tables are published in.
    pub fn database(&self) -> &str {
        self.destinations
            .lake
            .as_ref()
            .map_or("lake", |lake| &lake.database)
    }

    /// Where every table is published.
    pub fn relations(&self) -> IndexMap<String, Relation> {
        let relation = |name: &Name| Relation::new(self.database(), name.to_string());
        self.tables
            .keys()
            .map(|name| (name.to_string(), relation(name)))
            .collect()
    }

    fn scope(
        &self,
        parameters: BTreeMap<String, String>,
        window: BTreeMap<String, String>,
    ) -> Scope {
        Scope {
            relations: self.relations(),
            parameters,
            window,
        }
    }
}

/// Any window: what SQL refers to is checked before there is a run.
fn sample_window() -> BTreeMap<String, String> {
    let parts = Window::PARTS.iter();
    parts
        .map(|part| ((*part).to_owned(), "2000-01-01".to_owned()))
        .collect()
}

impl Pipeline {
    /// What templates are filled from in a slice of that window.
    pub fn values(&self, period: &Period) -> Values {
        let zone = plan::zone(&self.definition);
        let parameters = self.parameters.iter();
        let mut values: Values = parameters
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect();
        for part in Window::PARTS {
            if let Some(value) = period.window.value(part, &zone) {
                values.insert(format!("window.{part}"), value);
            }
        }
        values
    }

    /// What SQL may refer to in a run whose newest window is `period`.
    pub fn scope(&self, period: &Period) -> Scope {
        let zone = plan::zone(&self.definition);
        let parameters = self.parameters.iter();
        let parameters = parameters.map(|(name, value)| (name.to_string(), value.clone()));
        let parts = Window::PARTS.iter();
        let window = parts.filter_map(|part| {
            let value = period.window.value(part, &zone)?;
            Some(((*part).to_owned(), value))
        });
        self.definition
            .scope(parameters.collect(), window.collect())
    }

    /// The models in an order in which each comes after all that it reads.
    pub fn models(&self, period: &Period) -> Vec<PlannedModel> {
        let scope = self.scope(period);
        let database = self.definition.database();
        // The definition is checked: there is nothing to note.
        let mut nothing = Problems::default();
        model::plan(
            &self.definition.models,
            &self.files,
            &scope,
            database,
            &mut nothing,
        )
    }

    /// The checks of a table's rows: those that its key stands for, then the declared ones.
    pub fn checks(&self) -> Vec<Check> {
        let of_keys = self.definition.tables.iter().flat_map(|(name, table)| {
            let key: Vec<Name> = table
                .key
                .iter()
                .map(|column| column.value.clone())
                .collect();
            data_check::Check::of_key(name, &key)
        });
        of_keys
            .chain(self.definition.checks.iter().cloned())
            .collect()
    }

    /// The tables made of a resource or reference table, in the order of the definition.
    pub fn tables_of(&self, resource: &str) -> IndexMap<Name, TableDefinition> {
        let tables = self.definition.tables.iter();
        let fed = tables.filter(|(_, table)| &*table.from.value == resource);
        fed.map(|(name, table)| (name.clone(), table.value.clone()))
            .collect()
    }
}
