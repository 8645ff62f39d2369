//! Our store against the C daemon: the same requests, chosen by chance, get the same answers and events.

use std::time::Instant;

use xenbus::wire::Op;
use xenbus_harness::{Daemon, Kind};

use crate::support::{Life, Raw, Store, soon};

/// Requests of one run.
const STEPS: usize = 1200;

/// How many runs, each with its own seed.
fn runs() -> u64 {
    if std::env::var_os("XENBUS_LONG").is_some() {
        100
    } else {
        2
    }
}

#[test]
fn chance_requests_of_the_privileged_and_of_domains_are_answered_as_by_the_c_daemon() {
    if !xenbus_harness::available().contains(&Kind::C) {
        return;
    }
    for seed in 1..=runs() {
        compare(seed);
    }
}

fn compare(seed: u64) {
    let mut chance = Chance(seed);
    let mut pair = [Store::Real(Daemon::start(Kind::C)), Store::embedded()].map(Side::new);
    let mut story = Story(Vec::new());
    for step in 0..STEPS {
        if chance.below(60) == 0 {
            story.0.push("domain 4 dies and comes back".to_owned());
            let [daemon, ours] = pair.each_mut().map(Side::recycle);
            assert_eq!(daemon, ours, "C and ours, seed {seed}, step {step}");
        }
        let request = chance.request();
        story.0.push(format!("{request:?}"));
        let [daemon, ours] = pair.each_mut().map(|side| side.answer(&request));
        story
            .0
            .push(format!("    in {} C: {}", pair[0].last, daemon.0));
        if request.op == Op::RM && matches!(&daemon.0[..], "!EIO" | "!EINVAL") && ours.0 == "OK|" {
            // C stumbles over a tree of which its transaction saw parts from before and parts from after somebody's
            // removal. It can only end in EAGAIN: end it on both.
            for side in &mut pair {
                side.abort(&request);
            }
            continue;
        }
        assert_eq!(daemon, ours, "C and ours, seed {seed}, step {step}");
    }
    let [daemon, ours] = pair.each_mut().map(|side| side.tree("/"));
    assert_eq!(daemon, ours, "seed {seed}: the trees at the end");
}

/// What was asked, printed if the test fails.
struct Story(Vec<String>);

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let first = self.0.len().saturating_sub(60);
            eprintln!("{}", self.0[first..].join("\n"));
        }
    }
}

/// A store with some connections.
struct Side {
    store: Store,
    connections: Vec<Connection>,
    /// Transaction of the last request.
    last: u32,
}

struct Connection {
    raw: Raw,
    /// Open transactions, oldest first.
    transactions: Vec<u32>,
}

/// One request, on one of the connections.
#[derive(Debug)]
struct Request {
    connection: usize,
    /// Which of the open transactions, if there is one of that age.
    transaction: Option<usize>,
    op: Op,
    payload: String,
}

/// Privileged connections, then one for each of the domains 1 and 2.
const CONNECTIONS: usize = 4;

impl Side {
    fn new(store: Store) -> Self {
        store.set_domain(3, Life::Running);
        let guests = [1, 2].map(|domid| store.introduce(domid));
        store.introduce(4);
        let privileged = [store.raw(), store.raw()];
        let connections = privileged
            .into_iter()
            .chain(guests.iter().map(crate::support::Guest::raw))
            .map(|raw| Connection {
                raw,
                transactions: Vec::new(),
            })
            .collect();
        Self {
            store,
            connections,
            last: 0,
        }
    }

    /// The answer, and the events that every connection got of it.
    fn answer(&mut self, request: &Request) -> (String, Vec<Vec<String>>) {
        let Connection { raw, transactions } = &mut self.connections[request.connection];
        let tx = request
            .transaction
            .and_then(|age| transactions.get(age).copied())
            .unwrap_or(0);
        self.last = tx;
        let mut answer = raw.ask_in(tx, request.op, &request.payload);
        match request.op {
            Op::TRANSACTION_START if !answer.starts_with('!') => {
                transactions.push(answer.trim_end_matches('|').parse().unwrap());
            }
            Op::TRANSACTION_END if answer != "!EINVAL" => transactions.retain(|open| *open != tx),
            // Everybody's generations are his own.
            Op::DIRECTORY_PART if !answer.starts_with('!') => {
                let generation = answer.find('|').unwrap();
                answer.drain(..=generation);
            }
            _ => {}
        }
        (answer, self.events())
    }

    /// What every connection was told since the last request.
    fn events(&mut self) -> Vec<Vec<String>> {
        self.connections
            .iter_mut()
            .map(|connection| connection.raw.events())
            .collect()
    }

    /// Domain 4 dies, with all that it owns, and another of its number comes.
    fn recycle(&mut self) -> Vec<Vec<String>> {
        self.store.set_domain(4, Life::Gone);
        let raw = &mut self.connections[0].raw;
        let deadline = soon();
        while raw.ask(Op::IS_DOMAIN_INTRODUCED, "4\0") != "F|" {
            assert!(Instant::now() < deadline, "nobody notices the death");
        }
        let mut events = self.events();
        self.store.introduce(4);
        events.extend(self.events());
        events
    }

