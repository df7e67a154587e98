//! Running an execution: from state to state, each with its data flow, its retries and its catchers.

use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Either, select};
use serde_json::Value;

use crate::choice::timestamp;
use crate::context::{Context, ExecutionContext, Item};
use crate::error_output::ErrorOutput;
use crate::event::{Event, What};
use crate::history::{History, Record};
use crate::retry::{Retries, catcher};
use crate::selection::DataPath;
use crate::state::{Choice, Fail, Flow, Graph, Kind, Pass, State, Task, Wait, Words};
use crate::world::World;

/// An error and the state it arose in.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) output: ErrorOutput,
    pub(crate) state: String,
}

/// What bounds an execution.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) time: Option<Duration>,
    pub(crate) events: usize,
}

/// One execution under way: a machine's own, or a child of a distributed Map.
pub(crate) struct Execution<'a> {
    pub(crate) world: &'a dyn World,
    pub(crate) context: ExecutionContext,
    pub(crate) history: History,
}

impl<'a> Execution<'a> {
    /// Runs the graph from its start to an end.
    pub(crate) async fn run(
        world: &'a dyn World,
        graph: &'a Graph,
        name: String,
        input: Value,
        bounds: Bounds,
    ) -> (Result<Value, Failed>, Record) {
        let context = ExecutionContext {
            name,
            input: input.clone(),
            started: world.now(),
        };
        let execution = Self {
            world,
            context,
            history: History::begin(bounds.events),
        };
        let walk = execution.walk(graph, input, None);
        let result = match bounds.time {
            None => walk.await,
            Some(limit) => within(world, limit, walk)
                .await
                .unwrap_or_else(|| Err(execution.timed_out(limit))),
        };
        (result, execution.history.end())
    }

    fn timed_out(&self, limit: Duration) -> Failed {
        let cause = format!("the execution took more than its {} s", limit.as_secs());
        Failed {
            output: ErrorOutput::new("States.Timeout", cause),
            state: self.history.last_state(),
        }
    }

    /// Goes from state to state until one ends. Boxed, because a Map walks again inside.
    pub(crate) fn walk<'s>(
        &'s self,
        graph: &'s Graph,
        input: Value,
        item: Option<&'s Item>,
    ) -> BoxFuture<'s, Result<Value, Failed>> {
        async move {
            let mut data = input;
            let mut name = graph.start_at.as_str();
            loop {
                let state = graph
                    .find(name)
                    .expect("a checked machine names only states that are there");
                let visit = Visit {
                    execution: self,
                    state,
                    item,
                };
                let (output, next) = visit.run(&data).await?;
                data = output;
                match next {
                    Some(next) => name = next,
                    None => return Ok(data),
                }
            }
        }
        .boxed()
    }
}

/// One stay at a state.
pub(crate) struct Visit<'s, 'a> {
    pub(crate) execution: &'s Execution<'a>,
    pub(crate) state: &'s State,
    pub(crate) item: Option<&'s Item>,
}

/// A state's output, and the state that follows, if any.
type Left<'s> = (Value, Option<&'s str>);

