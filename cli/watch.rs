//! What a person sees of a run on AWS: its stage, and how far its slices are.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

use edge::executions::{Entered, Executions, Items};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::progress::words;

/// The display of one execution.
pub struct Watch<'a> {
    executions: &'a Executions,
    name: String,
    shown: Mutex<Shown>,
    bars: Option<Bars>,
}

#[derive(Default)]
struct Shown {
    is_named: bool,
    stage: Option<&'static str>,
    items: Option<Items>,
}

struct Bars {
    slices: ProgressBar,
    stage: ProgressBar,
}

impl<'a> Watch<'a> {
    /// A display of the execution of that name.
    pub fn new(executions: &'a Executions, name: &str) -> Self {
        Watch {
            executions,
            name: name.to_owned(),
            shown: Mutex::default(),
            bars: std::io::stderr().is_terminal().then(Bars::new),
        }
    }

    /// Looks at what the execution does now. What can't be seen is not shown: the run goes on all the same.
    pub async fn look(&self) {
        let entered = self.executions.entered(&self.name).await;
        let items = self.executions.items(&self.name).await;
        self.show(entered.ok().flatten().as_ref(), items.ok().flatten());
    }

    fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.stage.println(line),
            None => eprintln!("{line}"),
        }
    }

    fn show(&self, entered: Option<&Entered>, items: Option<Items>) {
        let mut shown = self
            .shown
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if !std::mem::replace(&mut shown.is_named, true) {
            self.say(&self.executions.arn(&self.name));
        }
        let stage = entered.and_then(|entered| words(&entered.state));
        if let Some(stage) = stage.filter(|stage| shown.stage != Some(stage)) {
            shown.stage = Some(stage);
            match &self.bars {
                Some(bars) => bars.stage.set_message(stage),
                None => self.say(stage),
            }
        }
        let Some(items) = items.filter(|items| shown.items != Some(*items)) else {
            return;
        };
        shown.items = Some(items);
        match &self.bars {
            Some(bars) => {
                bars.slices.set_length(items.total);
                bars.slices.set_position(items.succeeded);
            }
            None => self.say(&format!(
                "{} of {} slices, {} under way, {} failed",
                items.succeeded, items.total, items.running, items.failed
            )),
        }
    }
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        let slices =
            style("{prefix:>10} {bar:32.cyan/blue} {human_pos:>7}/{human_len} slices {eta:>4}");
        let slices = all.add(ProgressBar::new(0).with_style(slices).with_prefix("done"));
        let stage = style("{spinner:>10} {msg} {elapsed}");
        let stage = all.add(ProgressBar::new_spinner().with_style(stage));
        stage.enable_steady_tick(Duration::from_millis(120));
        Bars { slices, stage }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.slices.abandon();
        self.stage.finish_and_clear();
    }
}
