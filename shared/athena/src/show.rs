//! Making the catalogue show what the pointer of a database says.
//!
//! The pointer is what counts: it was switched before, for all tables at once. A table is then switched by one
//! update, and one with partitions, partition by partition; an update takes effect only on what was read just
//! before. After every change all is read again, until there is nothing left to change. So it does not matter who
//! was interrupted where, or how many do this at once: whoever finds a difference mends it.

use aws_sdk_glue::types::{PartitionInput, Table};
use edge::lake::{Lake, Snapshot};
use pipeline::fault::Fault;
use pipeline::lake::Version;
use pipeline::listing::List;
use pipeline::sql::Relation;

use crate::at_once;
use crate::describe::{Described, GENERATION, VIEW, folder, parameter, same, same_place};
use crate::glue::{Change, Glue};

/// How often all is read again: each time, somebody has come further.
const PATIENCE: usize = 100;

/// How a look at the catalogue ended.
enum Looked {
    /// There was nothing to change.
    Same,
    /// Something was changed, or somebody else was about to.
    Changed,
    /// The table is shown as of a later state than the pointer that was read.
    Ahead(u64),
}

/// Makes the catalogue show the tables of a database; answers the state that it shows, which has the views too.
/// None where nothing has been published there.
pub(crate) async fn tables(
    glue: &Glue,
    lake: &Lake,
    database: &str,
) -> Result<Option<Snapshot>, Fault> {
    let mut before: Option<u64> = None;
    for _ in 0..PATIENCE {
        let Some(snapshot) = lake.snapshot(database).await? else {
            return Ok(None);
        };
        glue.make_database(database).await?;
        let generation = snapshot.pointer.current.generation;
        let tables = snapshot
            .versions
            .values()
            .filter(|version| version.view.is_none());
        let looks = tables.map(|version| look(glue, lake, generation, version));
        let mut is_done = true;
        for looked in at_once(looks.collect()).await? {
            match looked {
                Looked::Same => {}
                Looked::Changed => is_done = false,
                Looked::Ahead(theirs) if before == Some(generation) => {
                    return Err(older(theirs, generation).with("database", database));
                }
                Looked::Ahead(_) => is_done = false,
            }
        }
        if is_done {
            return Ok(Some(snapshot));
        }
        before = Some(generation);
    }
    Err(
        Fault::transient("the catalogue changes faster than it can be read")
            .with("database", database),
    )
}

/// The fault of a lake that was begun anew under a catalogue that knows the old one.
fn older(theirs: u64, ours: u64) -> Fault {
    Fault::bad_definition(format!(
        "the catalogue shows state {theirs} and the lake has come to {ours}; drop the database's tables in the catalogue if the lake was begun anew"
    ))
}

/// The fault of a table that somebody else made.
fn foreign(relation: &Relation) -> Fault {
    Fault::bad_definition(format!(
        "the catalogue has a table `{relation}` that Lakehead did not make; drop it, or publish under another name"
    ))
}

/// Refuses a table whose name is taken in the catalogue.
pub(crate) async fn refuse_foreign(glue: &Glue, version: &Version) -> Result<(), Fault> {
    match glue.table(&version.relation).await? {
        Some(found) if is_foreign(&found) => Err(foreign(&version.relation)),
        _ => Ok(()),
    }
}

fn is_foreign(found: &Table) -> bool {
    // A view that was made just now is not marked yet.
    found.table_type.as_deref() != Some(VIEW) && parameter(found, GENERATION).is_none()
}

/// The state of the database that a table or view was last changed for.
pub(crate) fn generation_of(found: &Table) -> u64 {
    let parameter = parameter(found, GENERATION);
    parameter.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Looks at one table, and changes what is not as it should be.
async fn look(
    glue: &Glue,
    lake: &Lake,
    generation: u64,
    version: &Version,
) -> Result<Looked, Fault> {
    let relation = &version.relation;
    let described = Described::of(version, lake)?;
    let input = |found| described.input(relation, found, generation, &version.fingerprint);
    let Some(found) = glue.table(relation).await? else {
        write_whole_list(lake, version, &described).await?;
        let _ = glue.create(relation, input(None)?).await?;
        return Ok(Looked::Changed);
    };
    if is_foreign(&found) {
        return Err(foreign(relation));
    }
    if described.is(&found, &version.fingerprint) {
        return match described.key {
            Some(_) => look_at_partitions(glue, lake, version, &described).await,
            None => Ok(Looked::Same),
        };
    }
    let theirs = generation_of(&found);
    if theirs > generation {
        return Ok(Looked::Ahead(theirs));
    }
    let is_view = found.table_type.as_deref() == Some(VIEW);
    if is_view || !described.has_key_of(&found) {
        // Neither can be changed into the other.
        tracing::info!(table = %relation, "the table is made anew in the catalogue");
        glue.delete(relation).await?;
        return Ok(Looked::Changed);
    }
    write_whole_list(lake, version, &described).await?;
    let _ = glue.update(relation, &found, input(Some(&found))?).await?;
    Ok(Looked::Changed)
}

async fn write_whole_list(
    lake: &Lake,
    version: &Version,
    described: &Described,
) -> Result<(), Fault> {
    match described.key {
        Some(_) => Ok(()),
        None => write(lake, &version.whole_list()).await,
    }
}

/// Writes a list, unless it is there.
async fn write(lake: &Lake, list: &List<'_>) -> Result<(), Fault> {
    let content = addresses(lake, list)?;
    match lake.objects().create(&list.key, content).await {
        Ok(()) | Err(edge::objects::Error::AlreadyExists(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The content of a list.
pub(crate) fn addresses(lake: &Lake, list: &List<'_>) -> Result<String, Fault> {
    let mut content = String::new();
    for file in &list.files {
        content += &format!("{}\n", lake.objects().address(&file.key)?);
    }
    Ok(content)
}

/// Looks at the partitions of a table, and changes those that are not as they should be.
async fn look_at_partitions(
    glue: &Glue,
    lake: &Lake,
    version: &Version,
    described: &Described,
) -> Result<Looked, Fault> {
    let relation = &version.relation;
    let mut there = glue.partitions(relation).await?;
    let (mut new, mut other): (Vec<PartitionInput>, Vec<PartitionInput>) = Default::default();
    let mut lists = Vec::new();
    for list in version.window_lists() {
        let window = list.window.unwrap_or_default();
        let place = folder(lake, list.folder())?;
        let found = there.remove(window);
        let wanting = match &found {
            None => &mut new,
            Some(found)
                if same_place(&found.location, &place)
                    && same(&found.columns, &described.columns) =>
            {
                continue;
            }
            Some(_) => &mut other,
        };
        wanting.push(described.partition(&list, lake)?);
        lists.push(list);
    }
    let gone: Vec<String> = there.into_keys().collect();
    if new.is_empty() && other.is_empty() && gone.is_empty() {
        return Ok(Looked::Same);
    }
    let written = lists.iter().map(|list| write(lake, list));
    at_once(written.collect()).await?;
    // Rows are there before others go: a reader in between sees too many windows rather than too few.
    let changes = [
        glue.create_partitions(relation, new).await?,
        glue.update_partitions(relation, other).await?,
        glue.delete_partitions(relation, gone).await?,
    ];
    if changes.contains(&Change::Raced) {
        tracing::debug!(table = %relation, "somebody else changes partitions too");
    }
    Ok(Looked::Changed)
}
