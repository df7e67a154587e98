//! The Glue catalogue: its calls within their limits, and every `Errors` of a batch read.

use std::collections::BTreeMap;

use aws_sdk_glue::Client;
use aws_sdk_glue::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_glue::types::{
    BatchUpdatePartitionRequestEntry, Column, DatabaseInput, ErrorDetail, PartitionInput,
    PartitionValueList, StorageDescriptor, Table, TableInput,
};
use pipeline::fault::{Fault, Kind};
use pipeline::sql::Relation;

use crate::{at_once, refusal};

/// How many partitions one call creates or updates.
const MOST_WRITTEN: usize = 100;
/// How many partitions one call deletes.
const MOST_DELETED: usize = 25;
/// The catalogue of the account and region.
#[derive(Debug, Clone)]
pub(crate) struct Glue {
    client: Client,
}

/// Whether a change was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Change {
    /// It was.
    Made,
    /// Somebody else was first: what there is has to be looked at again.
    Raced,
}

/// A partition as it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Partition {
    pub(crate) location: String,
    pub(crate) columns: Vec<Column>,
}

impl Glue {
    pub(crate) fn new(client: Client) -> Self {
        Glue { client }
    }

    /// Makes a database where there is none.
    pub(crate) async fn make_database(&self, name: &str) -> Result<(), Fault> {
        match self.client.get_database().name(name).send().await {
            Ok(_) => return Ok(()),
            Err(error) if refusal::is_absent(&error) => {}
            Err(error) => return Err(refusal::fault("glue:GetDatabase", name, &error)),
        }
        let input = DatabaseInput::builder().name(name).build();
        let input = input.map_err(|error| Fault::bug(error.to_string()))?;
        let made = self.client.create_database().database_input(input);
        match made.send().await {
            Ok(_) => Ok(()),
            Err(error) if refusal::is_race(&error) => Ok(()),
            Err(error) => Err(refusal::fault("glue:CreateDatabase", name, &error)),
        }
    }

    /// A table or view as it is now; none where there is none.
    pub(crate) async fn table(&self, relation: &Relation) -> Result<Option<Table>, Fault> {
        let Relation { database, table } = relation;
        let get = self.client.get_table().database_name(database).name(table);
        match get.send().await {
            Ok(found) => Ok(found.table),
            Err(error) if refusal::is_absent(&error) => Ok(None),
            Err(error) => Err(refusal::fault(
                "glue:GetTable",
                &relation.to_string(),
                &error,
            )),
        }
    }

