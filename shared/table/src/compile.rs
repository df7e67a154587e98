//! The tables of one resource, compiled: places, routes, columns, rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use pipeline::fault::Fault;
use pipeline::for_each::{ID, PARENT};
use pipeline::name::Name;
use pipeline::path::{Path, Segment};
use pipeline::table::column::{ColumnDefinition, OnError, Source};
use pipeline::table::condition::{Test, Unrouted, When};
use pipeline::table::each::Each;
use pipeline::table::origin::Origin;
use pipeline::table::{Duplicates, TableDefinition};
use pipeline::template::Template;

use crate::column;
use crate::reference::{Index, References};
use crate::schema::schema;
use crate::shape::{ListId, RECORD, Shape, SlotId, Straight};
use crate::{Sinks, Sizes, Writer};

/// The tables of one resource, ready to read its pages in one pass.
#[derive(Debug)]
pub struct Compiled {
    pub(crate) shape: Shape,
    /// Where the records are in a page; the first path that leads to something counts.
    pub(crate) records: Vec<Path>,
    pub(crate) tables: Vec<Plan>,
    /// Whether records that no table takes are left aside on purpose.
    pub(crate) ignores_unrouted: bool,
}

/// Whether a value belongs to what a page was asked for, not to its slice.
fn is_of_page(reference: &str) -> bool {
    reference == ID || reference.starts_with(PARENT)
}

/// One table, compiled.
#[derive(Debug)]
pub(crate) struct Plan {
    pub name: Name,
    pub list: ListId,
    pub route: Route,
    pub columns: Vec<ColumnPlan>,
    /// For each column how it is filled.
    pub ways: Vec<Way>,
    /// All columns, by their number.
    pub all: Vec<u16>,
    /// Those that no value goes straight into.
    pub others: Vec<u16>,
    pub filters: Vec<FilterPlan>,
    pub key: Vec<usize>,
    pub keeps_first: bool,
    pub extra: Option<ExtraPlan>,
    pub schema: SchemaRef,
}

#[derive(Debug)]
pub(crate) enum Route {
    Every,
    Matches(SlotId, Test),
    Otherwise,
}

#[derive(Debug)]
pub(crate) struct FilterPlan {
    pub name: Name,
    pub column: usize,
    pub test: Test,
}

/// The members that the column of the others leaves out, by their number in the shape.
#[derive(Debug)]
pub(crate) struct ExtraPlan {
    pub taken: Vec<bool>,
}

/// One column, compiled.
#[derive(Debug)]
pub(crate) struct ColumnPlan {
    pub name: Name,
    pub definition: ColumnDefinition,
    pub place: Place,
    /// Whether the value goes from the record straight into the column.
    pub is_plain: bool,
    /// Whether another column or a filter looks at its text.
    pub is_looked_at: bool,
    pub required: bool,
    pub nulls_errors: bool,
}

/// How a column is filled, in the few bytes that are looked at for every value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// From the row's own element; the value may be missing.
    Own(SlotId),
    /// From what holds the list, or the record.
    Outer,
    Ordinal,
    /// With more ado.
    Worked,
}

impl Way {
    fn of(column: &ColumnPlan) -> Self {
        match &column.place {
            _ if !column.is_plain || column.required => Way::Worked,
            Place::Own(slot) => Way::Own(*slot),
            Place::Record(_) | Place::Parent { .. } => Way::Outer,
            Place::Ordinal => Way::Ordinal,
            Place::Constant(_) | Place::Page(_) | Place::Lookup { .. } => Way::Worked,
        }
    }
}

/// Where the value of a column is found.
#[derive(Debug)]
pub(crate) enum Place {
    Own(SlotId),
    /// In what holds the list; in a tree that is an element of the list itself from the second level on.
    Parent {
        outer: SlotId,
        tree: Option<SlotId>,
    },
    Record(SlotId),
    Ordinal,
    Constant(String),
    /// The same in all rows of a page, and told anew for each.
    Page(Template),
    Lookup {
        index: Index,
        columns: Vec<usize>,
    },
}

impl Compiled {
    /// Compiles the tables of one resource. `records` are the paths under which a page may hold its records,
    /// in order of preference; `value` knows what templates refer to in this slice.
    ///
    /// # Errors
    /// `BadDefinition` where the tables do not fit together, a reference table lacks a column, or a template
    /// refers to something unknown.
    pub fn new<'t>(
        tables: impl IntoIterator<Item = (&'t Name, &'t TableDefinition)>,
        records: &[Path],
        references: &References,
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Fault> {
        let mut compiled = Compiled {
            shape: Shape::new(),
            records: match records {
                [] => vec![Path::root()],
                records => records.to_vec(),
            },
            tables: Vec::new(),
            ignores_unrouted: false,
        };
        let tables: Vec<_> = tables.into_iter().collect();
        for (name, table) in &tables {
            let plan = compiled
                .plan(name, table, references, &value)
                .map_err(|fault| fault.with("table", name))?;
            compiled.tables.push(plan);
        }
        compiled.plan_extras(&tables);
        compiled.shape.finish();
        compiled.straighten();
        Ok(compiled)
    }

