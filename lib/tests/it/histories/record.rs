//! Lets clients work on a few nodes, and writes down what they do and see.

use std::sync::atomic::{AtomicU32, Ordering};

use xenbus::wire::Op;

use super::history::{Action, Clock, Event, History, Node, Operation, name};
use super::line::Line;
use crate::differential::rng::Rng;

/// Nodes that everybody works on.
const NODES: usize = 4;

/// What a run is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Number of the run: it has a directory of its own.
    pub(super) run: u64,
    /// Operations of each client.
    pub(super) length: usize,
}

/// A run: `clients` at once, and one watcher.
pub(super) fn record(
    plan: Plan,
    clients: Vec<Box<dyn Line>>,
    mut watcher: Box<dyn Line>,
) -> History {
    let clock = Clock::default();
    let values = AtomicU32::new(1);
    let directory = format!("/history/{}", plan.run);
    watcher.ask_in(0, Op::WRITE, &format!("{directory}\0"));
    let answer = watcher.ask_in(0, Op::WATCH, &format!("{directory}\0t\0"));
    assert_eq!(answer, "OK|");
    watcher.next_event();
    std::thread::scope(|scope| {
        let (clock, values, directory) = (&clock, &values, &directory);
        let watching = scope.spawn(move || watch(&mut *watcher, directory, clock));
        let working: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(client, line)| {
                let mut worker = Worker {
                    line,
                    client,
                    rng: Rng::new(plan.run << 8 | client as u64),
                    clock,
                    values,
                    directory,
                    fresh: 0,
                };
                scope.spawn(move || {
                    let operations = (0..plan.length).filter_map(|_| worker.step()).collect();
                    (operations, worker.line)
                })
            })
            .collect();
        let mut history = History::default();
        let mut last = None;
        for work in working {
            let (operations, line): (Vec<Operation>, _) = work.join().unwrap();
            history.operations.extend(operations);
            last = Some(line);
        }
        // The watcher stops there.
        let answer = last.map(|mut line| line.ask_in(0, Op::WRITE, &format!("{directory}/end\0")));
        assert_eq!(answer.as_deref(), Some("OK|"));
        history.events = watching.join().unwrap();
        history
    })
}

fn watch(line: &mut dyn Line, directory: &str, clock: &Clock) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let event = line.next_event();
        let path = event.split('|').next().unwrap_or_default();
        let name = path.strip_prefix(directory).expect("an event of the watch");
        let name = name.trim_start_matches('/').to_owned();
        if name == "end" {
            return events;
        }
        events.push(Event {
            time: clock.now(),
            name,
        });
    }
}

struct Worker<'a> {
    line: Box<dyn Line>,
    client: usize,
    rng: Rng,
    clock: &'a Clock,
    values: &'a AtomicU32,
    directory: &'a str,
    /// Nodes that only this client has made, each once.
    fresh: usize,
}

impl Worker<'_> {
    /// One operation; `None` if it was refused and has done nothing.
    fn step(&mut self) -> Option<Operation> {
        let begin = self.clock.now();
        let action = if self.rng.chance(30) {
            self.transaction()?
        } else {
            let actions = self.action(0);
            actions
                .and_then(|mut actions| actions.pop())
                .expect("one outside of transactions")
        };
        Some(Operation {
            client: self.client,
            begin,
            end: self.clock.now(),
            action,
        })
    }

    fn transaction(&mut self) -> Option<Action> {
        let answer = self.line.ask_in(0, Op::TRANSACTION_START, "\0");
        let tx = answer.trim_end_matches('|').parse().expect("a transaction");
        let count = 2 + self.rng.below(3);
        let actions: Option<Vec<_>> = (0..count).map(|_| self.action(tx)).collect();
        let actions = actions.map(|actions| actions.concat());
        let keep = actions.is_some() && self.rng.chance(90);
        let end = if keep { "T\0" } else { "F\0" };
        match &*self.line.ask_in(tx, Op::TRANSACTION_END, end) {
            "OK|" if keep => actions.map(Action::Transaction),
            "OK|" | "!EAGAIN" => None,
            other => panic!("a transaction ends with {other}"),
        }
    }

    /// One operation; `None` if the C daemon stumbles over a transaction that saw parts of the tree from before and
    /// parts from after somebody's removal: it can only be given up.
    fn action(&mut self, tx: u32) -> Option<Vec<Action>> {
        let node = self.rng.below(NODES);
        let path = format!("{}/{}", self.directory, name(node));
        Some(vec![match self.rng.weighted(&[40, 30, 8, 10, 12]) {
            0 => self.read(tx, node),
            1 => self.write(tx, node),
            2 if tx == 0 => {
                let answer = self.line.ask_in(tx, Op::RM, &format!("{path}\0"));
                assert_eq!(answer, "OK|");
                Action::Remove(node)
            }
            2 => return self.remove_in(tx, node),
            3 => {
                let answer = self
                    .line
                    .ask_in(tx, Op::DIRECTORY, &format!("{}\0", self.directory));
                let names = answer.split_terminator('|');
                let mut found: Vec<Node> = names.map(|name| name[1..].parse().unwrap()).collect();
                found.sort_unstable();
                Action::List(found)
            }
            _ => {
                self.fresh += 1;
                self.write(tx, 1000 * (self.client + 1) + self.fresh)
            }
        }])
    }

    fn read(&mut self, tx: u32, node: Node) -> Action {
        let payload = format!("{}/{}\0", self.directory, name(node));
        match &*self.line.ask_in(tx, Op::READ, &payload) {
            "!ENOENT" => Action::Read(node, None),
            value => Action::Read(node, Some(value.parse().expect("a value"))),
        }
    }

    /// Removal in a transaction, of a node that may be missing: then it is no more than a look.
    fn remove_in(&mut self, tx: u32, node: Node) -> Option<Vec<Action>> {
        let read = self.read(tx, node);
        let payload = format!("{}/{}\0", self.directory, name(node));
        let answer = self.line.ask_in(tx, Op::RM, &payload);
        if ["!EIO", "!EINVAL"].contains(&&*answer) {
            return None;
        }
        assert_eq!(answer, "OK|");
        let missing = read == Action::Read(node, None);
        Some(if missing {
            vec![read]
        } else {
            vec![read, Action::Remove(node)]
        })
    }

    fn write(&mut self, tx: u32, node: Node) -> Action {
        let value = self.values.fetch_add(1, Ordering::Relaxed);
        let payload = format!("{}/{}\0{value}", self.directory, name(node));
        let answer = self.line.ask_in(tx, Op::WRITE, &payload);
        assert_eq!(answer, "OK|");
        Action::Write(node, value)
    }
}
