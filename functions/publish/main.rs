//! Serves `publish` on AWS Lambda.

fn main() -> std::process::ExitCode {
    step::serve::<publish::Publish>(Some(embedded::engine))
}
