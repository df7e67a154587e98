//! The handles that a step works with, built once a process.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use pipeline::fault::Fault;
use pipeline::run::RunRef;
use tokio::sync::Semaphore;

use crate::aws::Aws;
use crate::clock::Clock;
use crate::definitions::Definitions;
use crate::engine::{Engine, Work};
use crate::lake::Lake;
use crate::objects::Objects;
use crate::progress::{Known, Started};
use crate::run::Run;
use crate::secrets::SecretStore;
use crate::session::Sessions;
use crate::settings::Settings;

/// What makes an engine, for the functions that run SQL.
pub type MakeEngine = fn(&Site<'_>) -> Result<Arc<dyn Engine>, Fault>;

/// What an engine is made for.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// What the environment tells the process.
    pub settings: &'a Settings,
    /// The bucket that a process on AWS works in, and AWS; none on a laptop.
    pub bucket: Option<(&'a Arc<Aws>, &'a str)>,
    /// The time.
    pub clock: &'a Clock,
}

impl Site<'_> {
    fn engine(&self, make: Option<MakeEngine>) -> Result<Option<Arc<dyn Engine>>, Fault> {
        make.map(|make| make(self)).transpose()
    }
}

/// The handles of a process. Clones share everything but the deadline.
#[derive(Clone)]
pub struct Env {
    /// Runs and the ledger.
    pub objects: Objects,
    /// The published tables.
    pub lake: Lake,
    /// Files written for others.
    pub exports: Objects,
    /// The definitions.
    pub definitions: Definitions,
    /// The sources, one session each, so that workers share one rate.
    pub sources: Arc<Sessions>,
    /// Secrets, for what is not a source.
    pub secrets: SecretStore,
    /// What the environment tells the process.
    pub settings: Arc<Settings>,
    /// AWS, for a process that works there; none on a laptop.
    pub aws: Option<Arc<Aws>>,
    /// The time.
    pub clock: Clock,
    /// What has been done so far, for whoever watches.
    pub meter: Arc<Meter>,
    /// A permit a core, for work that keeps one busy: more of it at a time would only take more memory.
    pub cores: Arc<Semaphore>,
    engine: Option<Arc<dyn Engine>>,
    deadline: Option<Duration>,
    processes: u32,
    /// The statements in Redshift that have ended well, by run and name.
    pub ended: Known<Started>,
    /// The run that was read last.
    last: Arc<Mutex<Option<Arc<Run>>>>,
}

/// Where a local process keeps everything, and where its definitions are.
#[derive(Debug, Clone)]
pub struct Places {
    /// The directory that everything is below.
    pub root: PathBuf,
    /// The folder that holds one folder a pipeline.
    pub pipelines: PathBuf,
}

/// Where everything is kept.
struct Stores {
    objects: Objects,
    lake: Lake,
    exports: Objects,
}

impl Env {
    /// The handles for a function that is served, from its environment: in a bucket of AWS where one is named,
    /// else below a directory of this machine. Nothing is sent.
    pub async fn served(engine: Option<MakeEngine>) -> Result<Self, Fault> {
        let settings = Settings::read()?;
        if let Some(bucket) = settings.bucket.clone() {
            let aws = Arc::new(Aws::of_function(&settings)?);
            return Env::in_bucket(aws, &bucket, settings, engine);
        }
        let root = settings.root.clone().ok_or_else(|| {
            Fault::bad_definition(
                "neither LAKEHEAD_BUCKET nor LAKEHEAD_ROOT is set; set the one to the bucket, or the other to the directory, that the function works in",
            )
        })?;
        let pipelines = settings.pipelines.clone();
        let secrets = SecretStore::open(&settings)?;
        Env::local(&Places { root, pipelines }, settings, secrets, engine)
    }

    /// The handles for a process that works in a bucket. The bucket is laid out as a local root is.
    pub fn in_bucket(
        aws: Arc<Aws>,
        bucket: &str,
        settings: Settings,
        engine: Option<MakeEngine>,
    ) -> Result<Self, Fault> {
        let below = |prefix: &str| Objects::bucket(aws.clone(), bucket, prefix);
        let stores = Stores {
            objects: below("objects/"),
            lake: Lake::new(below("lake/")),
            exports: below("exports/"),
        };
        let pipelines = settings.pipelines.clone();
        let secrets = SecretStore::open(&settings)?;
        let secrets = secrets.on_aws(aws.clone(), &settings, stores.objects.clone());
        let site = Site {
            settings: &settings,
            bucket: Some((&aws, bucket)),
            clock: &Clock::System,
        };
        let engine = site.engine(engine)?;
        let env = Env::over(stores, &pipelines, settings, secrets, engine)?;
        let aws = Some(aws);
        Ok(Env { aws, ..env })
    }

