//! The handles that a step works with, built once a process.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use pipeline::fault::Fault;
use pipeline::run::RunRef;
use tokio::sync::Semaphore;

use crate::aws::Aws;
use crate::clock::Clock;
use crate::definitions::Definitions;
use crate::engine::Engine;
use crate::lake::Lake;
use crate::objects::Objects;
use crate::run::Run;
use crate::secrets::SecretStore;
use crate::session::Sessions;
use crate::settings::Settings;

/// What makes an engine, for the functions that run SQL.
pub type MakeEngine = fn() -> Result<Arc<dyn Engine>, Fault>;

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
    /// The bucket that the state machine reads lists from.
    pub bucket: String,
    engine: Option<Arc<dyn Engine>>,
    deadline: Option<Duration>,
}

/// Where a local process keeps everything, and where its definitions are.
#[derive(Debug, Clone)]
pub struct Places {
    /// The directory that everything is below.
    pub root: PathBuf,
    /// The folder that holds one folder a pipeline.
    pub pipelines: PathBuf,
}

impl Env {
    /// The handles for a function that is served on this machine, from its environment.
    pub async fn served(engine: Option<MakeEngine>) -> Result<Self, Fault> {
        let settings = Settings::read()?;
        let root = settings.root.clone().ok_or_else(|| {
            Fault::bad_definition(
                "LAKEHEAD_ROOT is not set; set it to the directory that the function works below",
            )
        })?;
        let pipelines = settings.pipelines.clone();
        let secrets = SecretStore::open(&settings)?;
        Env::local(&Places { root, pipelines }, settings, secrets, engine)
    }

    /// The handles for a process that works below a directory.
    pub fn local(
        places: &Places,
        settings: Settings,
        secrets: SecretStore,
        engine: Option<MakeEngine>,
    ) -> Result<Self, Fault> {
        let clock = Clock::System;
        Ok(Env {
            objects: Objects::directory(places.root.join("objects")),
            lake: Lake::directory(places.root.join("lake")),
            exports: Objects::directory(places.root.join("exports")),
            definitions: Definitions::below(&places.pipelines),
            secrets: secrets.clone(),
            sources: Arc::new(Sessions::new(settings.clone(), secrets, clock.clone())),
            settings: Arc::new(settings),
            aws: None,
            clock,
            meter: Arc::default(),
            cores: Arc::new(Semaphore::new(cores())),
            bucket: "local".to_owned(),
            engine: engine.map(|make| make()).transpose()?,
            deadline: None,
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

    /// The moment of the clock's `elapsed` by which a call must be over.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// The engine that runs SQL.
    pub fn engine(&self) -> Result<&dyn Engine, Fault> {
        let engine = self.engine.as_deref();
        engine.ok_or_else(|| Fault::bug("this function was built without an engine for SQL"))
    }

    /// A run as plan stored it.
    pub async fn run(&self, reference: &RunRef) -> Result<Run, Fault> {
        Run::load(&self.objects, reference).await
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
