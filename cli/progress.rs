//! What a person sees while a run goes on: a bar a stage on a terminal, a line a stage anywhere else.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use edge::env::Meter;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use machine::{Event, What};

/// The display of one run.
#[derive(Clone)]
pub struct Progress {
    meter: Arc<Meter>,
    bars: Option<Arc<Bars>>,
    quiet: bool,
}

struct Bars {
    all: MultiProgress,
    fetch: ProgressBar,
    transform: ProgressBar,
    load: ProgressBar,
    stage: ProgressBar,
}

impl Progress {
    /// A display that reads `meter`; `quiet` shows nothing at all.
    pub fn new(meter: Arc<Meter>, quiet: bool) -> Self {
        let drawn = !quiet && std::io::stderr().is_terminal();
        let bars = drawn.then(|| Arc::new(Bars::new()));
        Progress { meter, bars, quiet }
    }

    /// Redraws until dropped.
    pub fn follow(&self) -> Follower {
        let display = self.clone();
        let task = tokio::spawn(async move {
            loop {
                display.draw();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Follower {
            display: self.clone(),
            task,
        }
    }

    /// Told of everything that the state machine does.
    pub fn observe(&self, event: &Event<'_>) {
        if self.quiet {
            return;
        }
        match event.what {
            What::Entered(_) if event.item.is_none() => self.stage(event.state),
            What::WillRetry { error, delay, .. } => self.say(&format!(
                "{} failed and is tried again in {:.0} s: {}",
                event.state,
                delay.as_secs_f64(),
                error.cause
            )),
            What::Waiting(time) if time.as_secs() > 0 => {
                self.say(&format!(
                    "waiting {} s before the source is asked again",
                    time.as_secs()
                ));
            }
            _ => {}
        }
    }

    fn stage(&self, state: &str) {
        let Some(words) = words(state) else { return };
        match &self.bars {
            Some(bars) => bars.stage.set_message(words),
            None => eprintln!("{words}"),
        }
    }

    fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => drop(bars.all.println(line)),
            None => eprintln!("{line}"),
        }
    }

    fn draw(&self) {
        let Some(bars) = &self.bars else { return };
        let meter = &self.meter;
        set(
            &bars.fetch,
            meter.fetched.load(Relaxed),
            meter.expected.load(Relaxed),
        );
        set(
            &bars.transform,
            meter.typed.load(Relaxed),
            meter.slices.load(Relaxed),
        );
        set(
            &bars.load,
            meter.staged.load(Relaxed),
            meter.slices.load(Relaxed),
        );
    }
}

/// A state of the machine in words; none for those that nobody waits for.
pub fn words(state: &str) -> Option<&'static str> {
    Some(match state {
        "Plan" => "planning",
        "EachSlice" => "fetching, transforming and staging",
        "Publish" => "checking and publishing",
        "Refresh" => "refreshing models and exports",
        "RecordFailure" => "recording the failure",
        _ => return None,
    })
}

fn set(bar: &ProgressBar, position: u64, length: u64) {
    bar.set_length(length.max(position));
    bar.set_position(position);
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let bar = |name: &'static str, unit: &str| {
            let template = format!(
                "{{prefix:>10}} {{bar:32.cyan/blue}} {{human_pos:>7}}/{{human_len}} {unit} {{per_sec:>12}} {{eta:>4}}"
            );
            let style = ProgressStyle::with_template(&template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            all.add(ProgressBar::new(0).with_style(style).with_prefix(name))
        };
        let fetch = bar("fetch", "pages ");
        let transform = bar("transform", "slices");
        let load = bar("load", "slices");
        let spinner = ProgressStyle::with_template("{spinner:>10} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let stage = all.add(ProgressBar::new_spinner().with_style(spinner));
        stage.enable_steady_tick(Duration::from_millis(120));
        Bars {
            all,
            fetch,
            transform,
            load,
            stage,
        }
    }
}

/// Redraws a display as long as it lives, and takes it off the screen at the end.
pub struct Follower {
    display: Progress,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
        self.display.draw();
        if let Some(bars) = &self.display.bars {
            for bar in [&bars.fetch, &bars.transform, &bars.load] {
                bar.abandon();
            }
            bars.stage.finish_and_clear();
        }
    }
}
