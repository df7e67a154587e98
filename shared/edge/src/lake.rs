//! The lake: staged parts become visible by the switch of one pointer a database.
//!
//! What the pointer and the versions mean is decided in [`pipeline::lake`]; here they are read and written.
//! A publish writes new objects only and then swaps the pointer, so a crash before the swap leaves objects that
//! nobody reads, and a crash after it leaves nothing to do.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::PathBuf;

use futures::stream::{self, StreamExt, TryStreamExt};
use pipeline::fault::Fault;
use pipeline::lake::{
    Column, DataFile, FORMAT, Pointer, Publication, State, Version, pointer_key, run_of,
};
use pipeline::sql::Relation;
use serde::{Deserialize, Serialize};

use crate::engine::{Catalogue, Source};
use crate::objects::{Error, Objects, Tag, Upload};

/// Databases of versioned tables in a store of objects.
#[derive(Debug, Clone)]
pub struct Lake {
    objects: Objects,
}

/// One complete state of a database, as a reader holds it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The pointer.
    pub pointer: Pointer,
    /// The tables by name.
    pub versions: BTreeMap<String, Version>,
    tag: Tag,
}

/// What a publication would make visible.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// What readers see now; none where the database is new.
    pub before: Option<Snapshot>,
    /// The versions of the publication's tables, in its order.
    pub after: Vec<Version>,
}

/// What came of a publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Published {
    /// Readers see the run's rows. A repeated publish answers as the first did.
    Published {
        /// The number of the database's state.
        generation: u64,
        /// The publication's tables.
        tables: Vec<PublishedTable>,
    },
    /// All tables hold these very rows already; nothing was written.
    Unchanged {
        /// The number of the database's state.
        generation: u64,
        /// The publication's tables.
        tables: Vec<PublishedTable>,
    },
}

/// A table as a publish left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedTable {
    /// The table.
    #[serde(flatten)]
    pub relation: Relation,
    /// All its rows.
    pub rows: u64,
    /// The hash that tells its content.
    pub fingerprint: String,
    /// Windows of the run that were left as they are: there already (`create_only`), or as of a later moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_windows: Vec<String>,
}

/// What a prune removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Objects.
    pub objects: u64,
    /// Their size.
    pub bytes: u64,
}

/// A table as a listing for programs shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedTable {
    /// The database and the table.
    #[serde(flatten)]
    pub relation: Relation,
    /// What it is about.
    pub description: Option<String>,
    /// Its rows; of a view, once somebody has counted them.
    pub rows: u64,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Exactly the Parquet files of the version that readers see; none where the lake is not on this machine.
    pub files: Vec<PathBuf>,
    /// The column that tells windows apart.
    pub window_column: Option<String>,
}

impl Lake {
    /// The lake in a store of its own.
    pub fn new(objects: Objects) -> Self {
        Lake { objects }
    }

    /// Its objects, for engines that read and write them by themselves.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The lake below a directory of its own.
    pub fn directory(root: impl Into<PathBuf>) -> Self {
        Lake::new(Objects::directory(root))
    }

    /// Brings a Parquet object of `source` into the lake, unseen: `part` tells its key there, rows, size and
    /// hash. The answer stands for it in a [`StagedTable`]. Staging again changes nothing.
    ///
    /// `name` orders the parts of a run within a table.
    pub async fn stage(
        &self,
        source: &Objects,
        part: &DataFile,
        relation: &Relation,
        run: &str,
        name: &str,
    ) -> Result<DataFile, Fault> {
        let key = DataFile::key(relation, run, name, &part.sha256);
        if self.objects.size(&key).await? != Some(part.bytes) {
            self.objects.copy_from(source, &part.key, &key).await?;
        }
        if self.objects.size(&key).await? != Some(part.bytes) {
            return Err(Fault::bug(format!(
                "`{}` is not of the {} bytes that were noted of it",
                part.key, part.bytes
            )));
        }
        Ok(DataFile {
            key,
            ..part.clone()
        })
    }

    /// Begins to write a part of a run straight into the lake, unseen; see [`Lake::staged`].
    pub async fn upload(
        &self,
        relation: &Relation,
        run: &str,
        name: &str,
    ) -> Result<Upload, Fault> {
        let key = DataFile::key(relation, run, name, "");
        Ok(self.objects.upload(&key).await?)
    }

