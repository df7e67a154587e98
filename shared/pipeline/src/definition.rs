//! The definition: one pipeline's folder as a person wrote it, and the checked value that all else takes.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bookmark::BOOKMARK;
use crate::data_check::{self, Check};
use crate::database;
use crate::decode::{Decoded, decode};
use crate::destination::redshift::{Load, StagedModel, staging_name, staging_view_name};
use crate::destination::{Destinations, Write};
use crate::export::{self, Export};
use crate::known::Known;
use crate::model::{self, Literals, Materialized, Model, PlannedModel, Scope, SqlFile};
use crate::name::Name;
use crate::number::Values;
use crate::parameter::{self, Parameters};
use crate::plan::Period;
use crate::problem::{Located, Problem, Problems, suggestion};
use crate::resource::ResourceDefinition;
use crate::schedule::Schedule;
use crate::source::{SourceDefinition, check_resources};
use crate::sql::Relation;
use crate::table::column::Source;
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
    /// When the run began that asked the source, RFC 3339; nothing where there is no run yet.
    pub started_at: Option<String>,
}

/// By what name templates know when the run began that asked the source.
pub const STARTED_AT: &str = "run.started_at";

/// The files that a definition refers to, by their paths relative to it, whatever else may be wrong with it.
pub fn files(text: &str) -> BTreeSet<String> {
    let Some(definition) = decode::<Definition>(text).value else {
        return BTreeSet::new();
    };
    let references = definition.references.values();
    let references = references.map(|reference| reference.file.value.clone());
    let models = definition.models.values();
    let has_postgres = definition.destinations.postgres.is_some();
    let has_redshift = definition.destinations.redshift.is_some();
    let models = models.flat_map(|model| {
        let own = |engine, is_there: bool| is_there.then(|| model.sql.path_for(engine));
        let own = own(POSTGRES, has_postgres)
            .into_iter()
            .chain(own(REDSHIFT, has_redshift));
        let for_athena = model.sql.path_for(ATHENA);
        own.chain([for_athena, model.sql.path().to_owned()])
    });
    let checks = definition.checks.iter().filter_map(Check::file);
    let checks = checks.flat_map(|path| {
        let file = SqlFile::try_from(path.to_owned());
        let for_athena = file.map(|file| file.path_for(ATHENA));
        for_athena.into_iter().chain([path.to_owned()])
    });
    references
        .chain(models)
        .chain(checks)
        .filter(|path| is_inside(path))
        .collect()
}

/// How a file of SQL is marked that PostgreSQL wants otherwise: `models/ranking.postgres.sql`.
const POSTGRES: &str = "postgres";

/// The same for Redshift: `models/ranking.redshift.sql`.
const REDSHIFT: &str = "redshift";