    /// Whether a column's value is told page by page, with [`Writer::tell`].
    pub fn is_told(&self) -> bool {
        let mut columns = self.tables.iter().flat_map(|table| &table.columns);
        columns.any(|column| matches!(column.place, Place::Page(_)))
    }

    /// A writer that turns pages into the tables' parts.
    pub fn writer<S: Sinks>(&self, sizes: Sizes, sinks: S) -> Writer<'_, S> {
        Writer::new(self, sizes, sinks)
    }

    fn plan(
        &mut self,
        name: &Name,
        table: &TableDefinition,
        references: &References,
        value: &impl Fn(&str) -> Option<String>,
    ) -> Result<Plan, Fault> {
        let declared = table.columns.declared().ok_or_else(|| {
            Fault::bad_definition("the columns have to be inferred before rows are typed")
        })?;
        let position = |column: &str| {
            declared
                .get_index_of(column)
                .ok_or_else(|| Fault::bad_definition(format!("there is no column `{column}`")))
        };
        let list = self.shape.each(table.each.as_ref());
        let mut columns = Vec::new();
        for (column_name, column) in declared {
            let place = match &column.source {
                Source::From(origin) => self.place(table, list, origin)?,
                Source::Value(template) if template.references().any(is_of_page) => {
                    Place::Page(template.clone())
                }
                Source::Value(template) => {
                    let filled = template.fill(value);
                    let text = filled.map_err(|error| Fault::bad_definition(error.to_string()))?;
                    Place::Constant(text)
                }
                Source::Lookup(lookup) => Place::Lookup {
                    index: references.index(lookup)?,
                    columns: lookup
                        .matching
                        .values()
                        .map(|column| position(column))
                        .collect::<Result<_, _>>()?,
                },
            };
            columns.push(ColumnPlan {
                name: column_name.clone(),
                definition: column.value.clone(),
                place,
                is_plain: false,
                is_looked_at: false,
                required: column.required,
                // What is required is never null.
                nulls_errors: column.on_error == OnError::Null && !column.required,
            });
        }
        let mut filters = Vec::new();
        for filter in &table.filters {
            filters.push(FilterPlan {
                name: filter.name.value.clone(),
                column: position(&filter.drop_when.column)?,
                test: filter.drop_when.test.clone(),
            });
        }
        note_looked_at(&mut columns, &filters)?;
        let key: Vec<usize> = table
            .key
            .iter()
            .map(|column| position(column))
            .collect::<Result<_, _>>()?;
        Ok(Plan {
            name: name.clone(),
            ways: columns.iter().map(Way::of).collect(),
            all: (0..columns.len() as u16).collect(),
            others: Vec::new(),
            list,
            route: self.route(table),
            columns,
            filters,
            keeps_first: table.duplicates == Duplicates::KeepFirst && !key.is_empty(),
            key,
            extra: None,
            schema: Arc::new(schema(table)),
        })
    }

    fn route(&mut self, table: &TableDefinition) -> Route {
        match &table.when {
            None => Route::Every,
            Some(When::Otherwise) => Route::Otherwise,
            Some(When::Matches(condition)) => {
                self.ignores_unrouted |= condition.otherwise == Unrouted::Ignore;
                let slot = self.shape.slot(RECORD, &condition.path);
                Route::Matches(slot, condition.test.clone())
            }
        }
    }

    fn place(
        &mut self,
        table: &TableDefinition,
        list: ListId,
        origin: &Origin,
    ) -> Result<Place, Fault> {
        if list == RECORD && !matches!(origin, Origin::Own(_)) {
            return Err(Fault::bad_definition(format!(
                "`{origin}` is known only in a table with `each`"
            )));
        }
        let outer = self.shape.lists[usize::from(list)].parent;
        Ok(match origin {
            Origin::Own(path) => Place::Own(self.shape.slot(list, path)),
            Origin::Record(path) => Place::Record(self.shape.slot(RECORD, path)),
            Origin::Ordinal => Place::Ordinal,
            Origin::Parent(path) => Place::Parent {
                outer: self.shape.slot(outer, path),
                tree: matches!(table.each, Some(Each::Tree(_)))
                    .then(|| self.shape.slot(list, path)),
            },
        })
    }

    /// When all places are known: which values go straight into a column. Only those of tables that keep the row of
    /// every element, whatever its values.
    fn straighten(&mut self) {
        for (number, plan) in self.tables.iter_mut().enumerate() {
            let keeps_all =
                matches!(plan.route, Route::Every) && plan.filters.is_empty() && !plan.keeps_first;
            for index in &plan.all {
                let column = &plan.columns[usize::from(*index)];
                let goes = match column.place {
                    Place::Own(slot) if keeps_all && column.is_plain => {
                        let straight = Straight {
                            slot,
                            table: number as u16,
                            column: *index,
                            take: column::take_of(&column.definition),
                            is_required: column.required,
                        };
                        self.shape.straighten(plan.list, straight)
                    }
                    _ => false,
                };
                if !goes {
                    plan.others.push(*index);
                }
            }
        }
        for plan in &self.tables {
            if let Route::Matches(slot, _) = plan.route {
                self.shape.read(RECORD, slot);
            }
            let outer_list = self.shape.lists[usize::from(plan.list)].parent;
            for index in &plan.others {
                match plan.columns[usize::from(*index)].place {
                    Place::Own(slot) => self.shape.read(plan.list, slot),
                    Place::Record(slot) => self.shape.read(RECORD, slot),
                    Place::Parent { outer, .. } => self.shape.read(outer_list, outer),
                    _ => {}
                }
            }
        }
    }

    /// When all places are known: which members each column of the others leaves out.
    fn plan_extras(&mut self, tables: &[(&Name, &TableDefinition)]) {
        for (index, (_, table)) in tables.iter().enumerate() {
            if table.extra.is_none() {
                continue;
            }
            let list = self.tables[index].list;
            let element = self.shape.lists[usize::from(list)].element as usize;
            self.shape.nodes[element].notes_members = true;
            let mut taken = vec![false; self.shape.nodes[element].members.len()];
            for path in self.taken_paths(table, list) {
                if let Some(Segment::Key(key)) = path.segments().first()
                    && let Some(member) = self.shape.nodes[element].member(key.as_bytes())
                {
                    taken[usize::from(member)] = true;
                }
            }
            self.tables[index].extra = Some(ExtraPlan { taken });
        }
    }

    /// The ways from an element of the list that a table's columns take, and those that lead to further lists.
    fn taken_paths<'a>(&'a self, table: &'a TableDefinition, list: ListId) -> Vec<&'a Path> {
        let mut paths: Vec<&Path> = Vec::new();
        for (_, column) in table.columns.declared().into_iter().flatten() {
            match &column.source {
                Source::From(Origin::Own(path)) => paths.push(path),
                Source::From(Origin::Record(path)) if list == RECORD => paths.push(path),
                _ => {}
            }
        }
        if let Some(When::Matches(condition)) = &table.when
            && list == RECORD
        {
            paths.push(&condition.path);
        }
        for (id, inner) in self.shape.lists.iter().enumerate().skip(1) {
            let holds_it = inner.parent == list || (inner.is_tree && id == usize::from(list));
            if holds_it {
                paths.push(&inner.path);
            }
        }
        paths
    }
}

