//! The records of a source: made up from what its definition reads, or taken from samples; the same for the same
//! seed, and those of children fit their parents'.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use pipeline::definition::Pipeline;
use pipeline::for_each::{ForEach, ParentSource};
use pipeline::name::Name;
use pipeline::number::Values;
use pipeline::path::Path;
use pipeline::resource::{Form, ResourceDefinition};
use pipeline::table::column::Source;
use pipeline::table::origin::Origin;
use serde_json::Value;

use super::route::written;
use super::shape::{Leaf, Shape, Sort, sorts};
use super::values::{At, put, typed, value};
use crate::draw::{Draw, mix};

/// How many records each row of a parent has, where they are a list.
const CHILDREN: u64 = 3;
/// How many of a range of ids are looked at where a resource is asked for each of them.
const MOST_PARENTS: u64 = 10_000;
/// How far the keys of repeated samples are from those in them.
const APART: u64 = 10_000_000;
/// How deep trees go.
const DEEPEST: u64 = 3;

/// Records by their resource and what they were asked for with.
type Made = HashMap<(String, Values), Arc<Vec<Value>>>;

/// Records, made when they are asked for.
pub(super) struct Rows {
    pipeline: Pipeline,
    parameters: Values,
    seed: u64,
    count: u64,
    samples: BTreeMap<String, Value>,
    references: HashMap<String, Vec<BTreeMap<String, String>>>,
    sorts: HashMap<String, Vec<Sort>>,
    made: Mutex<Made>,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Rows of {}", self.pipeline.name)
    }
}

/// For what a resource is asked: the values of a parent, and the number of it among its fellows.
struct For {
    values: Values,
    number: u64,
    /// What stands in place of the record's own key.
    identity: Option<Value>,
}

impl Rows {
    pub(super) fn new(
        pipeline: Pipeline,
        parameters: Values,
        seed: u64,
        count: u64,
        samples: BTreeMap<String, Value>,
    ) -> Self {
        let resources = pipeline.definition.resources.keys();
        let sorts = resources
            .map(|name| (name.to_string(), sorts(&pipeline, name)))
            .collect();
        let references = pipeline.definition.references.iter();
        let references = references.filter_map(|(name, reference)| {
            let text = pipeline.files.get(&reference.file.value)?;
            Some((name.to_string(), csv(text)))
        });
        Rows {
            references: references.collect(),
            sorts,
            pipeline,
            parameters,
            seed,
            count,
            samples,
            made: Mutex::default(),
        }
    }

    pub(super) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    pub(super) fn parameters(&self) -> &Values {
        &self.parameters
    }

    fn resource(&self, name: &str) -> Option<&ResourceDefinition> {
        self.pipeline.definition.resources.get(name)
    }

    /// Whether an answer holds one record, and not a list.
    pub(super) fn is_single(&self, name: &str, resource: &ResourceDefinition) -> bool {
        match (resource.form(), self.sampled(name, resource)) {
            (Form::Object, _) => true,
            (Form::List, _) => false,
            (Form::Either, Some(sample)) => sample.is_object(),
            (Form::Either, None) => resource.is_one_of_many() && !resource.for_each.is_batched(),
        }
    }

    /// What the sample has where records are.
    fn sampled(&self, name: &str, resource: &ResourceDefinition) -> Option<&Value> {
        let page = self.samples.get(name)?;
        let mut paths = resource.records.paths().iter();
        Some(paths.find_map(|path| path.find(page)).unwrap_or(page))
    }

    /// The records that a request with these values asks for; none where there is no such thing.
    pub(super) fn records(&self, name: &str, values: &Values) -> Option<Arc<Vec<Value>>> {
        let resource = self.resource(name)?;
        let own = resource.for_each.names();
        let asked: Values = own
            .iter()
            .filter_map(|own| Some((own.clone(), values.get(own)?.clone())))
            .collect();
        let window = self.window(name, values);
        let parts = self.parts(resource, &asked);
        let mut all = Vec::new();
        for part in &parts {
            let found = self.parents(resource).into_iter().find(|parent| {
                part.iter()
                    .all(|(name, value)| parent.values.get(name) == Some(value))
            });
            // An id that nobody lists may be one of a batch; alone it is nothing.
            match found.or_else(|| self.by_number(resource, part)) {
                Some(parent) => all.push(self.made(name, resource, &parent, window)),
                None if parts.len() > 1 => {}
                None => return None,
            }
        }
        match &all[..] {
            [one] => Some(one.clone()),
            many => Some(Arc::new(
                many.iter().flat_map(|part| part.iter().cloned()).collect(),
            )),
        }
    }