/// How one is marked that Athena wants otherwise.
pub const ATHENA: &str = "athena";

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
        let Some(mut definition) = decoded.value else {
            return Err(problems);
        };
        // What has no default is found out when a run gives it.
        let _ = definition.settle(&definition.sample_values());
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
        let mut definition = self
            .check()
            .map_err(|problems| problems.render(&self.file(), &self.text))?;
        let parameters = parameter::resolve(&definition.parameters, given)?;
        definition.settle(&parameter::values(&definition.parameters, &parameters))?;
        Ok(Pipeline {
            name: self.name.clone(),
            definition,
            files: self.files.clone(),
            parameters,
            started_at: None,
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
        if let Some(schedule) = &self.schedule {
            schedule.check(problems);
        }
        self.source.check(&values, problems);
        self.check_address(problems);
        check_resources(&self.resources, &values, problems);
        self.source.check_outcomes(&self.resources, problems);
        self.check_references(bundle, problems);
        self.check_lookups(bundle, problems);
        let offered = table::check::Known {
            resources: self
                .resources
                .keys()
                .map(AsRef::as_ref)
                .chain(self.reference_names())
                .collect(),
            references: self.reference_names().collect(),
            values: values.clone(),
            of_resource: self.of_resource(),
            removed,
        };
        table::check::check(&self.tables, &offered, problems);
        let tables = self.known_tables();
        self.destinations.check(&tables, &values, problems);
        self.check_bookmarks(problems);
        let mut with_models = tables.clone();
        self.check_models(bundle, &mut with_models, problems);
        for per in self.models.values().filter_map(|model| model.per.as_ref()) {
            per.check(&values, problems);
        }
        for database in self
            .models
            .values()
            .filter_map(|model| model.database.as_ref())
        {
            database::check(database, &values, problems);
        }
        for check in &self.checks {
            check.check(&tables, problems);
            self.check_query(check, bundle, problems);
        }
        let is_periodic = |name: &str| {
            let model = self.models.get(name);
            model.is_some_and(|model| model.per.is_some())
        };
        export::check(&self.exports, &with_models, &values, &is_periodic, problems);
    }

    /// What the tables of a resource may refer to: its parents' values, unless several share a request.
    fn of_resource(&self) -> BTreeMap<&str, Vec<String>> {
        let resources = self.resources.iter();
        let own = resources.filter(|(_, resource)| !resource.for_each.is_batched());
        own.map(|(name, resource)| {
            let names = resource.names(&self.resources).into_iter();
            // The bookmark is for requests; rows have the value itself.
            let names = names.filter(|name| !name.starts_with(BOOKMARK));
            (name.as_ref(), names.collect())
        })
        .collect()
    }

    fn reference_names(&self) -> impl Iterator<Item = &str> {
        self.references.keys().map(AsRef::as_ref)
    }

    /// What templates may refer to anywhere: parameters, the parts of the window, and when the run began.
    fn value_names(&self) -> Vec<String> {
        let parameters = parameter::names(&self.parameters).into_iter();
        let window = Window::PARTS.iter().map(|part| format!("window.{part}"));
        let run = [STARTED_AT.to_owned()];
        parameters.chain(window).chain(run).collect()
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
                problems.no_file(
                    reference.file.at,
                    &reference.file.value,
                    bundle.files.keys(),
                );
            }
        }
    }

    /// Whether the columns that look-ups name are in the reference tables' first lines.
    fn check_lookups(&self, bundle: &Bundle, problems: &mut Problems) {
        let declared = self.tables.values();
        let columns = declared.filter_map(|table| table.columns.declared());
        for column in columns.flat_map(IndexMap::values) {
            let Source::Lookup(lookup) = &column.source else {
                continue;
            };
            let reference = self.references.get(&lookup.reference.value);
            let file = reference.and_then(|reference| bundle.files.get(&reference.file.value));
            let Some(text) = file else { continue };
            let names = header(text);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let matched = lookup.matching.iter();
            let wanted = matched.map(|(name, column)| (name, column.at));
            for (name, at) in wanted.chain([(&lookup.take.value, lookup.take.at)]) {
                if !names.contains(&name.as_str()) {
                    let reference = &*lookup.reference;
                    problems.add_with(
                        at,
                        format!("the reference table `{reference}` has no column `{name}`"),
                        suggestion(name, &names),
                    );
                }
            }
        }
    }

    /// Whether the source has a good address with the parameters as they are where none is given.
    fn check_address(&self, problems: &mut Problems) {
        let base_url = &self.source.base_url;
        let defaults = self.parameters.iter().filter_map(|(name, parameter)| {
            let default = parameter.default.as_ref()?;
            Some((name.as_ref(), default))
        });
        let defaults: BTreeMap<&str, &Located<String>> = defaults.collect();
        if !base_url
            .references()
            .all(|name| defaults.contains_key(name))
        {
            return;
        }
        let values = defaults
            .iter()
            .map(|(name, default)| ((*name).to_owned(), default.value.clone()))
            .collect();
        let Err(fault) = self.source.base(&values) else {
            return;
        };
        let whole = base_url.to_string();
        let whole = whole
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        let default = whole.and_then(|name| defaults.get(name));
        let at = default.map_or(base_url.at, |default| default.at);
        let (fact, remedy) = fault
            .message
            .split_once("; ")
            .unwrap_or((&fault.message, ""));
        problems.add_private(at, fact, remedy);
    }

    /// Whether the tables of a resource that is read on keep the rows of the runs before.
    fn check_bookmarks(&self, problems: &mut Problems) {
        let Some(lake) = &self.destinations.lake else {
            return;
        };
        for (name, table) in &self.tables {
            let resource = self.resources.get(&table.from.value);
            let is_read_on = resource.is_some_and(|resource| resource.bookmark.is_some());
            if is_read_on && lake.write_of(name) != Write::Append {
                problems.add_with(
                    table.from.at,
                    format!("`{}` is read on from its bookmark, so a run has new rows only, but `{name}` gives its rows up for them", table.from.value),
                    format!("write `{name}: append` under `write` of the lake, or take `bookmark` out"),
                );
            }
        }
    }

    fn check_models(&self, bundle: &Bundle, known: &mut Known, problems: &mut Problems) {
        for name in self.models.keys() {
            known.add_open(name);
        }
        let scope = self.sample_scope();
        model::plan(
            &self.models,
            &bundle.files,
            &scope,
            self.database(),
            problems,
        );
        self.check_own_files(bundle, &scope, problems);
    }

    /// Whether the files can be filled that an engine of a destination has of its own.
    fn check_own_files(&self, bundle: &Bundle, scope: &Scope, problems: &mut Problems) {
        let engines = [
            (POSTGRES, self.destinations.postgres.is_some()),
            (REDSHIFT, self.destinations.redshift.is_some()),
        ];
        let mut scope = scope.clone();
        for name in self.models.keys() {
            let relation = Relation::new(self.database(), name.to_string());
            scope.relations.insert(name.to_string(), relation);
        }
        for (engine, _) in engines.into_iter().filter(|(_, is_there)| *is_there) {
            for model in self.models.values().filter(|model| model.per.is_none()) {
                let path = model.sql.path_for(engine);
                let text = bundle.files.get(&path);
                if let Some(error) = text.and_then(|text| scope.render(text).err()) {
                    problems.add_sentence(model.sql.at, &error.at(&path));
                }
            }
        }
    }

    fn check_query(&self, check: &Check, bundle: &Bundle, problems: &mut Problems) {
        let data_check::Kind::NoRows(query) = &check.kind else {
            return;
        };
        let at = query.sql.at;
        let scope = self.sample_scope();
        let unrendered = match query.file() {
            None => scope.render(&query.sql).err().map(|error| error.message),
            Some(file) => match bundle.files.get(file) {
                None => return problems.no_file(at, file, bundle.files.keys()),
                Some(text) => scope.render(text).err().map(|error| error.at(file)),
            },
        };
        if let Some(sentence) = unrendered {
            problems.add_sentence(at, &sentence);
        }
    }

    /// What SQL may refer to, before there is a run.
    fn sample_scope(&self) -> Scope {
        let parts = Window::PARTS.iter();
        let window = parts.map(|part| ((*part).to_owned(), "2000-01-01".to_owned()));
        self.scope(self.sample_parameters(), window.collect())
    }

    /// Fills the names of databases.
    fn settle(&mut self, values: &Values) -> Result<(), String> {
        let lake = self.destinations.lake.iter_mut();
        let lake = lake.map(|lake| &mut lake.database);
        let models = self.models.values_mut();
        let models = models.filter_map(|model| model.database.as_mut());
        lake.chain(models)
            .try_for_each(|database| database.value.settle(values))
    }

    fn sample_values(&self) -> Values {
        let sample = self.parameters.iter().map(|(name, parameter)| {
            let default = parameter.default.as_ref();
            let default = default.map(|default| default.value.clone());
            (name.clone(), default.unwrap_or_default())
        });
        parameter::values(&self.parameters, &sample.collect())
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

    /// Whether a resource is read on from where the last run ended.
    pub fn has_bookmarks(&self) -> bool {
        self.resources
            .values()
            .any(|resource| resource.bookmark.is_some())
    }

    /// The database that tables are published in.
    pub fn database(&self) -> &str {
        self.destinations
            .lake
            .as_ref()
            .map_or("lake", |lake| &lake.database)
    }

    /// The column of a table that tells the windows of its rows apart: a run for several windows may have a
    /// row of one key in each.
    fn window_column(&self, name: &Name, table: &TableDefinition) -> Option<&Name> {
        let lake = self.destinations.lake.as_ref()?;
        let by_window = matches!(
            lake.write_of(name),
            Write::ReplaceWindow | Write::CreateOnly
        );
        let columns = table.columns.declared()?;
        let column = lake.window_column().filter(|_| by_window);
        column.filter(|column| columns.contains_key(*column))
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
            ..Scope::default()
        }
    }
}

