//! What the checks of a run said. It is stored when all of them are answered, so that whoever comes again while
//! destinations work, or after a crash, need not ask again.

use edge::data_check::Context;
use edge::env::Env;
use edge::progress::Progress;
use edge::run::{self, Run};
use pipeline::data_check::CheckResult;
use pipeline::fault::Fault;
use pipeline::lake::Publication;
use serde::{Deserialize, Serialize};

use crate::destinations::Destinations;
use crate::gathered::Gathered;
use crate::publication::keys;

/// What the checks said.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Checked {
    /// The hash of what was checked.
    publication: String,
    /// What each check said.
    pub results: Vec<CheckResult>,
    /// The bytes that were read for it elsewhere.
    pub read_bytes: u64,
}

impl Checked {
    /// What checks said that stand in the way.
    pub fn of(results: &[CheckResult]) -> Self {
        Checked {
            results: results.to_vec(),
            ..Checked::default()
        }
    }
}

/// Runs the checks over what the run is about to publish.
pub async fn check(
    run: &Run,
    gathered: &Gathered,
    publication: &Publication,
    destinations: &Destinations<'_>,
    env: &Env,
) -> Result<Progress<Checked>, Fault> {
    let key = run.keys.checked();
    let before: Option<Checked> = run::optional(&env.objects, &key).await?;
    if let Some(before) = before.filter(|before| before.publication == publication.hash()) {
        return Ok(Progress::Done(before));
    }
    let published = match destinations.rows(run).await? {
        Progress::Done(rows) => rows,
        Progress::Running { wait_seconds } => return Ok(Progress::Running { wait_seconds }),
    };
    let engine = env.engine()?;
    let work = env.work(&run.reference);
    let files = run.pipeline.files_for(engine.dialect());
    let context = Context {
        scope: run.pipeline.scope(run.newest()?),
        keys: keys(run),
        files: files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect(),
        dropped: gathered.dropped(),
        published,
    };
    let checks = run.pipeline.checks();
    let results = edge::data_check::run(engine, &work, publication, &checks, &context).await;
    let results = match results {
        Ok(Progress::Running { wait_seconds }) => return Ok(Progress::Running { wait_seconds }),
        Ok(Progress::Done(results)) => results,
        Err(fault) => {
            crate::end(engine, &work).await;
            return Err(fault);
        }
    };
    let checked = Checked {
        publication: publication.hash(),
        results,
        read_bytes: work.bytes_read(),
    };
    if edge::data_check::failure(&checked.results).is_none() {
        run::store(&env.objects, &key, &checked).await?;
    }
    crate::end(engine, &work).await;
    Ok(Progress::Done(checked))
}
