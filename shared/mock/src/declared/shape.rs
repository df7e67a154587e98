//! What the records of a resource have to hold, gathered from all that reads them: columns, keys, look-ups,
//! conditions, checks, the resources that are asked for by them.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use pipeline::bookmark::Order;
use pipeline::data_check::{Kind, Range};
use pipeline::definition::Pipeline;
use pipeline::for_each::ForEach;
use pipeline::name::Name;
use pipeline::paginate::Paginate;
use pipeline::path::{Path, Segment};
use pipeline::sql::Literal;
use pipeline::table::TableDefinition;
use pipeline::table::column::{ColumnDefinition, Source};
use pipeline::table::condition::{Test, When};
use pipeline::table::each::Each;
use pipeline::table::origin::Origin;

/// What an object of a record has to hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    pub(super) leaves: IndexMap<Path, Leaf>,
    pub(super) lists: IndexMap<Path, Shape>,
    /// Whether its elements have elements of their own by the same path.
    pub(super) is_tree: bool,
}

/// What is read at one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaf {
    pub(super) columns: Vec<ColumnDefinition>,
    /// No two records have the same there.
    pub(super) is_unique: bool,
    /// There is always something.
    pub(super) is_needed: bool,
    /// It is what its record is asked for by.
    pub(super) is_identity: bool,
    /// The column of a reference table that has to have the same.
    pub(super) lookup: Option<(Name, String)>,
    /// The table and its column that has to have the same.
    pub(super) refers: Option<(Name, Name)>,
    /// One of these.
    pub(super) accepted: Vec<String>,
    /// No number is smaller, and none is larger.
    pub(super) within: (Option<f64>, Option<f64>),
    /// It grows from record to record.
    pub(super) order: Option<Order>,
}

/// Records of one sort: what they hold, and what decides that certain tables take them.
#[derive(Clone, Debug, Default)]
pub(super) struct Sort {
    pub(super) shape: Shape,
    /// At each place one of these, none being nothing.
    pub(super) forced: Vec<(Path, Vec<Option<String>>)>,
}

/// The sorts of records that a resource has: one for each table that takes only some, or a single one.
pub(super) fn sorts(pipeline: &Pipeline, resource: &Name) -> Vec<Sort> {
    let tables = pipeline.tables_of(resource);
    let split: Vec<&TableDefinition> = tables
        .values()
        .filter(|table| table.when.is_some())
        .collect();
    if split.is_empty() {
        return vec![sort(pipeline, resource, &tables, Vec::new())];
    }
    let forced = split.iter().map(|table| forced(table, &split));
    forced
        .map(|forced| {
            let takes = |table: &TableDefinition| takes(table, &forced, &split);
            let taking = tables.iter().filter(|(_, table)| takes(table));
            let taking = taking
                .map(|(name, table)| (name.clone(), table.clone()))
                .collect();
            sort(pipeline, resource, &taking, forced)
        })
        .collect()
}

/// What has to stand where a table looks.
fn forced(table: &TableDefinition, split: &[&TableDefinition]) -> Vec<(Path, Vec<Option<String>>)> {
    let one = |test: &Test| match test {
        Test::Equals(value) => vec![Some(value.0.clone())],
        Test::In(values) => values.iter().map(|value| Some(value.0.clone())).collect(),
        Test::Null => vec![None],
        Test::NotNull => vec![Some("some".to_owned())],
    };
    if let Some(When::Matches(condition)) = &table.when {
        return vec![(condition.path.clone(), one(&condition.test))];
    }
    let others = split.iter().filter_map(|table| match &table.when {
        Some(When::Matches(condition)) => Some(condition),
        _ => None,
    });
    let others = others.map(|condition| {
        let other = match condition.test {
            Test::NotNull => None,
            _ => Some("other".to_owned()),
        };
        (condition.path.clone(), vec![other])
    });
    others.collect()
}

fn takes(
    table: &TableDefinition,
    forced: &[(Path, Vec<Option<String>>)],
    split: &[&TableDefinition],
) -> bool {
    let matched = |table: &TableDefinition| match &table.when {
        Some(When::Matches(condition)) => forced.iter().any(|(path, values)| {
            let holds = |value: &Option<String>| condition.test.holds(value.as_deref());
            *path == condition.path && values.iter().any(holds)
        }),
        _ => false,
    };
    match &table.when {
        None => true,
        Some(When::Matches(_)) => matched(table),
        Some(When::Otherwise) => !split.iter().any(|table| matched(table)),
    }
}

fn sort(
    pipeline: &Pipeline,
    resource: &Name,
    tables: &IndexMap<Name, TableDefinition>,
    forced: Vec<(Path, Vec<Option<String>>)>,
) -> Sort {
    let mut shape = Shape::default();
    for (name, table) in tables {
        match table.columns.declared() {
            Some(_) => shape.add_table(pipeline, name, table),
            None => shape.add_inferred(table),
        }
    }
    shape.add_asked_for(pipeline, resource);
    shape.drop_covered();
    for (path, _) in &forced {
        shape.leaves.shift_remove(path);
    }
    Sort { shape, forced }
}

