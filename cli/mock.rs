//! `lakehead mock`: a pipeline's source API on this machine.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use ::mock::declared::{Declared, Options, Serving};
use ::mock::{ApiKey, Running};
use edge::definitions::Definitions;
use edge::secrets::SecretStore;
use edge::settings::Settings;
use indexmap::IndexMap;
use pipeline::definition::{Bundle, Pipeline};
use pipeline::secret::{Secret, SecretName, Secrets};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::{Behaviour, DeclaredSource, Format, Mock};
use crate::output::{Exit, Failure, print, print_json};

/// The key that the bundled source takes where nothing is said.
pub const KEY: &str = "juniper";

/// The pipeline that has a catalogue of its own.
const CATALOGUE: &str = "gins";

/// Where a source is, and what a run needs to get there.
#[derive(Serialize)]
struct Served {
    pipeline: String,
    url: String,
    params: IndexMap<String, String>,
    /// What was made up because nothing was set; a secret that was set is not shown.
    secrets: IndexMap<String, String>,
    notes: Vec<String>,
}

/// Serves until interrupted.
pub async fn mock(options: &Mock, pipelines: &Path) -> Result<Exit, Failure> {
    let bundle = Definitions::below(pipelines).load(&options.name)?;
    check(options)?;
    if options.name == CATALOGUE && !options.declared.declared {
        let key = options.catalogue.key.clone();
        let key = key.unwrap_or_else(|| KEY.to_owned());
        let products = options.catalogue.products.unwrap_or(::mock::PRODUCTS);
        let running = start(products, &options.behaviour, options.port, key).await?;
        tell(&of_catalogue(options, &running), options.format)?;
        interrupted().await?;
        running.stop().await;
        return Ok(Exit::Done);
    }
    let (pipeline, secrets, made_up) = opened(&bundle, &options.declared).await?;
    let serving = serve(options, pipeline, secrets, samples(pipelines, &bundle)?).await?;
    tell(&of_declared(options, &serving, made_up), options.format)?;
    interrupted().await?;
    serving.stop().await;
    Ok(Exit::Done)
}