    /// Gives up the transaction of a request.
    fn abort(&mut self, request: &Request) {
        let Connection { raw, transactions } = &mut self.connections[request.connection];
        let tx = transactions.remove(request.transaction.expect("C does that only in one"));
        assert_eq!(raw.abort(tx), "OK|");
    }

    /// Every node with its value and permissions.
    fn tree(&mut self, at: &str) -> Vec<String> {
        let raw = &mut self.connections[0].raw;
        let value = raw.ask(Op::READ, format!("{at}\0"));
        let perms = raw.ask(Op::GET_PERMS, format!("{at}\0"));
        let names = raw.ask(Op::DIRECTORY, format!("{at}\0"));
        let mut nodes = vec![format!("{at} = {value} {perms}")];
        for name in names.split_terminator('|') {
            nodes.extend(self.tree(&format!("{}/{name}", at.trim_end_matches('/'))));
        }
        nodes
    }
}

/// Numbers that look like chance, the same for the same seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let word = usize::try_from((word ^ (word >> 31)) >> 32).unwrap();
        word % end
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Few paths, so that requests meet; some that are none.
    fn path(&mut self) -> String {
        let start = self.of(&[
            "/s",
            "/s",
            "/s",
            "/local/domain/1",
            "/local/domain/2",
            "/local/domain/4",
            "rel",
            "r",
            "/",
            "@introduceDomain",
            "@releaseDomain",
            "/bad.path",
        ]);
        let mut path = start.to_owned();
        if start != "/" && !start.starts_with('@') && start != "/bad.path" {
            for _ in 0..self.below(4) {
                path.push('/');
                path.push_str(self.of(&["a", "b", "c"]));
            }
        }
        path
    }

    fn request(&mut self) -> Request {
        let path = self.path();
        let token = self.of(&["t", "u", ""]);
        let (op, payload) = match self.below(100) {
            0..20 => (
                Op::WRITE,
                format!("{path}\0{}", self.of(&["", "1", "2", "longer value\n"])),
            ),
            20..32 => (Op::READ, format!("{path}\0")),
            32..40 => (Op::DIRECTORY, format!("{path}\0")),
            40..43 => (
                Op::DIRECTORY_PART,
                format!("{path}\0{}\0", self.of(&["0", "2", "900"])),
            ),
            43..49 => (Op::MKDIR, format!("{path}\0")),
            // Rarer than what makes nodes.
            49..56 => (Op::RM, format!("{path}\0")),
            56..60 => (Op::GET_PERMS, format!("{path}\0")),
            60..68 => {
                let owner = self.of(&["n0", "n1", "r2", "b3", "w0", "n4", "r4", "n77"]);
                let more = self.of(&[
                    "", "r1\0", "b2\0", "r4\0b1\0", "n1\0b1\0", "w2\0r3\0", "r88\0",
                ]);
                (Op::SET_PERMS, format!("{path}\0{owner}\0{more}"))
            }
            68..75 => (Op::WATCH, format!("{path}\0{token}\0")),
            75..80 => (Op::UNWATCH, format!("{path}\0{token}\0")),
            80..86 => (Op::TRANSACTION_START, "\0".to_owned()),
            86..93 => (
                Op::TRANSACTION_END,
                self.of(&["T\0", "T\0", "T\0", "F\0", "X\0"]).to_owned(),
            ),
            93 => (Op::RESET_WATCHES, "\0".to_owned()),
            94 => (Op::GET_DOMAIN_PATH, format!("{}\0", self.below(5))),
            95 => (Op::IS_DOMAIN_INTRODUCED, format!("{}\0", self.below(5))),
            96 => (
                Op::SET_TARGET,
                format!("{}\0{}\0", 1 + self.below(2), 1 + self.below(3)),
            ),
            97 => (Op::CONTROL, "check\0".to_owned()),
            _ => (Op(99), path.clone()),
        };
        let connection = self.below(CONNECTIONS);
        // C 4.17 answers a domain that sets special permissions with whatever error it had last, and if it had none, it
        // aborts. It removes the root as well when its owner dies.
        let special = path.starts_with('@') && connection > 1;
        let root = path == "/" && payload.contains('4');
        let (op, payload) = if op == Op::SET_PERMS && (special || root) {
            (Op::GET_PERMS, "r\0".to_owned())
        } else {
            (op, payload)
        };
        // Our ring answers RESET_WATCHES itself, without a look at the transaction.
        let inside = op == Op::TRANSACTION_END || (self.below(3) == 0 && op != Op::RESET_WATCHES);
        Request {
            connection,
            transaction: inside.then(|| self.below(3)),
            op,
            payload,
        }
    }
}
