//! A lock between processes that share no machine: an object that says until when somebody has it.
//!
//! It is made where there is none, and taken over where its time is over, both by compare-and-swap, so one of several
//! gets it. A holder that dies keeps it no longer than it said. That two clocks differ by seconds must not matter to
//! who takes it: the span is to be much longer than the work.

use jiff::{SignedDuration, Timestamp};
use pipeline::fault::Fault;
use serde::{Deserialize, Serialize};

use crate::objects::{Error, Objects, Tag};

/// A lock that is held until it is given back, or its time is over.
#[derive(Debug)]
pub(crate) struct Lease {
    objects: Objects,
    key: String,
    tag: Tag,
}

/// What the object says.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    until: Timestamp,
}

impl Lease {
    /// Takes the lock, or answers none where another has it.
    pub(crate) async fn try_take(
        objects: &Objects,
        key: &str,
        now: Timestamp,
        span: SignedDuration,
    ) -> Result<Option<Self>, Fault> {
        let found = objects.get_tagged(key).await?;
        if let Some((held, _)) = &found
            && until(held).is_some_and(|until| now < until)
        {
            return Ok(None);
        }
        let tag = found.as_ref().map(|(_, tag)| tag);
        match objects.swap(key, tag, said(now + span)?).await {
            Ok(tag) => Ok(Some(Lease {
                objects: objects.clone(),
                key: key.to_owned(),
                tag,
            })),
            Err(Error::Changed(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives it back, unless its time was over and another has it.
    pub(crate) async fn give_back(self) -> Result<(), Fault> {
        let over = said(Timestamp::UNIX_EPOCH)?;
        match self.objects.swap(&self.key, Some(&self.tag), over).await {
            Ok(_) | Err(Error::Changed(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn said(until: Timestamp) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(&Held { until })
        .map_err(|error| Fault::bug(format!("a lock is no JSON: {error}")))
}

/// What cannot be read holds nobody up.
fn until(held: &[u8]) -> Option<Timestamp> {
    let held: Held = serde_json::from_slice(held).ok()?;
    Some(held.until)
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn one_of_many_has_it_until_it_is_given_back_or_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let objects = Objects::directory(folder.path());
        let span = SignedDuration::from_secs(120);
        let at = |seconds: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(10_000 + seconds);
        let take = |seconds: i64| Lease::try_take(&objects, "locks/a", at(seconds), span);
        let mut taken = Vec::new();
        for one in join_all((0..8).map(|_| take(0))).await {
            taken.extend(one.expect("no trouble"));
        }
        assert_eq!(taken.len(), 1);
        assert!(take(119).await.expect("no trouble").is_none());
        let first = taken.remove(0);
        let second = take(120).await.expect("no trouble").expect("it is over");
        // The first comes too late to give anything back.
        first.give_back().await.expect("no trouble");
        assert!(take(121).await.expect("no trouble").is_none());
        second.give_back().await.expect("no trouble");
        assert!(take(122).await.expect("no trouble").is_some());
    }
}