/// Refuses options that the source which is served has no use for.
fn check(options: &Mock) -> Result<(), Failure> {
    let (declared, catalogue) = (&options.declared, &options.catalogue);
    let is_catalogue = options.name == CATALOGUE && !declared.declared;
    let of_declared = [
        ("--rows", declared.rows.is_some()),
        ("--page-size", declared.page_size.is_some()),
        ("--expire-after", declared.expire_after.is_some()),
        ("--param", !declared.params.is_empty()),
        ("--secrets", declared.secrets.is_some()),
    ];
    let of_catalogue = [
        ("--key", catalogue.key.is_some()),
        ("--products", catalogue.products.is_some()),
    ];
    let given = |options: &[(&'static str, bool)]| {
        let mut options = options.iter();
        options.find(|(_, given)| *given).map(|(name, _)| *name)
    };
    match is_catalogue {
        true => given(&of_declared).map_or(Ok(()), |name| {
            Err(Failure::usage(format!(
                "`{name}` is for a source that is served as declared, and `gins` has a catalogue of its own; add `--declared`, or leave it out"
            )))
        }),
        false => given(&of_catalogue).map_or(Ok(()), |name| {
            Err(Failure::usage(format!(
                "`{name}` is for the catalogue of `gins`; a declared source takes its secrets from the environment or `--secrets`, and `--rows` says how much it has"
            )))
        }),
    }
}

/// Starts the catalogue of `gins`; port 0 is a free one.
pub async fn start(
    products: u32,
    behaviour: &Behaviour,
    port: u16,
    key: String,
) -> Result<Running, Failure> {
    let mut options = ::mock::Options {
        products,
        port,
        api_key: ApiKey::new(key),
        requests_per_second: behaviour.requests_per_second,
        latency: Duration::from_millis(behaviour.latency_ms),
        faults: behaviour.faults.clone(),
        ..::mock::Options::default()
    };
    if let Some(seed) = behaviour.seed {
        options.seed = seed;
    }
    ::mock::Mock::start(options)
        .await
        .map_err(|error| Failure::run(format!("the source cannot be served: {error}")))
}

/// The pipeline, the secrets that its source asks for, and those of them that nobody has set.
async fn opened(
    bundle: &Bundle,
    declared: &DeclaredSource,
) -> Result<(Pipeline, Secrets, Vec<SecretName>), Failure> {
    let given: IndexMap<_, _> = declared.params.iter().cloned().collect();
    let pipeline = bundle.pipeline(&given).map_err(Failure::usage)?;
    let mut settings = Settings::read()?;
    if let Some(file) = &declared.secrets {
        settings.secrets_file = Some(file.clone());
    }
    let store = SecretStore::open(&settings)?;
    let (mut secrets, mut made_up) = (Secrets::default(), Vec::new());
    for name in pipeline.definition.source.secrets() {
        let secret = match store.read([name]).await {
            Ok(found) => found.get(name)?.clone(),
            Err(_) => {
                made_up.push(name.clone());
                Secret::new(made_up_value(name))
            }
        };
        secrets.insert(name.clone(), secret);
    }
    Ok((pipeline, secrets, made_up))
}

/// What a secret is where nobody has set it: the same every time.
fn made_up_value(name: &SecretName) -> String {
    format!("mock-{}", name.replace('/', "-"))
}

/// `samples/<resource>.json` beside the definition.
fn samples(pipelines: &Path, bundle: &Bundle) -> Result<BTreeMap<String, Value>, Failure> {
    let folder = pipelines.join(&*bundle.name).join("samples");
    let mut samples = BTreeMap::new();
    let Ok(definition) = bundle.check() else {
        return Ok(samples);
    };
    for resource in definition.resources.keys() {
        let file = folder.join(format!("{resource}.json"));
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        let sample = serde_json::from_str(&text).map_err(|error| {
            Failure::usage(format!(
                "{}: {error}; write an answer of the source, or its records",
                file.display()
            ))
        })?;
        samples.insert(resource.to_string(), sample);
    }
    Ok(samples)
}

async fn serve(
    options: &Mock,
    pipeline: Pipeline,
    secrets: Secrets,
    samples: BTreeMap<String, Value>,
) -> Result<Serving, Failure> {
    let (behaviour, declared) = (&options.behaviour, &options.declared);
    let usual = Options::default();
    let options = Options {
        secrets,
        seed: behaviour.seed.unwrap_or(usual.seed),
        rows: declared.rows.unwrap_or(usual.rows),
        page_size: declared.page_size.map(|size| size as usize),
        expire_after: declared.expire_after,
        samples,
        port: options.port,
        requests_per_second: behaviour.requests_per_second,
        latency: Duration::from_millis(behaviour.latency_ms),
        faults: behaviour.faults.clone(),
    };
    let serving = Declared::serve(pipeline, options).await;
    serving.map_err(|error| Failure::run(format!("the source cannot be served: {error}")))
}

fn of_catalogue(options: &Mock, running: &Running) -> Served {
    let own = options.catalogue.key.is_none();
    let key = own.then(|| ("LAKEHEAD_SECRET_GINS_API_KEY".to_owned(), KEY.to_owned()));
    Served {
        pipeline: options.name.clone(),
        url: running.url(),
        params: [("base_url".to_owned(), running.url())].into(),
        secrets: key.into_iter().collect(),
        notes: Vec::new(),
    }
}

fn of_declared(options: &Mock, serving: &Serving, made_up: Vec<SecretName>) -> Served {
    let parameters = serving.parameters().iter();
    let asked = options.declared.params.iter();
    let params = asked.chain(parameters);
    let made_up = made_up.iter();
    Served {
        pipeline: options.name.clone(),
        url: serving.url(),
        params: params
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect(),
        secrets: made_up
            .map(|name| (name.environment_variable(), made_up_value(name)))
            .collect(),
        notes: serving.notes().into_iter().map(str::to_owned).collect(),
    }
}

fn tell(served: &Served, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return print_json(served);
    }
    let (name, url) = (&served.pipeline, &served.url);
    let mut out = format!("{name} is served at {url}, {url}/_stats counts\n");
    for note in &served.notes {
        let _ = writeln!(out, "  {note}");
    }
    out += "read it with:\n";
    for (variable, value) in &served.secrets {
        let _ = writeln!(out, "  export {variable}={value}");
    }
    let params = served.params.iter();
    let params: String = params
        .map(|(name, value)| format!(" --param {name}={value}"))
        .collect();
    let _ = writeln!(out, "  lakehead run {name}{params}");
    print(&out)
}

async fn interrupted() -> Result<(), Failure> {
    tokio::signal::ctrl_c()
        .await
        .map_err(|error| Failure::run(format!("cannot wait for an interrupt: {error}")))
}
