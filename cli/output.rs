//! How a command ends: its exit code, and what it says when it fails.

use std::process::ExitCode;

use pipeline::fault::{Fault, Kind};
use serde::Serialize;

/// The exit codes of the command-line contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// The run failed; nothing was published.
    Failed = 1,
    /// Wrong usage or definition.
    Wrong = 2,
    /// Published with rejects inside the tolerance, and `--strict` was given.
    Rejects = 3,
    /// Whoever watched had enough of it; what was watched goes on.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What a person reads, without the word “error”.
    pub message: String,
}

impl Failure {
    /// The command line or the definition is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure {
            exit: Exit::Wrong,
            message: message.into(),
        }
    }

    /// It was right, but did not work out.
    pub fn run(message: impl Into<String>) -> Self {
        Failure {
            exit: Exit::Failed,
            message: message.into(),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let exit = match fault.kind {
            Kind::BadDefinition => Exit::Wrong,
            _ => Exit::Failed,
        };
        Failure {
            exit,
            message: fault.to_string(),
        }
    }
}

/// Says on standard error why a command failed.
pub fn complain(failure: &Failure) -> Exit {
    eprintln!("error: {}", failure.message.trim_end());
    failure.exit
}

/// Writes one JSON document and a line feed to standard output.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::run(format!("the answer is no JSON: {error}")))?;
    print(&format!("{text}\n"))
}

/// Writes text to standard output; a reader that has gone away (`| head`) is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;

    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::run(format!(
            "cannot write to standard output: {error}"
        ))),
        _ => Ok(()),
    }
}
