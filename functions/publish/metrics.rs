//! Figures of a publish for CloudWatch, as a line of its embedded metric format on standard output: alarms tell
//! from it when a pipeline's tables have not been confirmed for too long.

use std::io::Write;

use edge::env::Env;
use edge::run::Run;
use pipeline::run::PublishStatus;
use serde_json::{Value, json};

use crate::gathered::Gathered;

/// Tells CloudWatch that a run has published, or has found that what is published is still so. Only on AWS.
pub fn tell(run: &Run, status: PublishStatus, gathered: &Gathered, env: &Env) {
    let is_fresh = matches!(status, PublishStatus::Published | PublishStatus::Unchanged);
    if env.aws.is_none() || !is_fresh {
        return;
    }
    let rows: u64 = gathered.rows().values().sum();
    let line = line(
        &run.reference.pipeline,
        rows,
        env.clock.now().as_millisecond(),
    );
    // Figures are no reason to fail.
    if let Err(error) = writeln!(std::io::stdout().lock(), "{line}") {
        tracing::warn!(%error, "the figures of the publish were lost");
    }
}

fn line(pipeline: &str, rows: u64, now_ms: i64) -> Value {
    json!({
        "_aws": {
            "Timestamp": now_ms,
            "CloudWatchMetrics": [{
                "Namespace": "Lakehead",
                "Dimensions": [["Pipeline"]],
                "Metrics": [
                    { "Name": "Published", "Unit": "Count" },
                    { "Name": "Rows", "Unit": "Count" },
                ],
            }],
        },
        "Pipeline": pipeline,
        "Published": 1,
        "Rows": rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_every_figure_that_it_holds() {
        let line = line("gins", 7, 1_795_000_000_000);
        assert_eq!(line["_aws"]["Timestamp"], 1_795_000_000_000_i64);
        let of_namespace = &line["_aws"]["CloudWatchMetrics"][0];
        let metrics = of_namespace["Metrics"].as_array().expect("metrics");
        for metric in metrics {
            let name = metric["Name"].as_str().expect("a name");
            assert!(line[name].is_number(), "{name}");
        }
        assert_eq!((&line["Published"], &line["Rows"]), (&json!(1), &json!(7)));
        let dimension = of_namespace["Dimensions"][0][0].as_str().expect("a name");
        assert_eq!(line[dimension], "gins");
        assert!(!line.to_string().contains('\n'));
    }
}