    /// What a batch asks for, taken apart.
    fn parts(&self, resource: &ResourceDefinition, asked: &Values) -> Vec<Values> {
        let ForEach::Parents(parents) = &resource.for_each else {
            return vec![asked.clone()];
        };
        let (Some(batch), Some(last)) = (&parents.batch, parents.of.last()) else {
            return vec![asked.clone()];
        };
        let names: Vec<String> = match last {
            ParentSource::Rows { take, .. } => {
                take.keys().map(|name| format!("parent.{name}")).collect()
            }
            ParentSource::List { name, .. } => vec![format!("parent.{name}")],
        };
        let split = |name: &String| -> Vec<&str> {
            let text = asked.get(name);
            text.map_or(Vec::new(), |text| {
                text.split(batch.separator.as_str()).collect()
            })
        };
        let count = names
            .iter()
            .map(|name| split(name).len())
            .max()
            .unwrap_or_default();
        let one = |at: usize| {
            let mut one = asked.clone();
            for name in &names {
                if let Some(value) = split(name).get(at) {
                    one.insert(name.clone(), (*value).to_owned());
                }
            }
            one
        };
        (0..count).map(one).collect()
    }

    /// A number of a range is taken at its word, however long the range is.
    fn by_number(&self, resource: &ResourceDefinition, asked: &Values) -> Option<For> {
        let ForEach::Range(range) = &resource.for_each else {
            return None;
        };
        let id: u64 = asked.get("id")?.parse().ok()?;
        let first = range.first.fill(&self.parameters, "first").ok()?;
        let last = range.last.fill(&self.parameters, "last").ok()?;
        (first..=last).contains(&id).then(|| For {
            values: asked.clone(),
            number: id,
            identity: Some(id.into()),
        })
    }

    /// For what a resource is asked, each once.
    fn parents(&self, resource: &ResourceDefinition) -> Vec<For> {
        match &resource.for_each {
            ForEach::None => vec![For {
                values: Values::new(),
                number: 0,
                identity: None,
            }],
            ForEach::Range(range) => {
                let first = range.first.fill(&self.parameters, "first").unwrap_or(1);
                let last = range.last.fill(&self.parameters, "last").unwrap_or(first);
                let numbers = (first..=last).take(MOST_PARENTS as usize);
                let of = |id: u64| For {
                    values: [("id".to_owned(), id.to_string())].into(),
                    number: id,
                    identity: Some(id.into()),
                };
                numbers.map(of).collect()
            }
            ForEach::Listing(listing) => {
                let found = self.all(&listing.resource.value).into_iter();
                let found = found.filter_map(|(_, record)| {
                    let id = listing.id.find(&record)?.clone();
                    Some((
                        Values::from([("id".to_owned(), written(&record, &listing.id)?)]),
                        id,
                    ))
                });
                numbered(found)
            }
            ForEach::Parents(parents) => {
                let mut combined = vec![(Values::new(), Value::Null)];
                for source in &parents.of {
                    let rows = self.rows_of(source);
                    combined = combined
                        .iter()
                        .flat_map(|(before, _)| {
                            rows.iter().map(move |(values, identity)| {
                                let mut both = before.clone();
                                both.extend(values.clone());
                                (both, identity.clone())
                            })
                        })
                        .collect();
                }
                numbered(combined.into_iter())
            }
        }
    }