    /// The handles for a process that works below a directory.
    pub fn local(
        places: &Places,
        settings: Settings,
        secrets: SecretStore,
        engine: Option<MakeEngine>,
    ) -> Result<Self, Fault> {
        let stores = Stores {
            objects: Objects::directory(places.root.join("objects")),
            lake: Lake::directory(places.root.join("lake")),
            exports: Objects::directory(places.root.join("exports")),
        };
        let site = Site {
            settings: &settings,
            bucket: None,
            clock: &Clock::System,
        };
        let engine = site.engine(engine)?;
        Env::over(stores, &places.pipelines, settings, secrets, engine)
    }

    fn over(
        stores: Stores,
        pipelines: &Path,
        settings: Settings,
        secrets: SecretStore,
        engine: Option<Arc<dyn Engine>>,
    ) -> Result<Self, Fault> {
        let clock = Clock::System;
        Ok(Env {
            objects: stores.objects,
            lake: stores.lake,
            exports: stores.exports,
            definitions: Definitions::below(pipelines),
            secrets: secrets.clone(),
            sources: Arc::new(Sessions::new(settings.clone(), secrets, clock.clone())),
            settings: Arc::new(settings),
            aws: None,
            clock,
            meter: Arc::default(),
            cores: Arc::new(Semaphore::new(cores())),
            engine,
            deadline: None,
            processes: 1,
            ended: Known::default(),
            last: Arc::default(),
        })
    }

    /// The same handles for a call that must be over by `deadline`.
    #[must_use]
    pub fn until(&self, deadline: Option<SystemTime>) -> Self {
        let left = |deadline: SystemTime| {
            let now: SystemTime = self.clock.now().into();
            deadline.duration_since(now).unwrap_or_default()
        };
        Env {
            deadline: deadline.map(|deadline| self.clock.elapsed() + left(deadline)),
            ..self.clone()
        }
    }

    /// The same handles for a call that is one of so many at the same time. On AWS each of them is a process of its
    /// own, which cannot know what the others send; here all share one process and its limiter.
    #[must_use]
    pub fn among(&self, workers: u32) -> Self {
        Env {
            processes: self.aws.as_ref().map_or(1, |_| workers.max(1)),
            ..self.clone()
        }
    }

    /// Among how many processes the rates of a source are divided.
    pub fn processes(&self) -> u32 {
        self.processes
    }

    /// The moment of the clock's `elapsed` by which a call must be over.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// The engine that runs SQL.
    pub fn engine(&self) -> Result<&dyn Engine, Fault> {
        let engine = self.engine.as_deref();
        engine.ok_or_else(|| Fault::bug("this function was built without an engine for SQL"))
    }

    /// What the engine works for in a step of a run.
    pub fn work(&self, run: &RunRef) -> Work {
        Work::of(run, &self.objects, &self.lake)
    }

    /// A run as plan stored it. What is stored of a run stays as it is, so the one that was asked for last is kept:
    /// most calls of a process are for the same run.
    pub async fn run(&self, reference: &RunRef) -> Result<Arc<Run>, Fault> {
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(run) = last().as_ref().filter(|run| run.reference == *reference) {
            return Ok(run.clone());
        }
        let run = Arc::new(Run::load(&self.objects, reference).await?);
        *last() = Some(run.clone());
        Ok(run)
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Counters that steps move and a display reads.
#[derive(Debug, Default)]
pub struct Meter {
    /// Pages that will be fetched, as far as known.
    pub expected: AtomicU64,
    /// Pages fetched.
    pub fetched: AtomicU64,
    /// Slices of the run.
    pub slices: AtomicU64,
    /// Slices transformed.
    pub typed: AtomicU64,
    /// Slices staged.
    pub staged: AtomicU64,
}

impl Meter {
    /// Sets what is to come.
    pub fn expect(&self, pages: u64, slices: u64) {
        self.expected.store(pages, Relaxed);
        self.slices.store(slices, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bucket_is_laid_out_as_a_root_is_and_nothing_is_sent_at_the_start() {
        let aws = crate::aws::emulated("http://127.0.0.1:9");
        let env = Env::in_bucket(aws, "b", Settings::default(), None).expect("opens");
        let address = |objects: &Objects| objects.address("x/y").expect("an address").to_string();
        assert_eq!(address(&env.objects), "s3://b/objects/x/y");
        assert_eq!(address(&env.exports), "s3://b/exports/x/y");
        assert_eq!(env.among(7).processes(), 7);
        assert_eq!(env.among(0).processes(), 1);
    }

    #[tokio::test]
    async fn here_all_workers_are_one_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let places = Places {
            root: folder.path().to_owned(),
            pipelines: "pipelines".into(),
        };
        let secrets = SecretStore::over(|_| None, None).expect("opens");
        let env = Env::local(&places, Settings::default(), secrets, None).expect("opens");
        assert_eq!(env.among(7).processes(), 1);
    }
}
