//! Serves `transform` on AWS Lambda.

fn main() -> std::process::ExitCode {
    step::serve::<transform::Transform>(None)
}