    /// The values of one parent, with what a record that is asked for by them has as its key.
    fn rows_of(&self, source: &ParentSource) -> Vec<(Values, Value)> {
        if let Ok(Some(listed)) = self.listed(source) {
            return listed;
        }
        let Some((resource, take)) = source.rows() else {
            return Vec::new();
        };
        let found = self.all(&resource.value).into_iter();
        let found = found.filter_map(|(mut values, record)| {
            for (name, path) in take {
                values.insert(format!("parent.{name}"), written(&record, path)?);
            }
            let identity = take.values().next().and_then(|path| path.find(&record));
            Some((values, identity.cloned().unwrap_or_default()))
        });
        found.collect()
    }

    fn listed(
        &self,
        source: &ParentSource,
    ) -> Result<Option<Vec<(Values, Value)>>, pipeline::fault::Fault> {
        let ParentSource::List { values, name } = source else {
            return Ok(None);
        };
        let mut rows = Vec::new();
        for text in values {
            let filled = pipeline::number::fill(text, &self.parameters, "list")?;
            let parts: Vec<&str> = match text.references().next() {
                Some(_) => filled.split(',').map(str::trim).collect(),
                None => vec![filled.as_str()],
            };
            for part in parts.into_iter().filter(|part| !part.is_empty()) {
                rows.push((
                    [(format!("parent.{name}"), part.to_owned())].into(),
                    part.into(),
                ));
            }
        }
        Ok(Some(rows))
    }

    /// All records of a resource, each with the values that it was asked for with.
    fn all(&self, name: &str) -> Vec<(Values, Value)> {
        let Some(resource) = self.resource(name) else {
            return Vec::new();
        };
        let parents = self.parents(resource).into_iter();
        let found = parents.flat_map(|parent| {
            let records = self.made(name, resource, &parent, 0);
            let mut values = parent.values;
            values.remove("id");
            let records: Vec<Value> = records.to_vec();
            records
                .into_iter()
                .map(move |record| (values.clone(), record))
        });
        found.collect()
    }

    /// The number of the window that is asked for. What others are asked by is the same in every window, or
    /// else they could not know it.
    fn window(&self, name: &str, values: &Values) -> u64 {
        let resources = self.pipeline.definition.resources.values();
        let mut parents = resources.flat_map(|resource| resource.for_each.parents());
        if parents.any(|parent| &**parent == name) {
            return 0;
        }
        let Some(day) = day(values) else { return 0 };
        let days = day
            .since(jiff::civil::date(2020, 1, 1))
            .map_or(0, |span| span.get_days());
        let hour = values.iter().find_map(|(name, value)| {
            let time = name.starts_with("window.").then(|| value.get(11..13))??;
            time.parse::<u64>().ok()
        });
        u64::from(days.unsigned_abs()) * 24 + hour.unwrap_or_default() + 1
    }

    fn made(
        &self,
        name: &str,
        resource: &ResourceDefinition,
        parent: &For,
        window: u64,
    ) -> Arc<Vec<Value>> {
        let mut key = parent.values.clone();
        key.insert("window".to_owned(), window.to_string());
        let key = (name.to_owned(), key);
        let made = self
            .made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(made) = made {
            return made;
        }
        let made = Arc::new(self.make(name, resource, parent, window));
        let mut known = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(key, made.clone());
        made
    }

    fn make(
        &self,
        name: &str,
        resource: &ResourceDefinition,
        parent: &For,
        window: u64,
    ) -> Vec<Value> {
        let is_child = match &resource.for_each {
            ForEach::None => false,
            // The values of lists are no rows that have children: each stands for a part of the whole.
            ForEach::Parents(parents) => parents.of.iter().any(|source| source.rows().is_some()),
            ForEach::Listing(_) | ForEach::Range(_) => true,
        };
        let count = match (self.is_single(name, resource), is_child) {
            (true, _) => 1,
            (false, true) => CHILDREN,
            (false, false) => self.count,
        };
        let first = 1 + parent.number * count + window * self.count.max(CHILDREN);
        let day = (window > 0).then(|| {
            let days = i64::try_from((window - 1) / 24).unwrap_or_default();
            jiff::civil::date(2020, 1, 1)
                .checked_add(jiff::Span::new().days(days))
                .ok()
        });
        let sorts = self.sorts.get(name).map_or(&[][..], Vec::as_slice);
        if sorts.is_empty() {
            return Vec::new();
        }
        (0..count)
            .map(|n| {
                let serial = first + n;
                let sort = &sorts[(serial % sorts.len() as u64) as usize];
                let making = Making {
                    rows: self,
                    day: day.flatten(),
                    identity: parent.identity.as_ref(),
                };
                let mut draw = Draw::of(self.seed, &format!("{name}/{window}/{serial}"));
                match self.sample(name, resource, n) {
                    Some((sample, round)) if round == 0 && window == 0 => sample,
                    Some((mut sample, _)) => {
                        making.renew(&sort.shape, APART + serial, &mut sample);
                        sample
                    }
                    None => making.record(sort, serial, &mut draw),
                }
            })
            .collect()
    }

