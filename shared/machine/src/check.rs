//! Rules across states: every way leads to a state that is there, every state is reached, every machine ends.

use std::collections::BTreeSet;

use crate::problem::Problem;
use crate::retry::ErrorNames;
use crate::state::{Graph, Kind, Mode, State};

/// Everything wrong between the states of a machine whose states are sound by themselves.
pub(crate) fn check(graph: &Graph) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_graph(graph, "", false, &mut problems);
    check_names(graph, &mut BTreeSet::new(), &mut problems);
    problems
}

fn check_graph(graph: &Graph, prefix: &str, in_item: bool, problems: &mut Vec<Problem>) {
    check_targets(graph, prefix, problems);
    for state in &graph.states {
        check_wildcards(state, problems);
        check_item_paths(state, in_item, problems);
        if let Kind::Map(map, _) = &state.kind {
            // A child execution does not see the item that its parent is at.
            let in_item = map.mode == Mode::Inline;
            check_graph(
                &map.processor,
                &format!("{}.ItemProcessor.", state.place),
                in_item,
                problems,
            );
        }
    }
}

fn check_targets(graph: &Graph, prefix: &str, problems: &mut Vec<Problem>) {
    let before = problems.len();
    if graph.find(&graph.start_at).is_none() {
        problems.push(no_state(format!("{prefix}StartAt"), &graph.start_at, graph));
    }
    for state in &graph.states {
        for (field, target) in state.targets() {
            if graph.find(target).is_none() {
                problems.push(no_state(format!("{}.{field}", state.place), target, graph));
            }
        }
    }
    // Ways that lead nowhere would make states look unreachable that are not.
    if problems.len() == before {
        check_reach(graph, problems);
    }
}

fn no_state(place: String, name: &str, graph: &Graph) -> Problem {
    let names: Vec<_> = graph
        .states
        .iter()
        .map(|state| format!("`{}`", state.name))
        .collect();
    Problem::new(
        place,
        format!(
            "there is no state `{name}` here; there are {}",
            names.join(", ")
        ),
    )
}

fn check_reach(graph: &Graph, problems: &mut Vec<Problem>) {
    let reached = reach(graph, [graph.start_at.as_str()].into(), |state| {
        state
            .targets()
            .into_iter()
            .map(|(_, target)| target)
            .collect()
    });
    let terminal = graph
        .states
        .iter()
        .filter(|state| state.is_terminal())
        .map(|state| state.name.as_str())
        .collect();
    let ending = reach(graph, terminal, |state| leading_to(graph, &state.name));
    for state in &graph.states {
        if !reached.contains(state.name.as_str()) {
            problems.push(Problem::new(
                &state.place,
                "no way leads here; name it in a `Next`, or remove it",
            ));
        } else if !ending.contains(state.name.as_str()) {
            problems.push(Problem::new(
                &state.place,
                "from here the machine never ends; lead it to a state with `\"End\": true`",
            ));
        }
    }
}

fn leading_to<'g>(graph: &'g Graph, name: &str) -> Vec<&'g str> {
    let leads = |state: &&State| state.targets().iter().any(|(_, target)| *target == name);
    graph
        .states
        .iter()
        .filter(leads)
        .map(|state| state.name.as_str())
        .collect()
}

/// All states that `next` comes to from the first ones.
fn reach<'g>(
    graph: &'g Graph,
    mut open: Vec<&'g str>,
    next: impl Fn(&'g State) -> Vec<&'g str>,
) -> BTreeSet<&'g str> {
    let mut reached = BTreeSet::new();
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(graph.find(name).into_iter().flat_map(&next));
        }
    }
    reached
}

/// `States.ALL` takes everything, so what stands behind it would never be asked.
fn check_wildcards(state: &State, problems: &mut Vec<Problem>) {
    let retry: Vec<_> = state
        .retry()
        .iter()
        .map(|retrier| &retrier.errors)
        .collect();
    let catch: Vec<_> = state
        .catch()
        .iter()
        .map(|catcher| &catcher.errors)
        .collect();
    for (field, names) in [("Retry", retry), ("Catch", catch)] {
        let first = names.iter().position(|names: &&ErrorNames| names.is_all());
        if let Some(index) = first.filter(|index| index + 1 < names.len()) {
            let place = format!("{}.{field}[{index}]", state.place);
            problems.push(Problem::new(
                place,
                "`States.ALL` stands last; move it to the end",
            ));
        }
    }
}

fn check_item_paths(state: &State, in_item: bool, problems: &mut Vec<Problem>) {
    if in_item {
        return;
    }
    for path in state
        .paths()
        .into_iter()
        .filter(|path| path.reads_map_item())
    {
        let fact = format!(
            "`{path}` is not there outside of an inline Map's items; pass it on with `ItemSelector`"
        );
        problems.push(Problem::new(&state.place, fact));
    }
}

/// AWS wants every name once in the whole machine, nested states included.
fn check_names<'g>(graph: &'g Graph, seen: &mut BTreeSet<&'g str>, problems: &mut Vec<Problem>) {
    for state in &graph.states {
        if !seen.insert(&state.name) {
            problems.push(Problem::new(
                &state.place,
                "another state has this name; a name is used once in a machine",
            ));
        }
        if let Kind::Map(map, _) = &state.kind {
            check_names(&map.processor, seen, problems);
        }
    }
}