impl Shape {
    fn at(&mut self, lists: &[Path], is_tree: bool) -> &mut Shape {
        let mut shape = self;
        for path in lists {
            shape = shape.lists.entry(path.clone()).or_default();
            shape.is_tree = is_tree;
        }
        shape
    }

    fn add_table(&mut self, pipeline: &Pipeline, name: &Name, table: &TableDefinition) {
        let (lists, is_tree) = match &table.each {
            None => (Vec::new(), false),
            Some(Each::Lists(paths)) => (paths.clone(), false),
            Some(Each::Tree(path)) => (vec![path.clone()], true),
        };
        self.at(&lists, is_tree);
        let sure = Sure::of(pipeline, name, table);
        for (column, definition) in table.columns.declared().into_iter().flatten() {
            let Source::From(origin) = &definition.value.source else {
                continue;
            };
            let parent = lists.len().saturating_sub(1);
            let (depth, path) = match origin {
                Origin::Own(path) => (lists.len(), path),
                Origin::Parent(path) => (parent, path),
                Origin::Record(path) => (0, path),
                Origin::Ordinal => continue,
            };
            let mut scopes = vec![depth];
            if is_tree && matches!(origin, Origin::Parent(_)) {
                scopes.push(lists.len());
            }
            for depth in scopes {
                let place = self.at(&lists[..depth], is_tree && depth > 0);
                let leaf = place.leaves.entry(path.clone()).or_default();
                sure.note(column, &definition.value, leaf);
            }
        }
    }

    /// Members of several types, for a table that takes its columns as they come.
    fn add_inferred(&mut self, table: &TableDefinition) {
        let lists = match &table.each {
            Some(Each::Lists(paths)) => paths.clone(),
            Some(Each::Tree(path)) => vec![path.clone()],
            None => Vec::new(),
        };
        let shape = self.at(&lists, matches!(table.each, Some(Each::Tree(_))));
        for key in ["id", "name", "amount", "changed_at", "note"] {
            shape.leaves.entry(Path::of_key(key)).or_default();
        }
        shape.leaves[&Path::of_key("id")].is_unique = true;
    }

    /// What other resources, pages and bookmarks take of a record.
    fn add_asked_for(&mut self, pipeline: &Pipeline, resource: &Name) {
        let mut unique = |path: &Path, order: Option<Order>| {
            let leaf = self.leaves.entry(path.clone()).or_default();
            leaf.is_unique = true;
            leaf.order = leaf.order.or(order);
        };
        let resources = &pipeline.definition.resources;
        for other in resources.values() {
            match &other.for_each {
                ForEach::Listing(listing) if listing.resource.value == *resource => {
                    unique(&listing.id, None)
                }
                ForEach::Parents(parents) => {
                    let rows = parents.of.iter().filter_map(|source| source.rows());
                    let ours = rows.filter(|(of, _)| of.value == *resource);
                    ours.flat_map(|(_, take)| take.values())
                        .for_each(|path| unique(path, None));
                }
                _ => {}
            }
        }
        let Some(own) = resources.get(resource) else {
            return;
        };
        if let Some(bookmark) = &own.bookmark
            && let Some(from) = &bookmark.from
        {
            unique(&from.value, Some(bookmark.order));
        }
        if let Paginate::Keyset(kind) = &own.paginate {
            unique(&kind.key, None);
        }
        for path in identities(pipeline, resource) {
            if let Some(leaf) = self.leaves.get_mut(&path) {
                (leaf.is_unique, leaf.is_identity) = (true, true);
            }
        }
    }

    /// Drops what is read whole where something below it is read too: an object is there anyway.
    fn drop_covered(&mut self) {
        let below = |long: &[Segment], short: &[Segment]| {
            long.len() > short.len() && long.starts_with(short)
        };
        let leaves: Vec<Path> = self.leaves.keys().cloned().collect();
        let lists: Vec<Path> = self.lists.keys().cloned().collect();
        self.leaves.retain(|path, _| {
            let own = path.segments();
            !leaves.iter().any(|other| below(other.segments(), own))
                && !lists
                    .iter()
                    .any(|list| list == path || below(list.segments(), own))
        });
        self.lists.values_mut().for_each(Shape::drop_covered);
    }
}

/// Whether records may take values of another table's: those are made first, and need none of these for it.
fn may_refer(pipeline: &Pipeline, table: &TableDefinition, to: &Name) -> bool {
    let resources = &pipeline.definition.resources;
    let to = pipeline.definition.tables.get(to);
    let (Some(own), Some(to)) = (resources.get_index_of(&table.from.value), to) else {
        return false;
    };
    let mut ahead = vec![&to.from.value];
    while let Some(next) = ahead.pop() {
        match resources.get_full(next) {
            Some((at, _, resource)) if at < own => ahead.extend(resource.for_each.parents()),
            _ => return false,
        }
    }
    true
}