    /// Ends what [`Lake::upload`] began.
    pub async fn staged(
        &self,
        upload: Upload,
        rows: u64,
        relation: &Relation,
        run: &str,
        name: &str,
    ) -> Result<DataFile, Fault> {
        let named =
            |stored: &crate::objects::Stored| DataFile::key(relation, run, name, &stored.sha256);
        let (key, stored) = upload.commit_as(named).await?;
        Ok(DataFile {
            key,
            rows,
            bytes: stored.bytes,
            sha256: stored.sha256,
        })
    }

    /// The databases that have been published into.
    pub async fn databases(&self) -> Result<Vec<String>, Fault> {
        let mut published = Vec::new();
        for database in self.objects.folders("").await? {
            let pointer = self.objects.size(&pointer_key(&database)).await?;
            if pointer.is_some() {
                published.push(database);
            }
        }
        Ok(published)
    }

    /// The state of a database that readers see now; none where nothing has been published.
    pub async fn snapshot(&self, database: &str) -> Result<Option<Snapshot>, Fault> {
        // Whoever reads for longer than the lake keeps earlier states may find a version gone; the pointer
        // has moved on by then.
        for _ in 0..PATIENCE {
            let Some((pointer, tag)) = self.pointer(database).await? else {
                return Ok(None);
            };
            match self.versions(&pointer.current).await {
                Ok(versions) => {
                    return Ok(Some(Snapshot {
                        pointer,
                        versions,
                        tag,
                    }));
                }
                Err(Error::NotFound(key)) if self.has_moved(database, &tag).await? => {
                    tracing::debug!(key, "a version was pruned while it was read");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(
            Fault::transient("the lake changes faster than it can be read")
                .with("database", database),
        )
    }

    async fn has_moved(&self, database: &str, tag: &Tag) -> Result<bool, Fault> {
        Ok(self
            .pointer(database)
            .await?
            .is_none_or(|(_, now)| now != *tag))
    }

    async fn pointer(&self, database: &str) -> Result<Option<(Pointer, Tag)>, Fault> {
        let key = pointer_key(database);
        let Some((content, tag)) = self.objects.get_tagged(&key).await? else {
            return Ok(None);
        };
        let pointer: Pointer = parse(&key, &content)?;
        Ok(Some((pointer, tag)))
    }

    async fn versions(&self, state: &State) -> Result<BTreeMap<String, Version>, Error> {
        let versions = state.tables.iter().map(async |(table, key)| {
            let content = self.objects.get(key).await?;
            let version = parse(key, &content).map_err(|fault| Error::Store {
                key: key.clone(),
                source: std::io::Error::new(std::io::ErrorKind::InvalidData, fault.message),
            })?;
            Ok((table.clone(), version))
        });
        let versions: Vec<_> = versions.collect();
        stream::iter(versions).buffered(AT_ONCE).try_collect().await
    }

    /// What a publication would make visible, for checks before it does.
    pub async fn prepare(&self, publication: &Publication) -> Result<Prepared, Fault> {
        let before = self.snapshot(&publication.database).await?;
        Prepared::new(before, publication)
    }

    /// The answer to a publication that has been published before; none where it has not. Whoever tries a
    /// publish again asks this first: what was right to publish then may be behind other runs by now.
    pub async fn published(&self, publication: &Publication) -> Result<Option<Published>, Fault> {
        match self.snapshot(&publication.database).await? {
            Some(snapshot) => self.answer_given(&snapshot, publication).await,
            None => Ok(None),
        }
    }

    /// Makes a run's tables visible, all at once. Published again, the same publication changes nothing; a run
    /// that is behind another of the same window is refused.
    pub async fn publish(&self, publication: &Publication) -> Result<Published, Fault> {
        for _ in 0..PATIENCE {
            let before = self.snapshot(&publication.database).await?;
            if let Some(snapshot) = &before
                && let Some(answer) = self.answer_given(snapshot, publication).await?
            {
                return Ok(answer);
            }
            let prepared = Prepared::new(before, publication)?;
            if let Some(answer) = prepared.unchanged(publication) {
                return Ok(answer);
            }
            let changed = self.write_versions(publication, &prepared).await?;
            let before = prepared.before.as_ref();
            let pointer = Pointer::next(before.map(|b| &b.pointer), publication, changed);
            let tag = before.map(|b| &b.tag);
            match self.switch(&publication.database, tag, &pointer).await {
                Ok(()) => {
                    return Ok(Published::Published {
                        generation: pointer.current.generation,
                        tables: described(publication, &prepared.after),
                    });
                }
                Err(Error::Changed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::transient("other runs publish without pause")
            .with("database", &publication.database))
    }

    async fn answer_given(
        &self,
        snapshot: &Snapshot,
        publication: &Publication,
    ) -> Result<Option<Published>, Fault> {
        let Some(state) = snapshot.pointer.published(publication) else {
            return Ok(None);
        };
        let versions = self.versions(state).await?;
        let tables = publication.tables.iter();
        let versions: Vec<Version> = tables
            .filter_map(|staged| versions.get(&staged.table).cloned())
            .collect();
        Ok(Some(Published::Published {
            generation: state.generation,
            tables: described(publication, &versions),
        }))
    }

    /// Writes the versions that differ from what is there; answers their keys.
    async fn write_versions(
        &self,
        publication: &Publication,
        prepared: &Prepared,
    ) -> Result<BTreeMap<String, String>, Fault> {
        let known = prepared.known_files();
        let mut keys = BTreeMap::new();
        for version in &prepared.after {
            if prepared
                .before
                .as_ref()
                .is_some_and(|before| before.holds(version))
            {
                continue;
            }
            for file in version
                .files()
                .filter(|file| !known.contains(file.key.as_str()))
            {
                self.make_durable(file).await?;
            }
            let key = version.key(&publication.run);
            match self.objects.create(&key, json(version)?).await {
                // The key follows from the content.
                Ok(()) | Err(Error::AlreadyExists(_)) => {}
                Err(error) => return Err(error.into()),
            }
            self.objects.sync(&key).await?;
            keys.insert(version.relation.table.clone(), key);
        }
        Ok(keys)
    }

    async fn make_durable(&self, file: &DataFile) -> Result<(), Fault> {
        self.check_staged(file).await?;
        Ok(self.objects.sync(&file.key).await?)
    }

    /// Whether a staged part is still there as it was noted.
    pub async fn check_staged(&self, file: &DataFile) -> Result<(), Fault> {
        match self.objects.size(&file.key).await? {
            Some(bytes) if bytes == file.bytes => Ok(()),
            _ => Err(Fault::bug(format!(
                "`{}` was staged with {} bytes and is not so now",
                file.key, file.bytes
            ))),
        }
    }

    async fn switch(
        &self,
        database: &str,
        expected: Option<&Tag>,
        pointer: &Pointer,
    ) -> Result<(), Error> {
        let key = pointer_key(database);
        let content = json(pointer).map_err(|fault| Error::Store {
            key: key.clone(),
            source: std::io::Error::other(fault.message),
        })?;
        self.objects.swap(&key, expected, content).await.map(drop)
    }

    /// Returns a database to an earlier state, which becomes its latest.
    pub async fn restore(&self, database: &str, generation: u64) -> Result<u64, Fault> {
        for _ in 0..PATIENCE {
            let current = self.pointer(database).await?;
            let restored = current
                .as_ref()
                .and_then(|(pointer, _)| pointer.restored(generation));
            let (Some((_, tag)), Some(restored)) = (&current, restored) else {
                return Err(Fault::bad_definition(format!(
                    "state {generation} of `{database}` is not kept"
                )));
            };
            match self.switch(database, Some(tag), &restored).await {
                Ok(()) => return Ok(restored.current.generation),
                Err(Error::Changed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::transient("other runs publish without pause").with("database", database))
    }

    /// Removes what no state of the database needs, after forgetting all but the last `keep` earlier states.
    ///
    /// Parts of runs that are still on their way are kept: `in_flight` names these runs, and is asked only
    /// after the objects have been listed, so that no run can begin in between. A reader that began more than
    /// `keep` states ago finds its files gone.
    pub async fn prune(
        &self,
        database: &str,
        keep: usize,
        in_flight: impl Future<Output = Result<BTreeSet<String>, Fault>>,
    ) -> Result<Pruned, Fault> {
        let listed = self.objects.list(&format!("{database}/")).await?;
        let in_flight = in_flight.await?;
        let mut needed = BTreeSet::from([pointer_key(database)]);
        if let Some(pointer) = self.trim(database, keep).await? {
            for key in pointer.versions() {
                let content = self.objects.get(key).await?;
                let version: Version = parse(key, &content)?;
                needed.extend(version.files().map(|file| file.key.clone()));
                needed.extend(version.list_keys());
                needed.insert(key.to_owned());
            }
        }
        let mut pruned = Pruned::default();
        for object in listed {
            let on_its_way = run_of(&object.key).is_some_and(|run| in_flight.contains(run));
            if on_its_way || needed.contains(&object.key) {
                continue;
            }
            self.objects.delete(&object.key).await?;
            pruned.objects += 1;
            pruned.bytes += object.bytes;
        }
        Ok(pruned)
    }

    async fn trim(&self, database: &str, keep: usize) -> Result<Option<Pointer>, Fault> {
        for _ in 0..PATIENCE {
            let Some((pointer, tag)) = self.pointer(database).await? else {
                return Ok(None);
            };
            if pointer.earlier.len() <= keep {
                return Ok(Some(pointer));
            }
            let trimmed = pointer.trimmed(keep);
            match self.switch(database, Some(&tag), &trimmed).await {
                Ok(()) => return Ok(Some(trimmed)),
                Err(Error::Changed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::transient("other runs publish without pause").with("database", database))
    }

    /// All published tables, for an engine.
    pub async fn catalogue(&self) -> Result<Catalogue, Fault> {
        let mut catalogue = Catalogue::default();
        for database in self.databases().await? {
            let snapshot = self.snapshot(&database).await?;
            for version in snapshot.iter().flat_map(|s| s.versions.values()) {
                let source = self.source(version, None)?;
                catalogue.insert(version.relation.clone(), source);
            }
        }
        Ok(catalogue)
    }

    /// Makes a version that nobody sees yet known to an engine, in place of any other of its table.
    pub fn add(&self, catalogue: &mut Catalogue, version: &Version) -> Result<(), Fault> {
        let unseen = Some(version.clone());
        catalogue.insert(version.relation.clone(), self.source(version, unseen)?);
        Ok(())
    }

    fn source(&self, version: &Version, unseen: Option<Version>) -> Result<Source, Fault> {
        Ok(Source {
            columns: version.columns.clone(),
            view: version.view.clone(),
            files: self.paths(version)?,
            fingerprint: version.fingerprint.clone(),
            unseen,
        })
    }

    /// The files of a version on this machine; none where the lake is elsewhere.
    fn paths(&self, version: &Version) -> Result<Option<Vec<PathBuf>>, Fault> {
        let paths = version
            .files()
            .map(|file| self.objects.local_path(&file.key));
        let paths: Option<Vec<PathBuf>> = paths.collect::<Result<_, Error>>()?;
        Ok(paths.filter(|_| self.objects.root().is_some()))
    }

    /// All published tables, for programs that read the files themselves.
    pub async fn tables(&self) -> Result<Vec<ListedTable>, Fault> {
        let mut tables = Vec::new();
        for database in self.databases().await? {
            let snapshot = self.snapshot(&database).await?;
            for version in snapshot.into_iter().flat_map(|s| s.versions.into_values()) {
                tables.push(ListedTable {
                    rows: version.rows(),
                    files: self.paths(&version)?.unwrap_or_default(),
                    relation: version.relation,
                    description: version.description,
                    columns: version.columns,
                    window_column: version.window_column,
                });
            }
        }
        Ok(tables)
    }
}

/// How many versions are read at a time: each waits for its store most of its time.
const AT_ONCE: usize = 8;

/// How often a swap that others win is tried again: each time, another run has come further.
const PATIENCE: usize = 1000;

impl Snapshot {
    fn holds(&self, version: &Version) -> bool {
        let there = self.versions.get(&version.relation.table);
        there.is_some_and(|there| there.fingerprint == version.fingerprint)
    }
}

impl Prepared {
    fn new(before: Option<Snapshot>, publication: &Publication) -> Result<Self, Fault> {
        let current = |table: &str| before.as_ref()?.versions.get(table);
        let tables = publication.tables.iter();
        let after = tables
            .map(|staged| Version::next(current(&staged.table), publication, staged))
            .collect::<Result<Vec<Version>, Fault>>()?;
        Ok(Prepared { before, after })
    }

    /// The answer where all is there already.
    fn unchanged(&self, publication: &Publication) -> Option<Published> {
        let before = self.before.as_ref()?;
        let all = self.after.iter().all(|version| before.holds(version));
        all.then(|| Published::Unchanged {
            generation: before.pointer.current.generation,
            tables: described(publication, &self.after),
        })
    }

    /// The published version of a table.
    pub fn published(&self, table: &str) -> Option<&Version> {
        self.before.as_ref()?.versions.get(table)
    }

    /// The files that have been made durable before.
    fn known_files(&self) -> BTreeSet<&str> {
        let versions = self
            .before
            .iter()
            .flat_map(|before| before.versions.values());
        versions
            .flat_map(Version::files)
            .map(|file| file.key.as_str())
            .collect()
    }
}

impl Published {
    /// The publication's tables.
    pub fn tables(&self) -> &[PublishedTable] {
        match self {
            Published::Published { tables, .. } | Published::Unchanged { tables, .. } => tables,
        }
    }
}

fn described(publication: &Publication, versions: &[Version]) -> Vec<PublishedTable> {
    let described = |version: &Version| PublishedTable {
        relation: version.relation.clone(),
        rows: version.rows(),
        fingerprint: version.fingerprint.clone(),
        kept_windows: publication
            .tables
            .iter()
            .find(|staged| staged.table == version.relation.table)
            .map_or_else(Vec::new, |staged| version.kept_windows(staged)),
    };
    versions.iter().map(described).collect()
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec_pretty(value).map_err(|error| Fault::bug(error.to_string()))
}

/// Reads an object of the lake's books, refusing a layout that is newer than this code.
fn parse<T: for<'de> Deserialize<'de>>(key: &str, content: &[u8]) -> Result<T, Fault> {
    #[derive(Deserialize)]
    struct Layout {
        format: u32,
    }
    let damaged = |error| Fault::bug(format!("`{key}` is damaged: {error}"));
    let layout: Layout = serde_json::from_slice(content).map_err(damaged)?;
    if layout.format > FORMAT {
        return Err(Fault::bad_definition(format!(
            "`{key}` has layout {}, this version reads up to {FORMAT}; use a newer version",
            layout.format
        )));
    }
    serde_json::from_slice(content).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::future::ready;

    use pipeline::destination::Write;
    use pipeline::fault::Kind;
    use pipeline::lake::{Order, StagedTable, StagedWindow};
    use tempfile::TempDir;

    use super::*;

    struct Place {
        folder: TempDir,
        parts: Objects,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let parts = Objects::directory(folder.path().join("objects"));
            Place { folder, parts }
        }

        /// Another value over the same lake, as another process would have.
        fn lake(&self) -> Lake {
            Lake::directory(self.folder.path().join("lake"))
        }

        async fn staged(
            &self,
            run: &str,
            table: &str,
            write: Write,
            window: Option<&str>,
            content: &str,
        ) -> StagedTable {
            let key = format!("runs/{run}/{table}");
            self.parts.put(&key, content).await.expect("written");
            let stored = self.parts.measure(&key).await.expect("measured");
            let part = DataFile {
                key,
                rows: 1,
                bytes: stored.bytes,
                sha256: stored.sha256,
            };
            let relation = Relation::new("d", table);
            let lake = self.lake();
            let file = lake
                .stage(&self.parts, &part, &relation, run, "000000")
                .await;
            StagedTable {
                table: table.to_owned(),
                description: None,
                columns: Vec::new(),
                window_column: window.map(|_| "day".to_owned()),
                write,
                view: None,
                windows: vec![StagedWindow {
                    window: window.map(str::to_owned),
                    files: vec![file.expect("staged")],
                }],
            }
        }

        async fn publication(&self, run: &str, order: u64, tables: &[&str]) -> Publication {
            let mut staged = Vec::new();
            for table in tables {
                staged.push(self.staged(run, table, Write::Replace, None, run).await);
            }
            publication(run, order, staged)
        }

        /// What a reader finds in each table: the content of its files.
        async fn seen(&self) -> BTreeMap<String, String> {
            let lake = self.lake();
            let snapshot = lake.snapshot("d").await.expect("read").expect("there");
            let mut seen = BTreeMap::new();
            for (table, version) in &snapshot.versions {
                let mut content = String::new();
                for file in version.files() {
                    let path = lake.objects.local_path(&file.key).expect("a key");
                    content += &fs::read_to_string(path.expect("a file")).expect("there");
                }
                seen.insert(table.clone(), content);
            }
            seen
        }
    }

    fn publication(run: &str, generation: u64, tables: Vec<StagedTable>) -> Publication {
        Publication {
            database: "d".to_owned(),
            run: run.to_owned(),
            order: Order {
                as_of: String::new(),
                generation,
            },
            tables,
        }
    }

    fn shown(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn generation(published: &Published) -> (u64, &'static str) {
        match published {
            Published::Published { generation, .. } => (*generation, "published"),
            Published::Unchanged { generation, .. } => (*generation, "unchanged"),
        }
    }

    #[tokio::test]
    async fn nothing_is_seen_before_the_publish_and_all_tables_after_it() {
        let place = Place::new();
        let first = place.publication("r1", 1, &["a", "b"]).await;
        assert!(place.lake().snapshot("d").await.expect("read").is_none());
        let published = place.lake().publish(&first).await.expect("published");
        assert_eq!(generation(&published), (1, "published"));
        assert_eq!(place.seen().await, shown(&[("a", "r1"), ("b", "r1")]));
        let tables = place.lake().tables().await.expect("listed");
        let names: Vec<String> = tables.iter().map(|t| t.relation.to_string()).collect();
        assert_eq!(names, ["d.a", "d.b"]);
        assert!(
            tables
                .iter()
                .all(|t| t.files.iter().all(|f| f.is_absolute()))
        );
    }

    #[tokio::test]
    async fn a_repeated_publish_answers_as_the_first_even_when_others_came_between() {
        let place = Place::new();
        let first = place.publication("r1", 1, &["a"]).await;
        let answer = place.lake().publish(&first).await.expect("published");
        assert_eq!(place.lake().publish(&first).await.expect("again"), answer);
        let second = place.publication("r2", 2, &["a"]).await;
        place.lake().publish(&second).await.expect("published");
        assert_eq!(place.lake().publish(&first).await.expect("again"), answer);
        assert_eq!(place.seen().await, shown(&[("a", "r2")]));
    }

    #[tokio::test]
    async fn the_same_rows_again_change_nothing() {
        let place = Place::new();
        let mut first = place.publication("r1", 1, &["a"]).await;
        place.lake().publish(&first).await.expect("published");
        let before = fs::read(place.folder.path().join("lake/d/_current.json")).expect("there");
        first.run = "r2".to_owned();
        let published = place.lake().publish(&first).await.expect("published");
        assert_eq!(generation(&published), (1, "unchanged"));
        let after = fs::read(place.folder.path().join("lake/d/_current.json")).expect("there");
        assert_eq!(before, after);
    }

    #[tokio::test]
    async fn the_same_run_typed_anew_is_published_anew() {
        let place = Place::new();
        for content in ["one", "two"] {
            let staged = place.staged("r1", "a", Write::Replace, None, content).await;
            let publication = publication("r1", 1, vec![staged]);
            place.lake().publish(&publication).await.expect("published");
            assert_eq!(place.seen().await, shown(&[("a", content)]));
        }
    }

    #[tokio::test]
    async fn a_run_that_is_behind_is_refused_and_changes_nothing() {
        let place = Place::new();
        let zombie = place.publication("r1", 1, &["a"]).await;
        let second = place.publication("r2", 2, &["a"]).await;
        place.lake().publish(&second).await.expect("published");
        let fault = place.lake().publish(&zombie).await.expect_err("refused");
        assert_eq!(fault.kind, Kind::BadData);
        assert!(fault.message.contains("later run `r2`"), "{fault}");
        assert_eq!(place.seen().await, shown(&[("a", "r2")]));
    }

    #[tokio::test]
    async fn a_publish_that_was_killed_before_the_switch_is_finished_by_its_retry() {
        let place = Place::new();
        let first = place.publication("r1", 1, &["a", "b"]).await;
        place.lake().publish(&first).await.expect("published");
        let second = place.publication("r2", 2, &["a", "b"]).await;
        let lake = place.lake();
        let prepared = lake.prepare(&second).await.expect("prepared");
        lake.write_versions(&second, &prepared)
            .await
            .expect("written");
        fs::write(place.folder.path().join("lake/.tmp/half"), "{").expect("written");
        assert_eq!(place.seen().await, shown(&[("a", "r1"), ("b", "r1")]));
        let published = place.lake().publish(&second).await.expect("published");
        assert_eq!(generation(&published), (2, "published"));
        assert_eq!(place.seen().await, shown(&[("a", "r2"), ("b", "r2")]));
    }

    #[tokio::test]
    async fn a_part_that_is_not_what_was_noted_is_never_published() {
        let place = Place::new();
        let first = place.publication("r1", 1, &["a"]).await;
        let key = &first.tables[0].windows[0].files[0].key;
        place.lake().objects.delete(key).await.expect("deleted");
        let fault = place.lake().publish(&first).await.expect_err("refused");
        assert_eq!(fault.kind, Kind::Bug);
        assert!(place.lake().snapshot("d").await.expect("read").is_none());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn racing_publishers_lose_nothing() {
        let place = Place::new();
        let mut runs = Vec::new();
        for run in 0..8 {
            let name = format!("r{run}");
            let day = format!("2024-03-{run:02}");
            let staged = place
                .staged(&name, "t", Write::ReplaceWindow, Some(&day), &name)
                .await;
            let (lake, publication) = (place.lake(), publication(&name, 1, vec![staged]));
            runs.push(tokio::spawn(
                async move { lake.publish(&publication).await },
            ));
        }
        for run in runs {
            run.await.expect("ran").expect("published");
        }
        assert_eq!(place.seen().await, shown(&[("t", "r0r1r2r3r4r5r6r7")]));
        let snapshot = place
            .lake()
            .snapshot("d")
            .await
            .expect("read")
            .expect("there");
        assert_eq!(snapshot.pointer.current.generation, 8);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_reader_during_fifty_publishes_never_sees_a_mix() {
        let place = Place::new();
        let first = place.publication("r00", 1, &["a", "b"]).await;
        place.lake().publish(&first).await.expect("published");
        let mut publications = Vec::new();
        for run in 1..=50 {
            let name = format!("r{run:02}");
            publications.push(place.publication(&name, 1 + run, &["a", "b"]).await);
        }
        let lake = place.lake();
        let publisher = tokio::spawn(async move {
            for publication in publications {
                lake.publish(&publication).await.expect("published");
            }
        });
        let mut last = String::new();
        while last != "r50" {
            let seen = place.seen().await;
            assert_eq!(seen["a"], seen["b"]);
            assert!(seen["a"] >= last, "{} after {last}", seen["a"]);
            last.clone_from(&seen["a"]);
        }
        publisher.await.expect("ran");
    }

    #[tokio::test]
    async fn pruning_keeps_what_is_read_what_can_be_returned_to_and_what_is_on_its_way() {
        let place = Place::new();
        for run in 1..=6 {
            let publication = place.publication(&format!("r{run}"), run, &["a"]).await;
            place.lake().publish(&publication).await.expect("published");
        }
        place.publication("given-up", 7, &["a"]).await;
        let on_its_way = place.publication("r7", 7, &["a"]).await;
        let in_flight = || ready(Ok(BTreeSet::from(["r7".to_owned()])));
        let pruned = place
            .lake()
            .prune("d", 2, in_flight())
            .await
            .expect("pruned");
        // Three runs with a version and a part each, and the part of the run that was given up.
        assert_eq!(pruned.objects, 7);
        let again = place
            .lake()
            .prune("d", 2, in_flight())
            .await
            .expect("pruned");
        assert_eq!(again, Pruned::default());
        assert_eq!(place.seen().await, shown(&[("a", "r6")]));
        place.lake().restore("d", 4).await.expect("kept");
        assert_eq!(place.seen().await, shown(&[("a", "r4")]));
        let gone = place.lake().restore("d", 3).await.expect_err("forgotten");
        assert_eq!(gone.kind, Kind::BadDefinition);
        place.lake().publish(&on_its_way).await.expect("published");
        assert_eq!(place.seen().await, shown(&[("a", "r7")]));
    }

    #[tokio::test]
    async fn a_layout_of_a_newer_version_is_refused() {
        let place = Place::new();
        let objects = Objects::directory(place.folder.path().join("lake"));
        let pointer = r#"{"format": 99, "shape": "unknown"}"#;
        objects
            .put("d/_current.json", pointer)
            .await
            .expect("written");
        let fault = place.lake().snapshot("d").await.expect_err("refused");
        assert_eq!(fault.kind, Kind::BadDefinition);
        assert!(fault.message.contains("newer version"), "{fault}");
    }
}