/// The names in the first line of a CSV.
fn header(csv: &str) -> Vec<String> {
    let line = csv.trim_start_matches('\u{feff}').lines().next();
    let mut names = vec![String::new()];
    let mut quoted = false;
    for c in line.unwrap_or_default().chars() {
        match (c, names.last_mut()) {
            ('"', _) => quoted = !quoted,
            (',', _) if !quoted => names.push(String::new()),
            (c, Some(name)) => name.push(c),
            (_, None) => {}
        }
    }
    names
}

impl Pipeline {
    /// What templates are filled from in a slice of that window.
    pub fn values(&self, period: &Period) -> Values {
        let mut values = parameter::values(&self.definition.parameters, &self.parameters);
        for part in Window::PARTS {
            if let Some(value) = period.window.value(part) {
                values.insert(format!("window.{part}"), value);
            }
        }
        let started_at = self.started_at.iter();
        values.extend(started_at.map(|time| (STARTED_AT.to_owned(), time.clone())));
        values
    }

    /// What SQL may refer to in a run whose newest window is `period`.
    pub fn scope(&self, period: &Period) -> Scope {
        let parameters = self.parameters.iter();
        let parameters = parameters.map(|(name, value)| (name.to_string(), value.clone()));
        let parts = Window::PARTS.iter();
        let window = parts.filter_map(|part| {
            let value = period.window.value(part)?;
            Some(((*part).to_owned(), value))
        });
        let schedule = self.definition.schedule.as_ref();
        let has_windows = schedule.is_some_and(|schedule| schedule.window.is_some());
        Scope {
            // A snapshot is taken in the middle of its day; what a window is for is over.
            through: Some(match has_windows {
                true => period.window.end,
                false => period.window.start,
            }),
            ..self
                .definition
                .scope(parameters.collect(), window.collect())
        }
    }

