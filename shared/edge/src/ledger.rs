//! The ledger in objects: one object a window, changed by compare-and-swap so that no event is lost.

use pipeline::fault::Fault;
use pipeline::layout;
use pipeline::ledger::{WindowEntry, WindowEvent};
use pipeline::name::Name;

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
                Some((bytes, _)) => Some(parse(&key, bytes)?),
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

fn parse(key: &str, bytes: &[u8]) -> Result<WindowEntry, Fault> {
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
}
