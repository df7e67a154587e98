//! Serves `refresh` on AWS Lambda.

fn main() -> std::process::ExitCode {
    step::serve::<refresh::Refresh>(Some(embedded::engine))
}
