//! Serves `fetch-page` on AWS Lambda.

fn main() -> std::process::ExitCode {
    step::serve::<fetch_page::FetchPage>(None)
}
