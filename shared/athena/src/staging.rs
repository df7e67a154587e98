//! Tables that wait: Athena sees a run's tables before anybody else does, in a database of their own.

use edge::engine::Work;
use edge::lake::Lake;
use edge::objects::Objects;
use jiff::{SignedDuration, Timestamp};
use pipeline::fault::Fault;
use pipeline::lake::Version;
use pipeline::sql::Relation;

use crate::STAGING;
use crate::describe::Described;
use crate::glue::Glue;
use crate::settle::prefix;
use crate::show::addresses;

/// After how long a table that still waits belongs to a run that is dead.
const OLDEST: SignedDuration = SignedDuration::from_hours(48);

/// The database where tables wait, and the lists of their files.
#[derive(Debug, Clone)]
pub(crate) struct Staging {
    pub(crate) glue: Glue,
    /// Where lists stand. They are removed by a rule of the bucket's lifecycle.
    pub(crate) lists: Objects,
}

impl Staging {
    /// Makes a version wait under a name, all of it in one list.
    pub(crate) async fn add(
        &self,
        lake: &Lake,
        name: &str,
        version: &Version,
    ) -> Result<(), Fault> {
        let key = format!("staged/{name}/symlink.txt");
        let list = version.whole_list();
        self.lists.put(&key, addresses(lake, &list)?).await?;
        let whole = Version {
            window_column: None,
            ..version.clone()
        };
        let folder = key.trim_end_matches("/symlink.txt");
        let described = Described {
            location: format!("{}/", self.lists.address(folder)?),
            ..Described::of(&whole, lake)?
        };
        let relation = Relation::new(STAGING, name);
        let input = described.input(&relation, None, 0, &version.fingerprint)?;
        // The name tells the content, so that one which is there is the same.
        let _ = self.glue.create(&relation, input).await?;
        Ok(())
    }

    /// Removes all that waits for a run, and what runs have left that are long dead.
    pub(crate) async fn sweep(&self, work: &Work, now: Timestamp) -> Result<(), Fault> {
        let own = prefix(work);
        for table in self.glue.tables(STAGING).await? {
            let made = table.create_time.map(|time| time.secs());
            let made = made.and_then(|seconds| Timestamp::from_second(seconds).ok());
            let is_old = made.is_some_and(|made| now.duration_since(made) > OLDEST);
            if table.name.starts_with(&own) || is_old {
                self.glue
                    .delete(&Relation::new(STAGING, &*table.name))
                    .await?;
            }
        }
        Ok(())
    }
}
