//! Histories: what clients at work on the same nodes do and see is written down, and checked for an order that explains
//! it all and for the promises to watchers.

mod history;
mod line;
mod linear;
mod record;
mod watching;

use std::collections::HashMap;

use xenbus::id::DomId;
use xenbus::store::{Personality, Server, StoreOptions};

use self::history::History;
use self::line::{Careless, Honest, Line, Stale, Torn, Way};
use self::record::{Plan, record};
use crate::support::{Raw, Store, StoreKind, for_each_store};

const CLIENTS: usize = 4;

/// Operations of each client in a run.
const LENGTH: usize = 25;

/// Runs with each store.
fn runs() -> u64 {
    if std::env::var_os("XENBUS_LONG").is_some() {
        1000
    } else {
        20
    }
}

/// A store under observation.
struct Subject<'a> {
    ocaml: bool,
    connect: &'a dyn Fn() -> Raw,
}

#[test]
fn what_clients_of_a_store_see_can_be_put_in_order_and_watchers_miss_nothing() {
    for_each_store(|store| {
        observe(&Subject {
            ocaml: store.kind() == StoreKind::OCaml,
            connect: &|| store.raw(),
        });
    });
}

#[test]
fn what_clients_of_our_own_oxenstored_see_can_be_put_in_order_too() {
    let server = Server::start(StoreOptions::of(Personality::Oxenstored)).unwrap();
    observe(&Subject {
        ocaml: true,
        connect: &|| Raw::new(server.connector(DomId::DOM0)),
    });
}

fn observe(subject: &Subject<'_>) {
    let mut committed = 0;
    for run in 0..runs() {
        let clients = (0..CLIENTS).map(|_| subject.line()).collect();
        let length = LENGTH;
        let history = record(Plan { run, length }, clients, subject.line());
        let transactions = history.operations.iter();
        committed += transactions
            .filter(|operation| matches!(operation.action, history::Action::Transaction(_)))
            .count();
        if let Err(why) = subject.check(&history) {
            panic!("run {run}: {why}\nevents: {:?}", history.events);
        }
    }
    assert!(committed > 0, "no transaction was committed");
}

#[test]
fn a_stale_read_is_found() {
    let found = plant(|inner| {
        Box::new(Stale {
            inner,
            seen: HashMap::new(),
        })
    });
    assert!(found.contains("can be put in order"), "{found}");
}

#[test]
fn a_torn_transaction_is_found() {
    let found = plant(|inner| Box::new(Torn(inner)));
    assert!(found.contains("can be put in order"), "{found}");
}

#[test]
fn a_lost_event_is_found() {
    let found = plant_watcher(Way::Loses);
    assert!(found.contains("event"), "{found}");
}

#[test]
fn events_in_the_wrong_order_are_found() {
    let found = plant_watcher(Way::Swaps);
    assert!(found.contains("came before"), "{found}");
}

/// What the checks find when clients speak through something faulty; run after run until they do.
fn plant(fault: impl Fn(Honest) -> Box<dyn Line>) -> String {
    let store = Store::embedded();
    search(&store, CLIENTS, LENGTH, fault, |honest| Box::new(honest))
}

/// The same for a watcher. There is one client: what it does after another thing is in order without a doubt.
fn plant_watcher(way: Way) -> String {
    let store = Store::embedded();
    let careless = |inner| {
        Box::new(Careless {
            inner,
            way,
            held: None,
            count: 0,
        }) as Box<dyn Line>
    };
    search(&store, 1, 60, |honest| Box::new(honest), careless)
}

fn search(
    store: &Store,
    clients: usize,
    length: usize,
    client: impl Fn(Honest) -> Box<dyn Line>,
    watcher: impl Fn(Honest) -> Box<dyn Line>,
) -> String {
    let subject = Subject {
        ocaml: false,
        connect: &|| store.raw(),
    };
    for run in 0..200 {
        let clients = (0..clients).map(|_| client(subject.honest())).collect();
        let history = record(Plan { run, length }, clients, watcher(subject.honest()));
        if let Err(why) = subject.check(&history) {
            return why;
        }
    }
    panic!("the bug was not found");
}

impl Subject<'_> {
    fn honest(&self) -> Honest {
        Honest((self.connect)())
    }

    fn line(&self) -> Box<dyn Line> {
        Box::new(self.honest())
    }

    fn check(&self, history: &History) -> Result<(), String> {
        let order = linear::Promises {
            missing_stays_missing: !self.ocaml,
        };
        linear::check(&history.operations, order)?;
        let told = watching::Promises {
            merges: !self.ocaml,
        };
        watching::check(history, told)
    }
}