    /// The n-th record of the samples, which begin anew when they are over.
    fn sample(&self, name: &str, resource: &ResourceDefinition, n: u64) -> Option<(Value, u64)> {
        match self.sampled(name, resource)? {
            Value::Array(records) if records.is_empty() => None,
            Value::Array(records) => {
                let length = records.len() as u64;
                Some((records[(n % length) as usize].clone(), n / length))
            }
            record => Some((record.clone(), n)),
        }
    }

    /// What a column of another table has in some row.
    fn referred(&self, table: &Name, column: &Name, serial: u64) -> Option<Value> {
        let definition = self.pipeline.definition.tables.get(table)?;
        let column = definition.columns.declared()?.get(column)?;
        let (Source::From(Origin::Own(path)), None) = (&column.source, &definition.each) else {
            return None;
        };
        let all = self.all(&definition.from.value);
        let taken = all.iter().filter_map(|(_, record)| {
            let condition = match &definition.when {
                Some(pipeline::table::condition::When::Matches(condition)) => Some(condition),
                _ => None,
            };
            let fits = condition.is_none_or(|condition| {
                condition
                    .test
                    .holds(written(record, &condition.path).as_deref())
            });
            fits.then(|| path.find(record).cloned()).flatten()
        });
        let taken: Vec<Value> = taken.filter(|value| !value.is_null()).collect();
        let at = serial.checked_rem(taken.len() as u64)?;
        taken.get(at as usize).cloned()
    }
}

/// What all records of one answer have in common.
struct Making<'r> {
    rows: &'r Rows,
    day: Option<Date>,
    identity: Option<&'r Value>,
}

