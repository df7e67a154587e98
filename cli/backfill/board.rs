//! What a person sees while windows are filled: a bar with what is under way, and a line for each that has ended.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::outcome::Outcome;
use crate::report::thousands;

/// How many windows under way are named.
const NAMED: usize = 3;

/// The display of one backfill.
pub struct Board {
    left: usize,
    state: Mutex<State>,
    bar: Option<ProgressBar>,
}

#[derive(Default)]
struct State {
    running: BTreeSet<String>,
    ended: usize,
    failed: usize,
}

impl Board {
    /// A display of so many windows left to do, beside those that are done.
    pub fn new(done: usize, left: usize) -> Self {
        if done > 0 {
            eprintln!("{done} windows are published already");
        }
        Board {
            left,
            state: Mutex::default(),
            bar: std::io::stderr().is_terminal().then(|| bar(left)),
        }
    }

    /// A window was begun.
    pub fn begun(&self, window: &str) {
        let mut state = self.state();
        state.running.insert(window.to_owned());
        self.draw(&state);
    }

    /// A window came to its end.
    pub fn ended(&self, outcome: &Outcome) {
        let mut state = self.state();
        state.running.remove(&outcome.window);
        state.ended += 1;
        state.failed += usize::from(outcome.is_failed());
        let fault = outcome.fault.as_ref();
        let fault = fault.map(|fault| format!(": {}: {}", fault.kind, fault.message));
        self.say(&format!(
            "{} {}, {} rows, {:.1} s ({} of {}){}",
            outcome.window,
            outcome.words(),
            thousands(outcome.rows),
            outcome.seconds,
            state.ended,
            self.left,
            fault.unwrap_or_default()
        ));
        self.draw(&state);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    fn draw(&self, state: &State) {
        let Some(bar) = &self.bar else { return };
        bar.set_position(state.ended as u64);
        let mut words: Vec<&str> = state.running.iter().map(String::as_str).collect();
        let more = words.len().saturating_sub(NAMED);
        words.truncate(NAMED);
        let mut message = format!("under way: {}", words.join(", "));
        if more > 0 {
            message += &format!(" and {more} more");
        }
        if state.failed > 0 {
            message += &format!("; {} failed", state.failed);
        }
        bar.set_message(message);
    }
}

fn bar(left: usize) -> ProgressBar {
    let template = "{bar:32.cyan/blue} {pos}/{len} windows, {elapsed} gone, {eta} to go  {msg}";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(left as u64).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

impl Drop for Board {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