    /// All tables of a database; none where there is no such database.
    pub(crate) async fn tables(&self, database: &str) -> Result<Vec<Table>, Fault> {
        let mut tables = Vec::new();
        let list = self.client.get_tables().database_name(database);
        let mut pages = list.into_paginator().send();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => tables.extend(page.table_list.unwrap_or_default()),
                Err(error) if refusal::is_absent(&error) => return Ok(Vec::new()),
                Err(error) => return Err(refusal::fault("glue:GetTables", database, &error)),
            }
        }
        Ok(tables)
    }

    /// Makes a table.
    pub(crate) async fn create(
        &self,
        relation: &Relation,
        table: TableInput,
    ) -> Result<Change, Fault> {
        let create = self.client.create_table();
        let create = create.database_name(&relation.database).table_input(table);
        match create.send().await {
            Ok(_) => Ok(Change::Made),
            Err(error) if refusal::is_race(&error) => Ok(Change::Raced),
            Err(error) => Err(refusal::fault(
                "glue:CreateTable",
                &relation.to_string(),
                &error,
            )),
        }
    }

    /// Changes a table that is still as it was `found`.
    pub(crate) async fn update(
        &self,
        relation: &Relation,
        found: &Table,
        table: TableInput,
    ) -> Result<Change, Fault> {
        let version = found.version_id.as_deref().ok_or_else(|| {
            Fault::bug("the catalogue tells no version of a table").with("table", relation)
        })?;
        let update = self
            .client
            .update_table()
            .database_name(&relation.database)
            .table_input(table)
            .version_id(version)
            // Versions are kept by the lake; the catalogue has room for so many only.
            .skip_archive(true);
        match update.send().await {
            Ok(_) => Ok(Change::Made),
            Err(error) if refusal::is_race(&error) => Ok(Change::Raced),
            Err(error) => Err(refusal::fault(
                "glue:UpdateTable",
                &relation.to_string(),
                &error,
            )),
        }
    }

    /// Removes a table or view; no matter if there is none.
    pub(crate) async fn delete(&self, relation: &Relation) -> Result<(), Fault> {
        let Relation { database, table } = relation;
        let delete = self
            .client
            .delete_table()
            .database_name(database)
            .name(table);
        match delete.send().await {
            Ok(_) => Ok(()),
            Err(error) if refusal::is_absent(&error) => Ok(()),
            Err(error) => Err(refusal::fault(
                "glue:DeleteTable",
                &relation.to_string(),
                &error,
            )),
        }
    }

    /// The partitions of a table by their value.
    pub(crate) async fn partitions(
        &self,
        relation: &Relation,
    ) -> Result<BTreeMap<String, Partition>, Fault> {
        let Relation { database, table } = relation;
        let list = self.client.get_partitions();
        let list = list.database_name(database).table_name(table);
        let mut pages = list.into_paginator().send();
        let mut partitions = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) if refusal::is_absent(&error) => return Ok(partitions),
                Err(error) => {
                    return Err(refusal::fault(
                        "glue:GetPartitions",
                        &relation.to_string(),
                        &error,
                    ));
                }
            };
            for found in page.partitions.unwrap_or_default() {
                let storage = found
                    .storage_descriptor
                    .unwrap_or_else(|| StorageDescriptor::builder().build());
                let value = found.values.unwrap_or_default().join("/");
                let partition = Partition {
                    location: storage.location.unwrap_or_default(),
                    columns: storage.columns.unwrap_or_default(),
                };
                partitions.insert(value, partition);
            }
        }
        Ok(partitions)
    }

    /// Adds partitions.
    pub(crate) async fn create_partitions(
        &self,
        relation: &Relation,
        inputs: Vec<PartitionInput>,
    ) -> Result<Change, Fault> {
        let action = "glue:BatchCreatePartition";
        let calls = batches(inputs, MOST_WRITTEN)
            .into_iter()
            .map(async |batch| {
                let create = self
                    .client
                    .batch_create_partition()
                    .database_name(&relation.database)
                    .table_name(&relation.table)
                    .set_partition_input_list(Some(batch));
                let answer = create.send().await;
                let errors = answer.map(|answer| {
                    let errors = answer.errors.unwrap_or_default().into_iter();
                    errors.filter_map(|error| error.error_detail).collect()
                });
                became(action, relation, errors)
            });
        together(calls.collect()).await
    }

    /// Leads partitions that there are to other places.
    pub(crate) async fn update_partitions(
        &self,
        relation: &Relation,
        inputs: Vec<PartitionInput>,
    ) -> Result<Change, Fault> {
        let action = "glue:BatchUpdatePartition";
        let calls = batches(inputs, MOST_WRITTEN)
            .into_iter()
            .map(async |batch| {
                let entries = batch.into_iter().map(|input| {
                    let values = input.values.clone().unwrap_or_default();
                    let entry = BatchUpdatePartitionRequestEntry::builder();
                    let entry = entry.set_partition_value_list(Some(values));
                    entry.partition_input(input).build()
                });
                let entries = entries.collect::<Result<Vec<_>, _>>().map_err(unbuilt)?;
                let update = self
                    .client
                    .batch_update_partition()
                    .database_name(&relation.database)
                    .table_name(&relation.table)
                    .set_entries(Some(entries));
                let answer = update.send().await;
                let errors = answer.map(|answer| {
                    let errors = answer.errors.unwrap_or_default().into_iter();
                    errors.filter_map(|error| error.error_detail).collect()
                });
                became(action, relation, errors)
            });
        together(calls.collect()).await
    }

    /// Takes partitions out.
    pub(crate) async fn delete_partitions(
        &self,
        relation: &Relation,
        values: Vec<String>,
    ) -> Result<Change, Fault> {
        let action = "glue:BatchDeletePartition";
        let calls = batches(values, MOST_DELETED)
            .into_iter()
            .map(async |batch| {
                let lists = batch
                    .into_iter()
                    .map(|value| PartitionValueList::builder().values(value).build());
                let lists = lists.collect::<Result<Vec<_>, _>>().map_err(unbuilt)?;
                let delete = self
                    .client
                    .batch_delete_partition()
                    .database_name(&relation.database)
                    .table_name(&relation.table)
                    .set_partitions_to_delete(Some(lists));
                let answer = delete.send().await;
                let errors = answer.map(|answer| {
                    let errors = answer.errors.unwrap_or_default().into_iter();
                    errors.filter_map(|error| error.error_detail).collect()
                });
                became(action, relation, errors)
            });
        together(calls.collect()).await
    }
}

