//! What all slices of a run came to, and whether the counts agree.

use std::collections::BTreeMap;

use edge::data_check::Dropped;
use edge::env::Env;
use edge::run::{Run, StoredPlan, lines, optional, required};
use futures::stream::{self, StreamExt, TryStreamExt};
use indexmap::IndexMap;
use pipeline::balance::{RecordCounts, RowCounts, SliceOutcome, StagedSlice};
use pipeline::fault::Fault;
use pipeline::name::Name;
use pipeline::run::{Fetched, Slice};

/// Everything that the slices left behind.
pub struct Gathered {
    /// What plan found out.
    pub plan: StoredPlan,
    /// The slices in order, with what became of each.
    pub slices: Vec<(SliceOutcome, StagedSlice)>,
    /// The slices that failed, where some may.
    pub failed: Vec<Slice>,
}

impl Gathered {
    /// Reads what every slice of the plan left; one that left nothing has failed, which is a fault where none may.
    pub async fn of(run: &Run, env: &Env) -> Result<Self, Fault> {
        let plan: StoredPlan = required(&env.objects, &run.keys.plan()).await?;
        let slices: Vec<Slice> = lines(&env.objects, &run.keys.slices()).await?;
        let may_fail = plan.output.slices.tolerated_failures > 0;
        let left: Vec<_> = slices
            .iter()
            .map(|slice| left_by(slice, may_fail, run, env))
            .collect();
        let left: Vec<_> = stream::iter(left).buffered(AT_ONCE).try_collect().await?;
        let (mut came, mut failed) = (Vec::new(), Vec::new());
        for (slice, left) in slices.into_iter().zip(left) {
            match left {
                Some(left) => came.push(left),
                None => failed.push(slice),
            }
        }
        Ok(Gathered {
            plan,
            slices: came,
            failed,
        })
    }

    /// What became of every table's rows, all slices together, in the order of the definition.
    pub fn tables(&self) -> IndexMap<Name, RowCounts> {
        let mut tables: IndexMap<Name, RowCounts> = IndexMap::new();
        for (outcome, _) in &self.slices {
            for (name, table) in &outcome.tables {
                tables.entry(name.clone()).or_default().add(&table.rows);
            }
        }
        tables
    }

    /// What became of every resource's records.
    pub fn resources(&self) -> IndexMap<Name, RecordCounts> {
        let mut resources: IndexMap<Name, RecordCounts> = IndexMap::new();
        for (outcome, _) in &self.slices {
            let resource = outcome.slice.resource.clone();
            resources.entry(resource).or_default().add(&outcome.records);
        }
        resources
    }

    /// What was fetched.
    pub fn fetched(&self) -> Fetched {
        let mut fetched = Fetched::default();
        for (outcome, _) in &self.slices {
            fetched.add(&outcome.fetched);
        }
        fetched
    }

    /// Rows a table.
    pub fn rows(&self) -> IndexMap<String, u64> {
        let tables = self.tables().into_iter();
        tables
            .map(|(name, rows)| (name.to_string(), rows.kept))
            .collect()
    }

    /// How many rows of each table were left out by rule or set aside.
    pub fn dropped(&self) -> BTreeMap<String, Dropped> {
        let tables = self.tables().into_iter();
        let dropped = |rows: RowCounts| Dropped {
            parsed: rows.parsed,
            dropped: rows.all_filtered() + rows.all_rejected(),
        };
        tables
            .map(|(name, rows)| (name.to_string(), dropped(rows)))
            .collect()
    }