    /// The models as PostgreSQL is to make them, each after all that it reads; none where the pipeline is not
    /// published there.
    pub fn models_for_postgres(&self, period: &Period) -> Vec<PlannedModel> {
        let Some(postgres) = &self.definition.destinations.postgres else {
            return Vec::new();
        };
        let mut scope = self.scope(period);
        for relation in scope.relations.values_mut() {
            relation.database = postgres.schema.to_string();
        }
        let mut nothing = Problems::default();
        let (models, files) = (&self.definition.models, self.files_for(Some(POSTGRES)));
        model::plan(models, &files, &scope, &postgres.schema, &mut nothing)
    }

    /// The models as Redshift is to make them in a run, each after all that it reads; none where the pipeline is
    /// not published there.
    pub fn models_for_redshift(&self, period: &Period, load: &Load) -> Vec<StagedModel> {
        let Some(redshift) = &self.definition.destinations.redshift else {
            return Vec::new();
        };
        let mut scope = self.scope(period);
        scope.literals = Literals::Escaped;
        for relation in scope.relations.values_mut() {
            relation.database = redshift.schema.to_string();
        }
        let mut nothing = Problems::default();
        let (models, files) = (&self.definition.models, self.files_for(Some(REDSHIFT)));
        let mut plan = |scope| model::plan(models, &files, scope, &redshift.schema, &mut nothing);
        let published = plan(&scope);
        // A model that waits is not to be taken for the table of its name that waits.
        let staging = |model: &PlannedModel| {
            let name = format!("model_{}", model.name);
            let name = match model.materialized {
                Materialized::Table => staging_name(load, &name),
                Materialized::View => staging_view_name(load, &name),
            };
            Relation::new(redshift.schema.to_string(), name)
        };
        let instead = published.iter();
        let instead = instead.map(|model| (model.name.clone(), staging(model)));
        let staged = plan(&Scope {
            instead: instead.collect(),
            ..scope.clone()
        });
        let both = published.into_iter().zip(staged);
        both.map(|(model, staged)| StagedModel {
            staging: staging(&model),
            reads_staged: staged.sql,
            model,
        })
        .collect()
    }

    /// The files by path, as an engine is to read them: `x.athena.sql` stands for `x.sql` where it is there.
    pub fn files_for(&self, engine: Option<&str>) -> BTreeMap<String, String> {
        let mut files = self.files.clone();
        let Some(engine) = engine else { return files };
        for (path, text) in &self.files {
            if let Some(stem) = path.strip_suffix(&format!(".{engine}.sql")) {
                files.insert(format!("{stem}.sql"), text.clone());
            }
        }
        files
    }

    /// The models in an order in which each comes after all that it reads, as an engine is to make them.
    pub fn models(&self, period: &Period, engine: Option<&str>) -> Vec<PlannedModel> {
        let scope = self.scope(period);
        let database = self.definition.database();
        // The definition is checked: there is nothing to note.
        let mut nothing = Problems::default();
        model::plan(
            &self.definition.models,
            &self.files_for(engine),
            &scope,
            database,
            &mut nothing,
        )
    }

    /// The checks of a table's rows: those that its key stands for, then the declared ones.
    pub fn checks(&self) -> Vec<Check> {
        let tables = self.definition.tables.iter();
        let of_keys = tables.flat_map(|(name, table)| {
            let key = table.key.iter().map(|column| &column.value);
            let window = self.definition.window_column(name, table);
            let window = window.filter(|window| table.key.iter().all(|c| c.value != **window));
            let key: Vec<Name> = key.chain(window).cloned().collect();
            match table.key.is_empty() {
                true => Vec::new(),
                false => data_check::Check::of_key(name, &key),
            }
        });
        let declared = self.definition.checks.iter().cloned().map(|check| {
            let table = self.definition.tables.get(&*check.table.value);
            let columns = table.and_then(|table| table.columns.declared());
            check.over_columns(columns.into_iter().flat_map(IndexMap::keys))
        });
        of_keys.chain(declared).collect()
    }

    /// The tables made of a resource or reference table, in the order of the definition.
    pub fn tables_of(&self, resource: &str) -> IndexMap<Name, TableDefinition> {
        let tables = self.definition.tables.iter();
        let fed = tables.filter(|(_, table)| &*table.from.value == resource);
        fed.map(|(name, table)| (name.clone(), table.value.clone()))
            .collect()
    }
}
