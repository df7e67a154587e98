//! Serves `load` on AWS Lambda.

fn main() -> std::process::ExitCode {
    step::serve::<load::Load>(None)
}
