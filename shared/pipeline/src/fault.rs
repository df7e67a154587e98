//! What went wrong in a run, and who may try again.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The class of a fault: the Lambda `errorType`, and what `ErrorEquals` in the state machine matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A passing trouble of network, source or platform: the same call may succeed later.
    Transient,
    /// The source asks for patience beyond what a step waits by itself.
    RateLimited,
    /// The source refuses: credentials, permissions, an answer that its rules call a failure.
    SourceRejected,
    /// Data broke a declared bound: too many rejects, a failed check, rows that do not balance.
    BadData,
    /// The definition or an option is wrong.
    BadDefinition,
    /// Our own mistake.
    Bug,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 6] = [
        Kind::Transient,
        Kind::RateLimited,
        Kind::SourceRejected,
        Kind::BadData,
        Kind::BadDefinition,
        Kind::Bug,
    ];

    /// The name that the state machine matches.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Transient => "Transient",
            Kind::RateLimited => "RateLimited",
            Kind::SourceRejected => "SourceRejected",
            Kind::BadData => "BadData",
            Kind::BadDefinition => "BadDefinition",
            Kind::Bug => "Bug",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Something that went wrong in a run: kind, message, context. Never holds a secret or a record's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Who may try again.
    pub kind: Kind,
    /// One sentence: the fact and, where there is one, the remedy.
    pub message: String,
    /// Where it happened: `resource`, `page`, `table`, …
    pub context: Vec<(&'static str, String)>,
}

impl Fault {
    /// A fault of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Fault {
            kind,
            message: message.into(),
            context: Vec::new(),
        }
    }

    /// A passing trouble.
    pub fn transient(message: impl Into<String>) -> Self {
        Fault::new(Kind::Transient, message)
    }

    /// A refusal of the source.
    pub fn rejected(message: impl Into<String>) -> Self {
        Fault::new(Kind::SourceRejected, message)
    }

    /// Data beyond a declared bound.
    pub fn bad_data(message: impl Into<String>) -> Self {
        Fault::new(Kind::BadData, message)
    }

    /// A wrong definition or option.
    pub fn bad_definition(message: impl Into<String>) -> Self {
        Fault::new(Kind::BadDefinition, message)
    }

    /// Our own mistake.
    pub fn bug(message: impl Into<String>) -> Self {
        Fault::new(Kind::Bug, message)
    }

    /// The same fault, saying also where it happened.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.context.push((name, value.to_string()));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        if self.context.is_empty() {
            return Ok(());
        }
        let context: Vec<String> = self
            .context
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        write!(formatter, " ({})", context.join(", "))
    }
}

impl std::error::Error for Fault {}