    /// Whether no resource has more failed slices in a window than its definition bears; of each window, some must
    /// have come through, or it would be published as empty.
    fn check_failed(&self, run: &Run) -> Result<(), Fault> {
        let mut failed: IndexMap<(&Name, &str), Vec<&Slice>> = IndexMap::new();
        for slice in &self.failed {
            let of = (&slice.resource, &*slice.window);
            failed.entry(of).or_default().push(slice);
        }
        for ((name, window), slices) in failed {
            let is_of = |slice: &Slice| slice.resource == *name && slice.window == window;
            let came = self.slices.iter();
            let came = came.filter(|(outcome, _)| is_of(&outcome.slice)).count();
            let (lost, all) = (slices.len() as u64, (came + slices.len()) as u64);
            let resource = run.pipeline.definition.resources.get(name);
            let may = resource.map_or(0, |resource| resource.tolerated(all));
            if lost <= may && lost < all {
                continue;
            }
            let first: Vec<&str> = slices.iter().take(3).map(|slice| &*slice.id).collect();
            return Err(Fault::bad_data(format!(
                "{lost} of {all} slices of `{name}` failed, and {may} may; the first: {}; the execution says why, and a redrive asks for them again",
                first.join(", ")
            )));
        }
        Ok(())
    }

    /// Whether no table has more rejects than its definition bears. Records that no table could take at all
    /// count against every table of their resource.
    pub fn check_tolerance(&self, run: &Run) -> Result<(), Fault> {
        self.check_failed(run)?;
        let resources = self.resources();
        for (name, rows) in self.tables() {
            let Some(table) = run.pipeline.definition.tables.get(&name) else {
                continue;
            };
            let records = resources
                .get(&*table.from.value)
                .cloned()
                .unwrap_or_default();
            let lost = records.unparsable + records.unrouted;
            let rejected = rows.all_rejected();
            let bears = &table.on_reject;
            if bears.allows(rejected, rows.parsed) && bears.allows(lost, records.records) {
                continue;
            }
            let (bad, of, what) = match bears.allows(rejected, rows.parsed) {
                true => (lost, records.records, "records of its resource"),
                false => (rejected, rows.parsed, "rows"),
            };
            return Err(Fault::bad_data(format!(
                "`{name}` bears {bears} of rejects, but {bad} of {of} {what} were set aside; see {}",
                self.where_rejects_stand()
            )));
        }
        Ok(())
    }

    /// Where the first rejects stand, and how many objects more hold some: a fault has to stay small.
    fn where_rejects_stand(&self) -> String {
        let mut keys = self
            .slices
            .iter()
            .filter_map(|(outcome, _)| outcome.rejects.as_deref());
        let first: Vec<&str> = keys.by_ref().take(3).collect();
        match keys.count() {
            0 => first.join(", "),
            more => format!("{} and {more} more beside", first.join(", ")),
        }
    }
}

/// How many slices are looked at at a time: each waits for the objects' answers, and a backfill has many.
const AT_ONCE: usize = 32;

/// What one slice left, as far as it agrees with itself and its files are there; none where it failed and may.
async fn left_by(
    slice: &Slice,
    may_fail: bool,
    run: &Run,
    env: &Env,
) -> Result<Option<(SliceOutcome, StagedSlice)>, Fault> {
    let key = run.keys.staged(&slice.id);
    let staged: StagedSlice = match may_fail {
        false => required(&env.objects, &key).await?,
        true => match optional(&env.objects, &key).await? {
            Some(staged) => staged,
            None => return Ok(None),
        },
    };
    let outcome: SliceOutcome = required(&env.objects, &run.keys.outcome(&slice.id)).await?;
    outcome.check_balance()?;
    check_staged(&outcome, &staged)?;
    for part in staged.parts.values().flatten() {
        env.lake.check_staged(part).await?;
    }
    Ok(Some((outcome, staged)))
}

fn check_staged(outcome: &SliceOutcome, staged: &StagedSlice) -> Result<(), Fault> {
    for (name, table) in &outcome.tables {
        let parts = staged.parts.get(name).map_or(&[][..], Vec::as_slice);
        let rows: u64 = parts.iter().map(|part| part.rows).sum();
        if rows != table.rows.kept {
            return Err(Fault::bug(format!(
                "rows of `{name}` do not balance after load: {} typed, {rows} staged",
                table.rows.kept
            ))
            .with("slice", &outcome.slice.id));
        }
    }
    Ok(())
}
