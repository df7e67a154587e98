//! The results of a distributed Map: in its output, or in objects as AWS writes them, files of succeeded and failed
//! children and their manifest.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::context::format_time;
use crate::error_output::ErrorOutput;
use crate::history::{PAYLOAD_LIMIT_BYTES, size_bytes};
use crate::world::World;

/// A file is written when it has grown to this; AWS's grow to gigabytes, we keep them in memory until then.
const FILE_BYTES: usize = 4 << 20;

/// A child execution that came to an end.
pub(crate) struct Child {
    pub(crate) index: u64,
    pub(crate) name: String,
    /// Kept only where results are written.
    pub(crate) input: Option<Value>,
    pub(crate) result: Result<Value, ErrorOutput>,
    pub(crate) started: Timestamp,
    pub(crate) stopped: Timestamp,
}

/// Where the children's outputs go: into the Map's result, or into objects.
pub(crate) enum Results<'a> {
    Kept {
        outputs: Vec<(u64, Value)>,
        bytes: usize,
    },
    Written(ResultFiles<'a>),
}

impl Results<'_> {
    pub(crate) async fn keep(&mut self, child: Child) -> Result<(), ErrorOutput> {
        match self {
            Self::Written(files) => files.add(child).await,
            Self::Kept { outputs, bytes } => {
                let Ok(output) = child.result else {
                    return Ok(());
                };
                // With a comma or a bracket each.
                *bytes += size_bytes(&output) + 1;
                // Past the limit the Map is bound to fail; memory need not grow until then.
                if *bytes >= PAYLOAD_LIMIT_BYTES {
                    outputs.clear();
                } else {
                    outputs.push((child.index, output));
                }
                Ok(())
            }
        }
    }

    pub(crate) async fn finish(self) -> Result<Value, ErrorOutput> {
        match self {
            Self::Written(files) => files.finish().await,
            Self::Kept { bytes, .. } if bytes >= PAYLOAD_LIMIT_BYTES => {
                let cause = format!(
                    "the children's outputs have {bytes} bytes together, more than the {PAYLOAD_LIMIT_BYTES} that AWS \
                     carries; add a `ResultWriter`"
                );
                Err(ErrorOutput::new("States.DataLimitExceeded", cause))
            }
            Self::Kept { mut outputs, .. } => {
                outputs.sort_by_key(|(index, _)| *index);
                Ok(Value::Array(
                    outputs.into_iter().map(|(_, output)| output).collect(),
                ))
            }
        }
    }
}

/// The files of one Map Run.
pub(crate) struct ResultFiles<'w> {
    world: &'w dyn World,
    bucket: String,
    /// What all keys start with, the Map Run's name included.
    base: String,
    map_run: String,
    succeeded: Files,
    failed: Files,
}

/// The files of one status, and the one that is growing.
struct Files {
    status: &'static str,
    written: Vec<Value>,
    growing: Vec<u8>,
}

impl<'w> ResultFiles<'w> {
    pub(crate) fn new(world: &'w dyn World, bucket: &str, prefix: &str, map_run: &str) -> Self {
        let base = match prefix.trim_end_matches('/') {
            "" => map_run.to_owned(),
            prefix => format!("{prefix}/{map_run}"),
        };
        let files = |status| Files {
            status,
            written: Vec::new(),
            growing: Vec::new(),
        };
        Self {
            world,
            bucket: bucket.to_owned(),
            base,
            map_run: map_run.to_owned(),
            succeeded: files("SUCCEEDED"),
            failed: files("FAILED"),
        }
    }

    pub(crate) async fn add(&mut self, child: Child) -> Result<(), ErrorOutput> {
        let files = if child.result.is_ok() {
            &mut self.succeeded
        } else {
            &mut self.failed
        };
        files
            .growing
            .push(if files.growing.is_empty() { b'[' } else { b',' });
        files
            .growing
            .extend_from_slice(entry(&child).to_string().as_bytes());
        match files.growing.len() >= FILE_BYTES {
            true => files.flush(self.world, &self.bucket, &self.base).await,
            false => Ok(()),
        }
    }

    /// Writes what is left and the manifest, and answers as AWS does.
    pub(crate) async fn finish(mut self) -> Result<Value, ErrorOutput> {
        self.succeeded
            .flush(self.world, &self.bucket, &self.base)
            .await?;
        self.failed
            .flush(self.world, &self.bucket, &self.base)
            .await?;
        let map_run_arn = format!("arn:aws:states:local:000000000000:mapRun:{}", self.map_run);
        let manifest = json!({
            "DestinationBucket": self.bucket,
            "MapRunArn": map_run_arn,
            "ResultFiles": { "FAILED": self.failed.written, "PENDING": [], "SUCCEEDED": self.succeeded.written },
        });
        let key = format!("{}/manifest.json", self.base);
        write(
            self.world,
            &self.bucket,
            &key,
            manifest.to_string().into_bytes(),
        )
        .await?;
        Ok(
            json!({ "MapRunArn": map_run_arn, "ResultWriterDetails": { "Bucket": self.bucket, "Key": key } }),
        )
    }
}

impl Files {
    async fn flush(
        &mut self,
        world: &dyn World,
        bucket: &str,
        base: &str,
    ) -> Result<(), ErrorOutput> {
        if self.growing.is_empty() {
            return Ok(());
        }
        let mut content = std::mem::take(&mut self.growing);
        content.push(b']');
        let key = format!("{base}/{}_{}.json", self.status, self.written.len());
        self.written
            .push(json!({ "Key": key, "Size": content.len() }));
        write(world, bucket, &key, content).await
    }
}

/// A child as AWS lists it; its ARN and its state machine's do not exist here.
fn entry(child: &Child) -> Value {
    let mut entry = json!({
        "Name": child.name,
        "Input": child.input.as_ref().map(Value::to_string),
        "InputDetails": { "Included": true },
        "StartDate": format_time(child.started),
        "StopDate": format_time(child.stopped),
    });
    match &child.result {
        Ok(output) => {
            entry["Status"] = "SUCCEEDED".into();
            entry["Output"] = output.to_string().into();
            entry["OutputDetails"] = json!({ "Included": true });
        }
        Err(error) => {
            entry["Status"] = "FAILED".into();
            entry["Error"] = error.error.as_str().into();
            entry["Cause"] = error.cause.as_str().into();
        }
    }
    entry
}

async fn write(
    world: &dyn World,
    bucket: &str,
    key: &str,
    content: Vec<u8>,
) -> Result<(), ErrorOutput> {
    let failed = |error| {
        ErrorOutput::new(
            "States.ResultWriterFailed",
            format!("{bucket}/{key}: {error}"),
        )
    };
    world.write(bucket, key, content).await.map_err(failed)
}
