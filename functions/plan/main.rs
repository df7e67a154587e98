//! Serves `plan` on AWS Lambda.

fn main() -> std::process::ExitCode {
    step::serve::<plan::Plan>(None)
}