/// Where a record that is asked for by another's has that other's value: at the same path.
fn identities(pipeline: &Pipeline, resource: &Name) -> Vec<Path> {
    let Some(own) = pipeline.definition.resources.get(resource) else {
        return Vec::new();
    };
    if !own.is_one_of_many() {
        return Vec::new();
    }
    match &own.for_each {
        ForEach::Listing(listing) => vec![listing.id.clone()],
        ForEach::Range(_) => vec![Path::of_key("id")],
        ForEach::Parents(parents) => {
            let takes = parents.of.iter().filter_map(|source| source.rows());
            let takes: Vec<&IndexMap<Name, Path>> = takes.map(|(_, take)| take).collect();
            match &takes[..] {
                [take] if take.len() == 1 => take.values().cloned().collect(),
                _ => Vec::new(),
            }
        }
        ForEach::None => Vec::new(),
    }
}

/// What is known of a table's columns besides their definitions.
struct Sure<'d> {
    unique: BTreeSet<&'d Name>,
    needed: BTreeSet<&'d Name>,
    lookups: Vec<(&'d Name, Name, String)>,
    accepted: Vec<(&'d Name, Vec<String>)>,
    refers: Vec<(&'d Name, (Name, Name))>,
    ranges: Vec<&'d Range>,
}

impl<'d> Sure<'d> {
    fn of(pipeline: &'d Pipeline, name: &Name, table: &'d TableDefinition) -> Self {
        let mut sure = Sure {
            unique: table.key.iter().map(|key| &key.value).collect(),
            needed: BTreeSet::new(),
            lookups: Vec::new(),
            accepted: Vec::new(),
            refers: Vec::new(),
            ranges: Vec::new(),
        };
        for definition in table
            .columns
            .declared()
            .into_iter()
            .flat_map(IndexMap::values)
        {
            if let Source::Lookup(lookup) = &definition.value.source {
                for (theirs, ours) in &lookup.matching {
                    let reference = lookup.reference.value.clone();
                    sure.lookups.push((&ours.value, reference, theirs.clone()));
                }
            }
        }
        for check in pipeline
            .definition
            .checks
            .iter()
            .filter(|check| check.table.value == *name)
        {
            match &check.kind {
                Kind::Unique(columns) => sure
                    .unique
                    .extend(columns.iter().map(|column| &column.value)),
                Kind::NotNull(columns) => sure
                    .needed
                    .extend(columns.iter().map(|column| &column.value)),
                Kind::NullShare(share) => sure.needed.extend([&share.column.value]),
                Kind::AcceptedValues(accepted) => {
                    let values = accepted.values.iter().map(written).collect();
                    sure.accepted.push((&accepted.column.value, values));
                }
                Kind::Range(range) => sure.ranges.push(range),
                Kind::ForeignKey(key) if may_refer(pipeline, table, key.references.table()) => {
                    let theirs = key.references.columns().iter();
                    let pairs = key.columns.iter().zip(theirs);
                    let table = key.references.table();
                    let pairs =
                        pairs.map(|(ours, theirs)| (&ours.value, (table.clone(), theirs.clone())));
                    sure.refers.extend(pairs);
                }
                _ => {}
            }
        }
        sure
    }

    fn note(&self, name: &Name, definition: &ColumnDefinition, leaf: &mut Leaf) {
        let lookup = self.lookups.iter().find(|(column, _, _)| *column == name);
        let accepted = self.accepted.iter().find(|(column, _)| *column == name);
        leaf.columns.push(definition.clone());
        leaf.lookup = leaf
            .lookup
            .take()
            .or(lookup.map(|(_, reference, column)| (reference.clone(), column.clone())));
        let refers = self.refers.iter().find(|(column, _)| *column == name);
        leaf.refers = leaf
            .refers
            .take()
            .or(refers.map(|(_, refers)| refers.clone()));
        leaf.is_unique |= self.unique.contains(name) && leaf.lookup.is_none();
        leaf.is_needed |= definition.required || self.needed.contains(name);
        let mut ranges = self.ranges.iter();
        if let Some(range) = ranges.find(|range| range.column.value == *name) {
            leaf.within = (
                number(range.at_least.as_ref()),
                number(range.at_most.as_ref()),
            );
        }
        if let Some((_, values)) = accepted {
            leaf.accepted.clone_from(values);
        }
    }
}

fn number(literal: Option<&Literal>) -> Option<f64> {
    match literal? {
        Literal::Integer(number) => Some(*number as f64),
        Literal::Number(number) => Some(*number),
        Literal::Bool(_) | Literal::Text(_) => None,
    }
}

fn written(literal: &Literal) -> String {
    match literal {
        Literal::Bool(value) => value.to_string(),
        Literal::Integer(number) => number.to_string(),
        Literal::Number(number) => number.to_string(),
        Literal::Text(text) => text.clone(),
    }
}
