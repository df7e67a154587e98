//! Logs: JSON lines in Lambda, plain lines on standard error at a terminal. Never a body, a token or a record.

use serde_json::Value;
use tracing::{Span, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Logs as JSON lines, for CloudWatch, which gives each its time; `RUST_LOG` sets the level.
pub fn json() {
    let lines = lines(filter("info"), std::io::stderr);
    let _ = tracing::subscriber::set_global_default(lines);
}

/// Logs as plain lines on standard error, for a person; `RUST_LOG` sets the level.
pub fn plain() {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter("warn"))
        .with_writer(std::io::stderr)
        .try_init();
}

/// What every line of one call says of it: `filter span.run = "…"` finds all that a run has said.
pub(crate) fn span(step: &str, request: &str, input: &Value) -> Span {
    let told = |places: [&str; 2]| {
        let mut found = places.iter().filter_map(|place| input.pointer(place));
        found.next().and_then(Value::as_str)
    };
    tracing::info_span!(
        "call",
        step,
        request,
        pipeline = told(["/run/pipeline", "/request/pipeline"]),
        run = told(["/run/id", "/run_id"]),
        slice = told(["/slice/id", "/slice"]),
    )
}

/// One object a line, with the fields of an event beside its message.
fn lines<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .without_time()
        .with_env_filter(filter)
        .with_writer(writer)
        .finish()
}

/// What the SDK of AWS says of every request is for who looks for a mistake in it, and asks for it by name.
fn filter(default: &str) -> EnvFilter {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    match "aws=warn".parse() {
        Ok(quiet) => filter.add_directive(quiet),
        Err(_) => filter,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("whole").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_of_a_call_says_which_run_it_is_of() {
        let kept = Kept::default();
        let writer = kept.clone();
        let lines = lines(filter("info"), move || writer.clone());
        tracing::subscriber::with_default(lines, || {
            let input = json!({"run": {"pipeline": "gins", "id": "r1"}, "slice": {"id": "s"}});
            span("load", "q1", &input).in_scope(|| {
                tracing::info!(millis = 7, "answered");
                tracing::debug!("too much");
                tracing::info!(target: "aws_smithy_runtime", "of no use");
            });
            let input = json!({"run_id": "r2", "request": {"pipeline": "matrix"}});
            span("plan", "q2", &input).in_scope(|| tracing::error!("no\nluck"));
        });
        let kept = kept.0.lock().expect("whole").clone();
        let kept = String::from_utf8(kept).expect("text");
        let mut lines = kept.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            line.as_object_mut().expect("an object").remove("target");
            line
        });
        let first = json!({"level": "INFO", "message": "answered", "millis": 7,
            "span": {"name": "call", "step": "load", "request": "q1", "pipeline": "gins", "run": "r1", "slice": "s"}});
        let second = json!({"level": "ERROR", "message": "no\nluck",
            "span": {"name": "call", "step": "plan", "request": "q2", "pipeline": "matrix", "run": "r2"}});
        assert_eq!(lines.next(), Some(first));
        assert_eq!(lines.next(), Some(second));
        assert_eq!(lines.next(), None);
    }
}
