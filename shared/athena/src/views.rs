//! Views in the catalogue: made by Athena itself, then marked with what they show.

use std::collections::BTreeSet;

use aws_sdk_glue::types::{Table, TableInput};
use edge::engine::Work;
use edge::lake::Snapshot;
use edge::objects::sha256;
use edge::progress::Progress;
use pipeline::fault::Fault;
use pipeline::lake::Version;
use pipeline::sql::{Relation, mentioned};

use crate::Athena;
use crate::describe::{GENERATION, VERSION, VIEW, comment, parameter};
use crate::glue::Change;
use crate::settle::DIGITS;
use crate::show::generation_of;
use crate::statement::{Found, Room, Statement, longer};

impl Athena {
    /// Makes the catalogue show the views of a database as of a state of it.
    pub(crate) async fn show_views(
        &self,
        work: &Work,
        snapshot: &Snapshot,
    ) -> Result<Progress<()>, Fault> {
        let room = Room::default();
        let generation = snapshot.pointer.current.generation;
        let mut left: Vec<(&Version, &str)> = Vec::new();
        for version in snapshot.versions.values() {
            if let Some(view) = &version.view
                && !self.is_shown(generation, version).await?
            {
                left.push((version, view));
            }
        }
        let waiting: BTreeSet<Relation> = left
            .iter()
            .map(|(version, _)| version.relation.clone())
            .collect();
        let mut wait = None;
        for (version, view) in left {
            // What a view stands on comes first.
            let stands_on = mentioned(view);
            if stands_on.iter().any(|relation| waiting.contains(relation)) {
                wait = longer(wait, 1);
                continue;
            }
            let shown = self.show_view(work, &room, generation, version, view).await;
            let shown = shown.map_err(|fault| fault.with("view", &version.relation))?;
            if let Progress::Running { wait_seconds } = shown {
                wait = longer(wait, wait_seconds);
            }
        }
        Ok(match wait {
            Some(wait_seconds) => Progress::Running { wait_seconds },
            None => Progress::Done(()),
        })
    }

    /// Whether a view is shown, or one of a later state.
    async fn is_shown(&self, generation: u64, version: &Version) -> Result<bool, Fault> {
        let found = self.glue.table(&version.relation).await?;
        Ok(found.is_some_and(|found| {
            let is_view = found.table_type.as_deref() == Some(VIEW);
            let is_it = parameter(&found, VERSION) == Some(&version.fingerprint);
            is_view && (is_it || generation_of(&found) > generation)
        }))
    }

    async fn show_view(
        &self,
        work: &Work,
        room: &Room,
        generation: u64,
        version: &Version,
        view: &str,
    ) -> Result<Progress<()>, Fault> {
        let relation = &version.relation;
        let text = format!("CREATE OR REPLACE VIEW {} AS\n{view}", relation.quoted());
        // The same view may be made again after another stood in its place.
        let id = &sha256(format!("{generation} {text}").as_bytes())[..DIGITS];
        let Relation { database, table } = relation;
        let statement = Statement {
            name: format!("show-{database}-{table}-{id}"),
            about: &("view", relation.to_string()),
            text: &|_| text.clone(),
        };
        match self.statements.find(work, room, &statement).await? {
            Found::Succeeded(_) => self.mark(relation, generation, version).await,
            Found::Running { wait_seconds } => Ok(Progress::Running { wait_seconds }),
            Found::NotStarted { attempt } => {
                self.give_way(relation).await?;
                let wait_seconds = self
                    .statements
                    .begin(work, room, &statement, attempt)
                    .await?;
                Ok(Progress::Running { wait_seconds })
            }
        }
    }

    /// Removes a table of ours where a view is to stand: Athena does not replace one by the other.
    async fn give_way(&self, relation: &Relation) -> Result<(), Fault> {
        match self.glue.table(relation).await? {
            Some(found) if found.table_type.as_deref() != Some(VIEW) => {
                self.glue.delete(relation).await
            }
            _ => Ok(()),
        }
    }

    async fn mark(
        &self,
        relation: &Relation,
        generation: u64,
        version: &Version,
    ) -> Result<Progress<()>, Fault> {
        let found = self.glue.table(relation).await?;
        let found = found.filter(|found| found.table_type.as_deref() == Some(VIEW));
        let found = found.ok_or_else(|| {
            Fault::transient("the view that Athena made is gone").with("view", relation)
        })?;
        let marked = marked(&found, generation, version)?;
        Ok(match self.glue.update(relation, &found, marked).await? {
            Change::Made => Progress::Done(()),
            // Somebody else has changed it meanwhile: the next call looks at it again.
            Change::Raced => Progress::Running { wait_seconds: 1 },
        })
    }
}

/// The view as it is, with the mark of what it shows and the meanings of its columns.
fn marked(found: &Table, generation: u64, version: &Version) -> Result<TableInput, Fault> {
    let mut parameters = found.parameters.clone().unwrap_or_default();
    parameters.insert(GENERATION.to_owned(), generation.to_string());
    parameters.insert(VERSION.to_owned(), version.fingerprint.clone());
    let storage = found.storage_descriptor.clone().map(|mut storage| {
        for column in storage.columns.iter_mut().flatten() {
            let mut known = version.columns.iter();
            let known = known.find(|known| known.name.eq_ignore_ascii_case(&column.name));
            if let Some(text) = known.and_then(comment) {
                column.comment = Some(text);
            }
        }
        storage
    });
    TableInput::builder()
        .name(&found.name)
        .set_description(version.description.clone())
        .set_owner(found.owner.clone())
        .set_retention(Some(found.retention))
        .set_storage_descriptor(storage)
        .set_partition_keys(found.partition_keys.clone())
        .set_view_original_text(found.view_original_text.clone())
        .set_view_expanded_text(found.view_expanded_text.clone())
        .set_table_type(found.table_type.clone())
        .set_parameters(Some(parameters))
        .build()
        .map_err(|error| Fault::bug(error.to_string()))
}