impl<'s> Visit<'s, '_> {
    async fn run(&self, data: &Value) -> Result<Left<'s>, Failed> {
        let left = self
            .stay(data)
            .await
            .inspect_err(|failed| self.observe(What::Failed(&failed.output)))?;
        self.observe(What::Exited(&left.0));
        Ok(left)
    }

    async fn stay(&self, data: &Value) -> Result<Left<'s>, Failed> {
        self.enter(data).map_err(|error| self.failed(error))?;
        let left = match &self.state.kind {
            Kind::Task(_, flow) | Kind::Map(_, flow) => self.try_until_done(data, flow).await,
            Kind::Wait(wait, flow) => self
                .wait(wait, data, flow)
                .await
                .map_err(|error| self.failed(error)),
            Kind::Pass(pass, flow) => self
                .pass(pass, data, flow)
                .map_err(|error| self.failed(error)),
            Kind::Choice(choice) => self
                .choose(choice, data)
                .map_err(|error| self.failed(error)),
            Kind::Succeed => self
                .pass_on(data)
                .map(|data| (data, None))
                .map_err(|error| self.failed(error)),
            Kind::Fail(fail) => Err(self.failed(self.fail(fail, data))),
        }?;
        self.execution
            .history
            .add(1)
            .map_err(|error| self.failed(error))?;
        Ok(left)
    }

    fn enter(&self, data: &Value) -> Result<(), ErrorOutput> {
        self.execution.history.enter(&self.state.name);
        self.observe(What::Entered(data));
        self.execution.history.add(1)?;
        self.measure("input", data)
    }

    /// Attempts the state's work, retries it as its retriers say, and leads on as its catchers say.
    async fn try_until_done(&self, data: &Value, flow: &'s Flow) -> Result<Left<'s>, Failed> {
        let world = self.execution.world;
        let mut retries = Retries::of(self.state.retry());
        for attempts in 1.. {
            let failed = match self.attempt(data).await {
                Ok(output) => return Ok((output, next(flow))),
                Err(failed) => failed,
            };
            let Some(delay) = retries.after(&failed.output, || world.random()) else {
                return self.catch(data, failed);
            };
            self.observe(What::WillRetry {
                attempts,
                error: &failed.output,
                delay,
            });
            world.wait(delay).await;
        }
        unreachable!("attempts are counted without end")
    }

    async fn attempt(&self, data: &Value) -> Result<Value, Failed> {
        match &self.state.kind {
            Kind::Task(task, _) => self
                .task(task, data)
                .await
                .map_err(|error| self.failed(error)),
            Kind::Map(map, _) => self.map(map, data).await,
            _ => unreachable!("only tasks and Maps are attempted"),
        }
    }

    fn catch(&self, data: &Value, failed: Failed) -> Result<Left<'s>, Failed> {
        let Some(catcher) = catcher(self.state.catch(), &failed.output) else {
            return Err(failed);
        };
        let placed = catcher.result_path.join(data, failed.output.to_value());
        let output = placed
            .and_then(|output| self.measured("output", output))
            .map_err(|error| self.failed(error))?;
        self.observe(What::Caught {
            error: &failed.output,
            next: &catcher.next,
        });
        Ok((output, Some(&catcher.next)))
    }

    async fn task(&self, task: &Task, data: &Value) -> Result<Value, ErrorOutput> {
        let selected = self.select_input(data)?;
        let input = match &task.parameters {
            Some(template) => template.fill(&selected, &self.context())?,
            None => selected,
        };
        self.measure("input", &input)?;
        self.execution.history.add(2)?;
        let answer = self.call(task, input).await;
        self.execution.history.add(1)?;
        let result = self.measured("result", answer?)?;
        self.leave(&task.result_path.join(data, result)?)
    }

    async fn call(&self, task: &Task, input: Value) -> Result<Value, ErrorOutput> {
        let world = self.execution.world;
        let work = world.task(&task.resource.0, input);
        let Some(seconds) = task.timeout_seconds else {
            return work.await;
        };
        let limit = Duration::from_secs(seconds.get().into());
        within(world, limit, work).await.unwrap_or_else(|| {
            Err(ErrorOutput::new(
                "States.Timeout",
                format!("the task took more than its {seconds} s"),
            ))
        })
    }

    async fn wait(
        &self,
        wait: &Wait,
        data: &Value,
        flow: &'s Flow,
    ) -> Result<Left<'s>, ErrorOutput> {
        let time = self.time_to_wait(wait, &self.select_input(data)?)?;
        self.observe(What::Waiting(time));
        self.execution.world.wait(time).await;
        Ok((self.pass_on(data)?, next(flow)))
    }

    fn time_to_wait(&self, wait: &Wait, data: &Value) -> Result<Duration, ErrorOutput> {
        match wait {
            Wait::Seconds(seconds) => Ok(Duration::from_secs((*seconds).into())),
            Wait::Timestamp(time) => Ok(self.until(*time)),
            Wait::SecondsPath(DataPath(path)) => {
                let value = path.read("SecondsPath", data, &self.context())?;
                let seconds = value.as_u64().filter(|seconds| *seconds <= 99_999_999);
                let refusal = || {
                    format!(
                        "`SecondsPath` must lead to a whole number from 0 to 99999999, not {value}"
                    )
                };
                seconds
                    .map(Duration::from_secs)
                    .ok_or_else(|| ErrorOutput::runtime(refusal()))
            }
            Wait::TimestampPath(DataPath(path)) => {
                let value = path.read("TimestampPath", data, &self.context())?;
                let refusal = || {
                    format!(
                        "`TimestampPath` must lead to a time such as 2026-01-31T05:30:00Z, not {value}"
                    )
                };
                timestamp(&value)
                    .map(|time| self.until(time))
                    .ok_or_else(|| ErrorOutput::runtime(refusal()))
            }
        }
    }

    /// Nothing, if the time is past.
    fn until(&self, time: jiff::Timestamp) -> Duration {
        Duration::try_from(time.duration_since(self.execution.world.now())).unwrap_or_default()
    }

    fn pass(&self, pass: &Pass, data: &Value, flow: &'s Flow) -> Result<Left<'s>, ErrorOutput> {
        let input = self.select_input(data)?;
        let result = match (&pass.result, &pass.parameters) {
            (Some(result), _) => result.clone(),
            (None, Some(template)) => template.fill(&input, &self.context())?,
            (None, None) => input,
        };
        let output = self.leave(&pass.result_path.join(data, result)?)?;
        Ok((output, next(flow)))
    }

    fn choose(&self, choice: &'s Choice, data: &Value) -> Result<Left<'s>, ErrorOutput> {
        let input = self.select_input(data)?;
        for rule in &choice.rules {
            if rule.condition.holds(&input, &self.context())? {
                return Ok((self.leave(&input)?, Some(&rule.next)));
            }
        }
        let default = choice.default.as_deref().ok_or_else(|| {
            ErrorOutput::new(
                "States.NoChoiceMatched",
                "no rule holds for the data, and there is no `Default`",
            )
        })?;
        Ok((self.leave(&input)?, Some(default)))
    }

    /// The error that a Fail state reports, or that keeps it from saying so.
    fn fail(&self, fail: &Fail, data: &Value) -> ErrorOutput {
        let error = self.words("ErrorPath", &fail.error, data);
        let cause = fail.cause.as_ref().map_or(Ok(String::new()), |cause| {
            self.words("CausePath", cause, data)
        });
        match (error, cause) {
            (Ok(error), Ok(cause)) => ErrorOutput { error, cause },
            (Err(failed), _) | (_, Err(failed)) => failed,
        }
    }

    fn words(&self, field: &str, words: &Words, data: &Value) -> Result<String, ErrorOutput> {
        match words {
            Words::Written(text) => Ok(text.clone()),
            Words::At(DataPath(path)) => {
                let value = path.read(field, data, &self.context())?;
                let text = value.as_str().map(str::to_owned);
                text.ok_or_else(|| {
                    ErrorOutput::runtime(format!("`{field}` must lead to a text, not {value}"))
                })
            }
        }
    }

    /// What a state without a result hands on.
    fn pass_on(&self, data: &Value) -> Result<Value, ErrorOutput> {
        self.leave(&self.select_input(data)?)
    }

    pub(crate) fn select_input(&self, data: &Value) -> Result<Value, ErrorOutput> {
        self.state.input.of("InputPath", data, &self.context())
    }

    /// The output: what `OutputPath` selects, small enough to be carried.
    pub(crate) fn leave(&self, data: &Value) -> Result<Value, ErrorOutput> {
        let output = self.state.output.of("OutputPath", data, &self.context())?;
        self.measured("output", output)
    }

    pub(crate) fn measured(&self, what: &str, payload: Value) -> Result<Value, ErrorOutput> {
        self.measure(what, &payload).map(|()| payload)
    }

    fn measure(&self, what: &str, payload: &Value) -> Result<(), ErrorOutput> {
        self.execution
            .history
            .payload(&self.state.name, what, payload)
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            execution: &self.execution.context,
            state: &self.state.name,
            item: self.item,
        }
    }

    pub(crate) fn failed(&self, output: ErrorOutput) -> Failed {
        Failed {
            output,
            state: self.state.name.clone(),
        }
    }

    pub(crate) fn observe(&self, what: What<'_>) {
        let item = self.item.map(|item| item.index);
        let execution = &self.execution.context.name;
        self.execution.world.observe(&Event {
            execution,
            item,
            state: &self.state.name,
            what,
        });
    }
}

fn next(flow: &Flow) -> Option<&str> {
    match flow {
        Flow::Next(name) => Some(name),
        Flow::End => None,
    }
}

/// What the work comes to, unless its time is up first.
async fn within<T>(world: &dyn World, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), world.deadline(limit)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