impl Making<'_> {
    fn record(&self, sort: &Sort, serial: u64, draw: &mut Draw) -> Value {
        let mut record = self.object(&sort.shape, serial, 0, draw);
        for (path, values) in &sort.forced {
            if let Some(text) = &values[(serial % values.len() as u64) as usize] {
                put(&mut record, path, text.as_str().into());
            }
        }
        record
    }

    fn object(&self, shape: &Shape, serial: u64, depth: u64, draw: &mut Draw) -> Value {
        let mut object = Value::Object(serde_json::Map::new());
        for (path, leaf) in &shape.leaves {
            let value = self.value(path, leaf, serial, draw);
            put(&mut object, path, value);
        }
        for (path, inner) in &shape.lists {
            let elements = self.elements(inner, serial, depth, draw);
            put(&mut object, path, elements.clone());
            if inner.is_tree {
                self.branch(path, inner, &mut object, serial, depth, draw);
            }
        }
        object
    }

    fn elements(&self, shape: &Shape, serial: u64, depth: u64, draw: &mut Draw) -> Value {
        let count = draw.below(4) as u64;
        let count = if shape.is_tree { count.max(1) } else { count };
        let level = APART * (depth + 1);
        let elements =
            (0..count).map(|n| self.object(shape, level + serial % APART * 4 + n, depth + 1, draw));
        Value::Array(elements.collect())
    }

    /// Gives the elements of a tree elements of their own, down to where trees end.
    fn branch(
        &self,
        path: &Path,
        shape: &Shape,
        whole: &mut Value,
        serial: u64,
        depth: u64,
        draw: &mut Draw,
    ) {
        if depth + 1 >= DEEPEST {
            return;
        }
        let Some(Value::Array(mut nodes)) = path.find(whole).cloned() else {
            return;
        };
        for (n, node) in nodes.iter_mut().enumerate() {
            let serial = serial % APART * 4 + n as u64;
            let elements = self.elements(shape, serial, depth + 1, draw);
            put(node, path, elements);
            self.branch(path, shape, node, serial, depth + 1, draw);
        }
        put(whole, path, Value::Array(nodes));
    }

    fn value(&self, path: &Path, leaf: &Leaf, serial: u64, draw: &mut Draw) -> Value {
        if let (true, Some(identity)) = (leaf.is_identity, self.identity) {
            return identity.clone();
        }
        if let Some((table, column)) = &leaf.refers
            && let Some(value) = self.rows.referred(table, column, serial)
        {
            return value;
        }
        if let Some((reference, column)) = &leaf.lookup {
            let rows = self.rows.references.get(&**reference);
            let rows = rows.filter(|rows| !rows.is_empty());
            let row = rows.map(|rows| &rows[(serial % rows.len() as u64) as usize]);
            if let Some(text) = row
                .and_then(|row| row.get(column))
                .filter(|text| !text.is_empty())
            {
                let kind = leaf.columns.first().map(|column| column.column_type);
                return kind.map_or_else(|| text.as_str().into(), |kind| typed(text, kind));
            }
        }
        let day = self.day;
        value(leaf, &At { serial, day, path }, draw)
    }

    /// Gives a repeated sample keys of its own.
    fn renew(&self, shape: &Shape, serial: u64, record: &mut Value) {
        for (path, leaf) in shape.leaves.iter().filter(|(_, leaf)| leaf.is_unique) {
            let fresh = match path.find(record) {
                _ if leaf.is_identity && self.identity.is_some() => self.identity.cloned(),
                Some(Value::Number(_)) => Some(serial.into()),
                Some(Value::String(text)) => Some(format!("{text}-{serial}").into()),
                _ => None,
            };
            if let Some(fresh) = fresh {
                put(record, path, fresh);
            }
        }
        for (path, inner) in &shape.lists {
            let Some(Value::Array(mut elements)) = path.find(record).cloned() else {
                continue;
            };
            for (n, element) in (1..).zip(&mut elements) {
                self.renew_element(path, inner, below(serial, n), element);
            }
            put(record, path, Value::Array(elements));
        }
    }

    /// As [`Making::renew`], of an element, and of its own elements where it is of a tree.
    fn renew_element(&self, path: &Path, shape: &Shape, serial: u64, element: &mut Value) {
        self.renew(shape, serial, element);
        let elements = path.find(element).cloned().filter(|_| shape.is_tree);
        let Some(Value::Array(mut elements)) = elements else {
            return;
        };
        for (n, inner) in (1..).zip(&mut elements) {
            self.renew_element(path, shape, below(serial, n), inner);
        }
        put(element, path, Value::Array(elements));
    }
}

/// The number of the n-th element below one; small enough for a column of 32 bits.
fn below(serial: u64, n: u64) -> u64 {
    mix(serial.wrapping_mul(1009).wrapping_add(n)) % 2_000_000_000
}

fn numbered(values: impl Iterator<Item = (Values, Value)>) -> Vec<For> {
    let numbered = (0..).zip(values);
    let of = |(number, (values, identity)): (u64, (Values, Value))| For {
        values,
        number,
        identity: Some(identity),
    };
    numbered.map(of).collect()
}

/// The day of the window that is asked for.
fn day(values: &Values) -> Option<Date> {
    let parts = values
        .iter()
        .filter(|(name, _)| name.starts_with("window."));
    let mut days = parts.filter_map(|(_, value)| value.get(..10)?.parse().ok());
    days.next()
}

/// The lines of a reference table by the names of their columns.
fn csv(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut rows = cells(text.trim_start_matches('\u{feff}')).into_iter();
    let names = rows.next().unwrap_or_default();
    let named = |row: Vec<String>| names.iter().cloned().zip(row).collect();
    rows.map(named).collect()
}

/// Cells as RFC 4180 writes them.
fn cells(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => cell.extend(rest.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    if !row.is_empty() || !cell.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}
