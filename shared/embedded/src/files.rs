//! A table made of Parquet files, read in the order in which its version lists them.

use std::fs;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::Expr;
use datafusion::object_store::path::Path as StorePath;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use edge::engine::Source;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use crate::types::{of_name, plain};

/// A table made of files.
#[derive(Debug)]
pub(crate) struct Files {
    schema: SchemaRef,
    files: Vec<PathBuf>,
}

impl Files {
    /// The table of a source: its columns in their order, of the types that its files have. A column that an
    /// older file lacks is null there.
    pub(crate) fn open(source: &Source) -> Result<Self> {
        let files = source.files.as_ref().ok_or_else(elsewhere)?;
        let mut wanting: Vec<&str> = source.columns.iter().map(|c| c.name.as_str()).collect();
        let mut found: Vec<Field> = Vec::new();
        // The latest files know the latest types.
        for path in files.iter().rev() {
            if wanting.is_empty() {
                break;
            }
            let schema = schema_of(path)?;
            wanting.retain(|name| match schema.field_with_name(name) {
                Ok(field) => {
                    found.push(Field::new(*name, plain(field.data_type()), true));
                    false
                }
                Err(_) => true,
            });
        }
        let typed = |name: &str| found.iter().find(|field| field.name() == name).cloned();
        let fields = source.columns.iter().map(|column| {
            typed(&column.name)
                .unwrap_or_else(|| Field::new(&column.name, of_name(&column.type_name), true))
        });
        Ok(Files {
            schema: Arc::new(Schema::new(fields.collect::<Vec<Field>>())),
            files: files.clone(),
        })
    }
}

fn elsewhere() -> DataFusionError {
    DataFusionError::Plan("the embedded engine reads files of this machine only".to_owned())
}

fn schema_of(path: &Path) -> Result<SchemaRef> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
    Ok(Arc::clone(metadata.schema()))
}

fn unreadable(path: &Path, error: &io::Error) -> DataFusionError {
    let message = format!("{}: {error}", path.display());
    DataFusionError::IoError(io::Error::new(error.kind(), message))
}

fn scanned(path: &Path) -> Result<PartitionedFile> {
    let size = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let mut file = PartitionedFile::new(String::new(), size.len());
    file.object_meta.location = StorePath::from_absolute_path(path)?;
    Ok(file)
}

#[async_trait]
impl TableProvider for Files {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.files.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => self.schema(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let files: Vec<PartitionedFile> = self
            .files
            .iter()
            .map(|path| scanned(path))
            .collect::<Result<_>>()?;
        let options = state.default_table_options().parquet.clone();
        let source = ParquetSource::new(self.schema()).with_table_parquet_options(options);
        let scan = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_group(FileGroup::new(files))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_preserve_order(true)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}
