//! The ledger in objects: one object a window, changed by compare-and-swap so that no event is lost.

use std::collections::BTreeMap;

use pipeline::bookmark::{Kept, Order};
use pipeline::fault::Fault;
use pipeline::layout;
use pipeline::ledger::{WindowEntry, WindowEvent};
use pipeline::name::Name;
use serde::de::DeserializeOwned;

use crate::objects::{Error, Objects};

/// How often a lost race is run again; every loss means that another writer made progress.
const RACES: usize = 100;

/// The ledger of one pipeline.
pub struct Ledger<'a> {
    objects: &'a Objects,
    pipeline: &'a Name,
}

impl<'a> Ledger<'a> {
    /// The ledger of a pipeline.
    pub fn new(objects: &'a Objects, pipeline: &'a Name) -> Self {
        Ledger { objects, pipeline }
    }

    /// What is known of a window.
    pub async fn entry(&self, window: &str) -> Result<Option<WindowEntry>, Fault> {
        let key = layout::window(self.pipeline, window);
        match self.objects.get_tagged(&key).await? {
            Some((bytes, _)) => Ok(Some(parse(&key, &bytes)?)),
            None => Ok(None),
        }
    }

    /// What is known of every window, in the order of the windows.
    pub async fn entries(&self) -> Result<Vec<WindowEntry>, Fault> {
        let mut entries = Vec::new();
        for listed in self.objects.list(&layout::windows(self.pipeline)).await? {
            let bytes = self.objects.get(&listed.key).await?;
            entries.push(parse(&listed.key, &bytes)?);
        }
        Ok(entries)
    }

    /// Notes what happened to a window at `now` (RFC 3339), and answers the entry as it is then.
    pub async fn record(
        &self,
        window: &str,
        run_id: &str,
        event: &WindowEvent,
        now: &str,
    ) -> Result<WindowEntry, Fault> {
        let key = layout::window(self.pipeline, window);
        for _ in 0..RACES {
            let found = self.objects.get_tagged(&key).await?;
            let before = match &found {
                Some((bytes, _)) => Some(parse::<WindowEntry>(&key, bytes)?),
                None => None,
            };
            let entry = WindowEntry::after(before.as_ref(), window, run_id, event.clone(), now);
            let bytes = serde_json::to_vec_pretty(&entry)
                .map_err(|error| Fault::bug(format!("a ledger entry is no JSON: {error}")))?;
            let tag = found.as_ref().map(|(_, tag)| tag);
            match self.objects.swap(&key, tag, bytes).await {
                Ok(_) => return Ok(entry),
                Err(Error::Changed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::transient(format!(
            "the ledger's entry `{key}` is changed by too many writers"
        )))
    }
}

/// The bookmarks of one pipeline.
pub struct Bookmarks<'a> {
    objects: &'a Objects,
    pipeline: &'a Name,
}

impl<'a> Bookmarks<'a> {
    /// The bookmarks of a pipeline.
    pub fn new(objects: &'a Objects, pipeline: &'a Name) -> Self {
        Bookmarks { objects, pipeline }
    }

    /// How far a resource was read, if it was.
    pub async fn kept(&self, resource: &str) -> Result<Option<Kept>, Fault> {
        let key = layout::bookmark(self.pipeline, resource);
        match self.objects.get_tagged(&key).await? {
            Some((bytes, _)) => Ok(Some(parse(&key, &bytes)?)),
            None => Ok(None),
        }
    }

    /// All bookmarks, by their resource.
    pub async fn all(&self) -> Result<BTreeMap<String, Kept>, Fault> {
        let prefix = layout::bookmarks(self.pipeline);
        let mut kept = BTreeMap::new();
        for listed in self.objects.list(&prefix).await? {
            let bytes = self.objects.get(&listed.key).await?;
            let name = listed.key.strip_prefix(&prefix).unwrap_or(&listed.key);
            let name = name.strip_suffix(".json").unwrap_or(name);
            kept.insert(name.to_owned(), parse(&listed.key, &bytes)?);
        }
        Ok(kept)
    }

    /// Moves a bookmark to a later value; one that is as far already stays.
    pub async fn advance(&self, resource: &str, order: Order, to: &Kept) -> Result<(), Fault> {
        let key = layout::bookmark(self.pipeline, resource);
        for _ in 0..RACES {
            let found = self.objects.get_tagged(&key).await?;
            if let Some((bytes, _)) = &found {
                let kept: Kept = parse(&key, bytes)?;
                if order.compare(&kept.value, &to.value)?.is_ge() {
                    return Ok(());
                }
            }
            let bytes = serde_json::to_vec_pretty(to)
                .map_err(|error| Fault::bug(format!("a bookmark is no JSON: {error}")))?;
            let tag = found.as_ref().map(|(_, tag)| tag);
            match self.objects.swap(&key, tag, bytes).await {
                Ok(_) => return Ok(()),
                Err(Error::Changed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::transient(format!(
            "the bookmark `{key}` is changed by too many writers"
        )))
    }
}

fn parse<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| {
        Fault::bad_data(format!(
            "the ledger's entry `{key}` is not readable: {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_event_is_lost_among_racing_runs() {
        let directory = tempfile::tempdir().expect("a directory");
        let pipeline = Name::new("gins").expect("a name");
        let mut racers = tokio::task::JoinSet::new();
        for racer in 0..8 {
            let objects = Objects::directory(directory.path());
            let pipeline = pipeline.clone();
            racers.spawn(async move {
                let ledger = Ledger::new(&objects, &pipeline);
                let run = format!("r{racer}");
                ledger
                    .record(
                        "2026-11-20",
                        &run,
                        &WindowEvent::Planned,
                        "2026-11-21T00:00:00Z",
                    )
                    .await
            });
        }
        while let Some(ended) = racers.join_next().await {
            ended.expect("no panic").expect("recorded");
        }
        let objects = Objects::directory(directory.path());
        let ledger = Ledger::new(&objects, &pipeline);
        let entries = ledger.entries().await.expect("entries");
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].attempts, 8);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_bookmark_never_goes_back_however_runs_race() {
        let directory = tempfile::tempdir().expect("a directory");
        let pipeline = Name::new("edfi").expect("a name");
        let mut racers = tokio::task::JoinSet::new();
        for racer in 0..16u32 {
            let objects = Objects::directory(directory.path());
            let pipeline = pipeline.clone();
            racers.spawn(async move {
                let bookmarks = Bookmarks::new(&objects, &pipeline);
                let to = Kept {
                    value: (racer * 7 % 16).to_string(),
                    run_id: format!("r{racer}"),
                    changed_at: "2026-11-21T00:00:00Z".to_owned(),
                };
                bookmarks.advance("students", Order::Number, &to).await
            });
        }
        while let Some(ended) = racers.join_next().await {
            ended.expect("no panic").expect("moved or left");
        }
        let objects = Objects::directory(directory.path());
        let bookmarks = Bookmarks::new(&objects, &pipeline);
        let kept = bookmarks
            .kept("students")
            .await
            .expect("read")
            .expect("kept");
        assert_eq!(kept.value, "15");
        assert_eq!(bookmarks.kept("schools").await.expect("read"), None);
        let all = bookmarks.all().await.expect("read");
        assert_eq!(all.keys().collect::<Vec<_>>(), ["students"]);
    }
}
