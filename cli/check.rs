//! `lakehead check`: what is wrong with definitions, all of it, without touching anything else.

use std::path::Path;

use edge::definitions::Definitions;
use pipeline::definition::Bundle;
use pipeline::problem::Problem;
use serde::Serialize;

use crate::arguments::{Check, Format};
use crate::output::{Exit, Failure, print, print_json};

/// What is wrong with one pipeline.
#[derive(Serialize)]
struct Checked {
    pipeline: String,
    file: String,
    problems: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    line: u32,
    column: u32,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// Checks one definition or all of them.
pub fn check(options: &Check, pipelines: &Path) -> Result<Exit, Failure> {
    let definitions = Definitions::below(pipelines);
    let names = match &options.name {
        Some(name) => vec![name.clone()],
        None => definitions
            .names()?
            .iter()
            .map(ToString::to_string)
            .collect(),
    };
    if names.is_empty() {
        return Err(Failure::usage(format!(
            "there is no pipeline in {}",
            pipelines.display()
        )));
    }
    let mut all = Vec::new();
    let mut text = String::new();
    for name in &names {
        let bundle = definitions.load(name)?;
        let file = pipelines
            .join(name)
            .join("pipeline.yaml")
            .display()
            .to_string();
        let problems = match bundle.check() {
            Ok(_) => Vec::new(),
            Err(problems) => {
                text += &problems.render(&file, &bundle.text);
                text.push('\n');
                problems.0.into_iter().map(shown).collect()
            }
        };
        text += &verdict(&bundle, problems.len());
        all.push(Checked {
            pipeline: name.clone(),
            file,
            problems,
        });
    }
    match options.format {
        Format::Json => print_json(&all)?,
        Format::Text => print(&text)?,
    }
    Ok(
        match all.iter().all(|checked| checked.problems.is_empty()) {
            true => Exit::Done,
            false => Exit::Wrong,
        },
    )
}

fn verdict(bundle: &Bundle, problems: usize) -> String {
    match problems {
        0 => format!("{}: no problem found\n", bundle.name),
        1 => format!("{}: 1 problem\n", bundle.name),
        count => format!("{}: {count} problems\n", bundle.name),
    }
}

fn shown(problem: Problem) -> Shown {
    Shown {
        line: problem.at.line,
        column: problem.at.column,
        message: problem.message,
        remedy: problem.remedy,
    }
}