/// Marks the columns whose texts others look at.
fn note_looked_at(columns: &mut [ColumnPlan], filters: &[FilterPlan]) -> Result<(), Fault> {
    let positions: BTreeMap<String, usize> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| (column.name.to_string(), index))
        .collect();
    let mut looked_at: Vec<usize> = filters.iter().map(|filter| filter.column).collect();
    for (index, column) in columns.iter().enumerate() {
        let mut above = Vec::new();
        if let Place::Lookup { columns, .. } = &column.place {
            above.extend(columns);
        }
        for function in &column.definition.apply {
            if let Some(name) = function.looks_at() {
                let position = positions.get(&**name as &str).copied();
                above.push(position.unwrap_or(usize::MAX));
            }
        }
        if above.iter().any(|above| *above >= index) {
            return Err(Fault::bad_definition(format!(
                "`{}` looks at a column that does not stand above it",
                column.name
            )));
        }
        looked_at.extend(above);
    }
    for index in looked_at {
        columns[index].is_looked_at = true;
    }
    for column in columns {
        let from_record = !matches!(
            column.place,
            Place::Constant(_) | Place::Page(_) | Place::Lookup { .. }
        );
        column.is_plain = from_record && column.definition.apply.is_empty() && !column.is_looked_at;
    }
    Ok(())
}