fn unbuilt(error: aws_sdk_glue::error::BuildError) -> Fault {
    Fault::bug(error.to_string())
}

/// The items, so many at a time.
fn batches<T>(items: Vec<T>, most: usize) -> Vec<Vec<T>> {
    let mut batches: Vec<Vec<T>> = Vec::new();
    for item in items {
        match batches.last_mut() {
            Some(batch) if batch.len() < most => batch.push(item),
            _ => batches.push(vec![item]),
        }
    }
    batches
}

/// What became of several calls, some of them under way at a time.
async fn together(
    calls: Vec<impl Future<Output = Result<Change, Fault>>>,
) -> Result<Change, Fault> {
    let changes: Vec<Change> = at_once(calls).await?;
    Ok(match changes.contains(&Change::Raced) {
        true => Change::Raced,
        false => Change::Made,
    })
}

/// What became of a batch: of the whole call, and of each item in it.
fn became<E>(
    action: &str,
    relation: &Relation,
    errors: Result<Vec<ErrorDetail>, SdkError<E>>,
) -> Result<Change, Fault>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let errors = match errors {
        Ok(errors) => errors,
        Err(error) if refusal::is_race(&error) => return Ok(Change::Raced),
        Err(error) => return Err(refusal::fault(action, &relation.to_string(), &error)),
    };
    let mut change = Change::Made;
    for error in errors {
        let code = error.error_code().unwrap_or_default();
        if refusal::is_race_code(code) {
            change = Change::Raced;
            continue;
        }
        let kind = match refusal::passes(0, code) {
            true => Kind::Transient,
            false => Kind::Bug,
        };
        let said = error.error_message().unwrap_or_default();
        let message = format!("`{action}` of {relation}: {code}: {said}");
        return Err(Fault::new(kind, message));
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use aws_sdk_glue::operation::batch_create_partition::BatchCreatePartitionError;

    use super::*;

    #[test]
    fn every_error_of_a_batch_is_read() {
        let detail = |code: &str| ErrorDetail::builder().error_code(code).build();
        for (codes, made, kind) in [
            (&[][..], Some(Change::Made), None),
            (&["AlreadyExistsException"], Some(Change::Raced), None),
            (
                &["AlreadyExistsException", "InternalServiceException"],
                None,
                Some(Kind::Transient),
            ),
            (&["InvalidInputException"], None, Some(Kind::Bug)),
        ] {
            let errors = codes.iter().map(|code| detail(code)).collect();
            let errors: Result<_, SdkError<BatchCreatePartitionError>> = Ok(errors);
            let became = became(
                "glue:BatchCreatePartition",
                &Relation::new("d", "t"),
                errors,
            );
            let kind_of = became.as_ref().err().map(|fault| fault.kind);
            assert_eq!((became.ok(), kind_of), (made, kind), "{codes:?}");
        }
    }

    #[test]
    fn batches_are_no_larger_than_the_catalogue_takes() {
        let sizes = |count: usize| -> Vec<usize> {
            let batches = batches((0..count).collect(), 25).into_iter();
            batches.map(|batch| batch.len()).collect()
        };
        assert_eq!(sizes(0), [0; 0]);
        assert_eq!(sizes(25), [25]);
        assert_eq!(sizes(51), [25, 25, 1]);
    }
}
