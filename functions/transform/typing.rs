//! Reads the raw chunks of a slice through the decoder.

use edge::chunk::{ChunkReader, Entry};
use edge::env::Env;
use edge::objects::Stored;
use edge::run::Run;
use indexmap::IndexMap;
use pipeline::balance::{SliceOutcome, TableOutcome};
use pipeline::fault::Fault;
use pipeline::for_each::Parent;
use pipeline::lake::{Column, DataFile};
use pipeline::name::Name;
use pipeline::number::Values;
use pipeline::path::Path;
use pipeline::run::{Fetched, Reads, Slice};
use pipeline::table::column_type::ColumnType;
use pipeline::table::{Columns, TableDefinition};
use table::{Compiled, Inference, References, Sizes, Writer};
use tokio::runtime::Handle;

use crate::sinks::Uploads;

/// How many missing ids are named one by one.
const MISSING_SHOWN: usize = 1000;

/// The typing of one slice.
pub struct Typing<'a> {
    /// The run.
    pub run: &'a Run,
    /// The slice.
    pub slice: &'a Slice,
    /// The handles.
    pub env: &'a Env,
    /// Runs what is asynchronous.
    pub handle: Handle,
}

impl Typing<'_> {
    /// Types all pages of the slice.
    pub fn all(&self) -> Result<SliceOutcome, Fault> {
        let tables = self.tables()?;
        let compiled = self.compile(&tables)?;
        let uploads = Uploads {
            objects: &self.env.objects,
            keys: &self.run.keys,
            slice: &self.slice.id,
            handle: &self.handle,
            rejects: None,
        };
        let mut writer = compiled.writer(Sizes::default(), uploads);
        let values = self.values()?;
        let is_told = compiled.is_told();
        let read = self.read(|entry, body| {
            if is_told {
                let of_page = parent(entry).onto(&values);
                writer.tell(|name| of_page.get(name).cloned())?;
            }
            writer.page(entry.page, body)
        })?;
        self.finish(writer, &tables, read)
    }

    fn tables(&self) -> Result<IndexMap<Name, TableDefinition>, Fault> {
        let mut tables = self.run.pipeline.tables_of(&self.slice.resource);
        let infers = |table: &TableDefinition| matches!(table.columns, Columns::Infer);
        if tables.values().any(infers) {
            for (name, columns) in self.infer(&tables)? {
                tables[&name].columns = columns;
            }
        }
        Ok(tables)
    }

    /// The columns of the tables that take members as they come: one reading ahead of all pages.
    fn infer(
        &self,
        tables: &IndexMap<Name, TableDefinition>,
    ) -> Result<IndexMap<Name, Columns>, Fault> {
        let mut inference = Inference::new(tables, self.records()?);
        self.read(|_, body| {
            inference.page(body);
            Ok(())
        })?;
        inference.columns()
    }

    /// Where the records lie in a page; of several paths, the first that leads to something.
    fn records(&self) -> Result<&[Path], Fault> {
        match self.slice.reads {
            Reads::Reference => Ok(&[]),
            _ => Ok(self.run.resource_of(self.slice)?.records.paths()),
        }
    }

    fn compile(&self, tables: &IndexMap<Name, TableDefinition>) -> Result<Compiled, Fault> {
        let values = self.values()?;
        let value = |name: &str| values.get(name).cloned();
        Compiled::new(tables, self.records()?, &self.references()?, value)
    }

    /// What templates are filled from in all of the slice.
    fn values(&self) -> Result<Values, Fault> {
        let period = self.run.period(&self.slice.window)?;
        Ok(self.run.pipeline.values(period))
    }

    fn references(&self) -> Result<References, Fault> {
        let mut references = References::default();
        for (name, reference) in &self.run.pipeline.definition.references {
            let file = &reference.file.value;
            let text = self.run.pipeline.files.get(file);
            let text =
                text.ok_or_else(|| Fault::bad_definition(format!("there is no file `{file}`")))?;
            references.add(name, text)?;
        }
        Ok(references)
    }

    /// Hands every page to `take`, in order.
    fn read(
        &self,
        mut take: impl FnMut(&Entry, &[u8]) -> Result<(), Fault>,
    ) -> Result<Read, Fault> {
        let mut read = Read::default();
        let mut body = Vec::new();
        let prefix = self.run.raw_keys(self.slice).raw_prefix(&self.slice.id);
        let chunks = self.handle.block_on(self.env.objects.list(&prefix))?;
        for (number, listed) in chunks.iter().enumerate() {
            self.check_time(number, chunks.len())?;
            let reader = self.handle.block_on(self.env.objects.read(&listed.key))?;
            let unread = |error| Fault::bad_data(format!("{}: {error}", listed.key));
            let (header, mut chunk) = ChunkReader::open(reader).map_err(unread)?;
            read.fetched.add(&header.fetched);
            read.complete = header.next.is_none();
            while let Some(entry) = chunk.next(&mut body).map_err(unread)? {
                match entry.status {
                    404 => read.miss(entry.id),
                    _ => take(&entry, &body)?,
                }
            }
        }
        match read.complete {
            true => Ok(read),
            false => Err(Fault::bug(
                "the slice was to be typed before all its pages were fetched",
            )),
        }
    }

    /// A slice is typed in one go, so what does not fit into one call never will.
    fn check_time(&self, done: usize, all: usize) -> Result<(), Fault> {
        let now = self.env.clock.elapsed();
        match self.env.deadline() {
            Some(deadline) if now >= deadline => Err(Fault::bad_definition(format!(
                "the time of the call is over after {done} of {all} chunks of the slice; give the function more memory or a longer time-out, or have the resource cut into more slices"
            ))),
            _ => Ok(()),
        }
    }

    fn finish(
        &self,
        writer: Writer<'_, Uploads<'_>>,
        tables: &IndexMap<Name, TableDefinition>,
        read: Read,
    ) -> Result<SliceOutcome, Fault> {
        let outcome = writer.finish()?;
        let mut typed = IndexMap::new();
        for (name, table) in outcome.tables {
            let mut parts = Vec::new();
            for part in table.parts {
                let key = part.sink.key;
                let Stored { bytes, sha256 } = self.handle.block_on(part.sink.upload.commit())?;
                parts.push(DataFile {
                    key,
                    rows: part.rows,
                    bytes,
                    sha256,
                });
            }
            let columns = columns(&tables[&name]);
            typed.insert(
                name,
                TableOutcome {
                    rows: table.counts,
                    columns,
                    parts,
                },
            );
        }
        let rejects = match outcome.sinks.rejects {
            Some(upload) => {
                self.handle.block_on(upload.commit())?;
                Some(self.run.keys.rejects(&self.slice.id))
            }
            None => None,
        };
        Ok(SliceOutcome {
            slice: self.slice.clone(),
            fetched: read.fetched,
            missing_ids: read.missing,
            records: outcome.counts,
            tables: typed,
            rejects,
        })
    }
}

/// What a page was asked for.
fn parent(entry: &Entry) -> Parent {
    let id = || entry.id.clone().map(Parent::of_id).unwrap_or_default();
    entry.parent.clone().unwrap_or_else(id)
}

/// What was read of a slice.
#[derive(Default)]
struct Read {
    fetched: Fetched,
    missing: Vec<String>,
    complete: bool,
}

impl Read {
    fn miss(&mut self, id: Option<String>) {
        if let Some(id) = id
            && self.missing.len() < MISSING_SHOWN
        {
            self.missing.push(id);
        }
    }
}

/// The columns as readers of the lake see them.
fn columns(table: &TableDefinition) -> Vec<Column> {
    let declared = table.columns.declared().into_iter().flatten();
    let mut columns: Vec<Column> = declared
        .map(|(name, column)| Column {
            name: name.to_string(),
            type_name: column.column_type.to_string(),
            nullable: !column.is_never_null(),
            description: column.description.clone(),
        })
        .collect();
    columns.extend(table.extra.as_ref().map(|name| Column {
        name: name.to_string(),
        type_name: ColumnType::Json.to_string(),
        nullable: true,
        description: Some("The members of the record that no column takes.".to_owned()),
    }));
    columns
}
