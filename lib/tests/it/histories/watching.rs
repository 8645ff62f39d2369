//! Were the promises to watchers kept?

use super::history::{Action, History, Operation, name};

/// What a store promises to watchers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promises {
    /// An event that is still unsent stands for further changes of the same node.
    pub(super) merges: bool,
}

/// A change of one node.
struct Change<'a> {
    name: String,
    operation: &'a Operation,
}

/// Says which promise was broken.
pub(super) fn check(history: &History, promises: Promises) -> Result<(), String> {
    let changes: Vec<Change<'_>> = history
        .operations
        .iter()
        .flat_map(|operation| changes(&operation.action, operation))
        .collect();
    nothing_is_missing(history, &changes)?;
    the_number_is_right(history, &changes, promises)?;
    the_order_is_kept(history, &changes)
}

/// The changes that an action certainly made. Removing may have found nothing, and is left out.
fn changes<'a>(action: &Action, operation: &'a Operation) -> Vec<Change<'a>> {
    match action {
        Action::Write(node, _) => vec![Change {
            name: name(*node),
            operation,
        }],
        Action::Transaction(actions) => {
            let all = actions.iter();
            let mut found: Vec<_> = all.flat_map(|action| changes(action, operation)).collect();
            // What was written and then removed in it may be told or not.
            found.retain(|change| {
                let removed = |action: &Action| matches!(action, Action::Remove(node) if name(*node) == change.name);
                !actions.iter().any(removed)
            });
            found
        }
        _ => Vec::new(),
    }
}

/// After every change, however many there are, comes an event for its node.
fn nothing_is_missing(history: &History, changes: &[Change<'_>]) -> Result<(), String> {
    for change in changes {
        let told = |event: &&super::history::Event| {
            event.name == change.name && event.time > change.operation.begin
        };
        if !history.events.iter().any(|event| told(&event)) {
            return Err(format!(
                "no event for {}: {}",
                change.name, change.operation
            ));
        }
    }
    Ok(())
}

/// No more events than changes; as many, if none may be merged.
fn the_number_is_right(
    history: &History,
    changes: &[Change<'_>],
    promises: Promises,
) -> Result<(), String> {
    let mut names: Vec<&str> = changes.iter().map(|change| &*change.name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        // Where nodes are removed too, their number says nothing.
        let removed = |operation: &Operation| mentions_removal(&operation.action, name);
        if history.operations.iter().any(removed) {
            continue;
        }
        let events = history.events.iter().filter(|event| event.name == name);
        let (events, made) = (
            events.count(),
            changes.iter().filter(|change| change.name == name).count(),
        );
        // Within a transaction a node is told of once or for every time that it was written.
        let transacted = changes.iter().any(|change| {
            change.name == name && matches!(change.operation.action, Action::Transaction(_))
        });
        let fits = events <= made && (events == made || promises.merges || transacted);
        if !fits {
            return Err(format!("{made} changes of {name} and {events} events"));
        }
    }
    Ok(())
}

fn mentions_removal(action: &Action, wanted: &str) -> bool {
    match action {
        Action::Remove(node) => name(*node) == wanted,
        Action::Transaction(actions) => actions
            .iter()
            .any(|action| mentions_removal(action, wanted)),
        _ => false,
    }
}

/// Of two changes, the second begun after the first had ended, the first is told first. Seen on nodes that were
/// changed once only: of others it is not known which event is for which change.
fn the_order_is_kept(history: &History, changes: &[Change<'_>]) -> Result<(), String> {
    let position = |change: &Change<'_>| {
        let once = |name: &str| {
            let events = history.events.iter().filter(|event| event.name == name);
            let same = changes.iter().filter(|other| other.name == name);
            let removed = |operation: &Operation| mentions_removal(&operation.action, name);
            events.count() == 1 && same.count() == 1 && !history.operations.iter().any(removed)
        };
        let found = once(&change.name);
        let mut events = history.events.iter();
        found.then(|| events.position(|event| event.name == change.name))?
    };
    let mut placed: Vec<_> = changes
        .iter()
        .filter_map(|change| Some((position(change)?, change)))
        .collect();
    placed.sort_by_key(|(position, _)| *position);
    // Going back from the last event: whatever ended before the latest beginning so far came too late.
    let mut earliest_end: Option<&Change<'_>> = None;
    for (_, change) in placed.iter().rev() {
        if let Some(later) = earliest_end
            && later.operation.end < change.operation.begin
        {
            return Err(format!(
                "the event of {} came before that of {}, but it was changed after it:\n    {}\n    {}",
                change.name, later.name, change.operation, later.operation
            ));
        }
        if earliest_end.is_none_or(|later| change.operation.end < later.operation.end) {
            earliest_end = Some(change);
        }
    }
    Ok(())
}
