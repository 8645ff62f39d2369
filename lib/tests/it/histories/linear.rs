//! Is there an order in which the operations could have been done one by one, each between its beginning and its end,
//! so that every answer is right? (Wing and Gong's search, with the states remembered that led nowhere.)

use std::collections::{BTreeMap, HashSet};

use super::history::{Action, Node, Operation, Value};

/// What a store promises beyond the answers of single operations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promises {
    /// What a transaction found missing is still missing when it is committed. oxenstored promises that only if the
    /// transaction has to be carried out again: what found nothing is not among what it read.
    pub(super) missing_stays_missing: bool,
}

/// The nodes that are there.
type State = BTreeMap<Node, Value>;

/// Which operations are done: a bit for each.
type Done = Vec<u64>;

/// Says why there is no such order.
pub(super) fn check(operations: &[Operation], promises: Promises) -> Result<(), String> {
    let mut operations = operations.to_vec();
    operations.sort_by_key(|operation| operation.begin);
    let nothing: Done = vec![0; operations.len().div_ceil(64)];
    let mut seen = HashSet::new();
    let mut stack = vec![(nothing, State::new(), 0)];
    let mut furthest: Option<(usize, Done, State)> = None;
    while let Some((done, state, count)) = stack.pop() {
        if count == operations.len() {
            return Ok(());
        }
        let candidates = candidates(&operations, &done);
        for index in candidates.iter().rev() {
            let Some(next) = after(&state, &operations[*index].action, promises) else {
                continue;
            };
            let mut done = done.clone();
            done[index / 64] |= 1 << (index % 64);
            if seen.insert((done.clone(), next.clone())) {
                stack.push((done, next, count + 1));
            }
        }
        if furthest.as_ref().is_none_or(|(most, ..)| count > *most) {
            furthest = Some((count, done, state));
        }
    }
    let (count, done, state) = furthest.unwrap_or_default();
    let unfit: Vec<String> = candidates(&operations, &done)
        .into_iter()
        .map(|index| format!("    {}", operations[index]))
        .collect();
    Err(format!(
        "{count} of {} operations can be put in order; then the nodes are {state:?}, and none of these fits:\n{}",
        operations.len(),
        unfit.join("\n")
    ))
}

/// The operations that may come next: those that begin before any other that is left has ended.
fn candidates(operations: &[Operation], done: &Done) -> Vec<usize> {
    let is_left = |index: &usize| done[index / 64] & (1 << (index % 64)) == 0;
    let left: Vec<usize> = (0..operations.len()).filter(is_left).collect();
    let first_end = left.iter().map(|index| operations[*index].end).min();
    left.into_iter()
        .take_while(|index| first_end.is_some_and(|end| operations[*index].begin < end))
        .collect()
}

/// The nodes after an action, if its answers are right before it.
fn after(state: &State, action: &Action, promises: Promises) -> Option<State> {
    let mut state = state.clone();
    let Action::Transaction(actions) = action else {
        return apply(&mut state, action, true).then_some(state);
    };
    let writes = |action: &Action| matches!(action, Action::Write(..) | Action::Remove(_));
    let strict = promises.missing_stays_missing || !actions.iter().any(writes);
    let all = actions
        .iter()
        .all(|action| apply(&mut state, action, strict));
    all.then_some(state)
}

fn apply(state: &mut State, action: &Action, strict: bool) -> bool {
    match action {
        Action::Read(node, None) => !strict || !state.contains_key(node),
        Action::Read(node, found) => state.get(node) == found.as_ref(),
        Action::Write(node, value) => {
            state.insert(*node, *value);
            true
        }
        Action::Remove(node) => {
            state.remove(node);
            true
        }
        Action::List(found) => state.keys().eq(found),
        Action::Transaction(_) => false,
    }
}
