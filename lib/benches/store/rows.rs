//! What is measured on stores of ordinary size.

use std::time::Instant;

use xenbus::client::{Client, ClientOptions, Operations as _};
use xenbus::path::StorePath;
use xenbus::transport::socket::SocketConnector;
use xenbus::wire::Op;

use crate::raw::{Raw, request};
use crate::runner::{self, Sample};
use crate::subject::Subject;

/// One line of the result.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) measure: fn(&mut Subject) -> Sample,
}

/// Requests that are under way at once in the pipelined rows.
const WINDOW: usize = 32;

/// The line of a client in C.
pub(crate) const LIBXENSTORE: &str = "read, by libxenstore";

/// `xs_read` in a loop.
pub(crate) fn libxenstore(
    subject: &mut Subject,
    program: &std::path::Path,
    dir: &std::path::Path,
) -> Sample {
    prepare(&mut subject.raw);
    let list = dir.join("list");
    std::fs::write(&list, "/bench/node\n".repeat(5_000)).unwrap();
    let cpu = subject.cpu();
    let sample = runner::peer(program, subject.socket(), &["xs", list.to_str().unwrap()]);
    Sample {
        cpu: subject.cpu() - cpu,
        ..sample
    }
}

/// All lines.
pub(crate) const ROWS: &[Row] = &[
    row("read, sequential", |s| {
        repeat(s, 5_000, Op::READ, b"/bench/node\0")
    }),
    row("read, pipelined", |s| {
        pipelined(s, 30_000, Op::READ, b"/bench/node\0")
    }),
    row("read, pipelined, client", pipelined_client),
    row("write, sequential", |s| {
        repeat(s, 5_000, Op::WRITE, b"/bench/node\0a value of 20 bytes.")
    }),
    row("write, pipelined", |s| {
        let payload = b"/bench/node\0a value of 20 bytes.";
        pipelined(s, 30_000, Op::WRITE, payload)
    }),
    row("directory, sequential", |s| {
        repeat(s, 5_000, Op::DIRECTORY, b"/bench/list\0")
    }),
    row("directory, pipelined", |s| {
        pipelined(s, 30_000, Op::DIRECTORY, b"/bench/list\0")
    }),
    row("transaction", transactions),
    row("transaction, 16 clients", many_transactions),
    row("64 clients, read", many_clients),
    row("1000 watchers, event", fan_out),
    row("create tree, node", create_tree),
    row("remove tree, node", remove_tree),
];

const fn row(name: &'static str, measure: fn(&mut Subject) -> Sample) -> Row {
    Row { name, measure }
}

/// Measures `work`, which does `units` operations.
pub(crate) fn measured(
    subject: &mut Subject,
    units: usize,
    work: impl FnOnce(&mut Subject),
) -> Sample {
    let (cpu, start) = (subject.cpu(), Instant::now());
    work(subject);
    let wall = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a few thousands")]
    let units = units as f64;
    Sample {
        units,
        wall,
        cpu: subject.cpu() - cpu,
    }
}

/// The nodes that the rows use.
fn prepare(raw: &mut Raw) {
    raw.ask(Op::WRITE, 0, b"/bench/node\0a value of 20 bytes.");
    for number in 0..100 {
        raw.ask(
            Op::WRITE,
            0,
            format!("/bench/list/child{number}\0").as_bytes(),
        );
    }
}

fn repeat(subject: &mut Subject, count: usize, op: Op, payload: &[u8]) -> Sample {
    prepare(&mut subject.raw);
    let bytes = request(op, 0, payload);
    measured(subject, count, |subject| {
        for _ in 0..count {
            subject.raw.send(&bytes);
            subject.raw.expect(1);
        }
    })
}

fn pipelined(subject: &mut Subject, count: usize, op: Op, payload: &[u8]) -> Sample {
    prepare(&mut subject.raw);
    let bytes = request(op, 0, payload).repeat(WINDOW);
    measured(subject, count / WINDOW * WINDOW, |subject| {
        for _ in 0..count / WINDOW {
            subject.raw.send(&bytes);
            subject.raw.expect(WINDOW);
        }
    })
}

/// The same reads by the library's own client, whose cost is then part of it.
fn pipelined_client(subject: &mut Subject) -> Sample {
    const COUNT: usize = 20_000;
    prepare(&mut subject.raw);
    let connector = std::sync::Arc::new(SocketConnector::new(subject.socket()));
    let client = Client::with_connector(connector, ClientOptions::default()).unwrap();
    let path = StorePath::parse("/bench/node").unwrap();
    let mut pending = std::collections::VecDeque::new();
    measured(subject, COUNT, |_| {
        for _ in 0..COUNT {
            if pending.len() >= WINDOW {
                let first: xenbus::client::Pending<Vec<u8>> = pending.pop_front().unwrap();
                first.wait().unwrap();
            }
            pending.push_back(client.submit_read(&path));
        }
        for last in pending {
            last.wait().unwrap();
        }
    })
}

fn transactions(subject: &mut Subject) -> Sample {
    const COUNT: usize = 1_500;
    prepare(&mut subject.raw);
    measured(subject, COUNT, |subject| {
        for _ in 0..COUNT {
            transaction(&mut subject.raw, "/bench/node");
        }
    })
}

/// One transaction: read a node and write it.
pub(crate) fn transaction(raw: &mut Raw, node: &str) {
    let number = raw.ask(Op::TRANSACTION_START, 0, b"\0");
    let number = String::from_utf8_lossy(&number);
    let number = number.trim_end_matches('\0').parse().unwrap();
    raw.ask(Op::READ, number, format!("{node}\0").as_bytes());
    let write = format!("{node}\0a value of 20 bytes.");
    raw.ask(Op::WRITE, number, write.as_bytes());
    raw.ask(Op::TRANSACTION_END, number, b"T\0");
}

/// Transactions of clients on nodes of their own, all under way at once.
fn many_transactions(subject: &mut Subject) -> Sample {
    const CLIENTS: usize = 16;
    const ROUNDS: usize = 100;
    prepare(&mut subject.raw);
    let mut clients: Vec<Raw> = (0..CLIENTS)
        .map(|_| Raw::connect(subject.socket()))
        .collect();
    measured(subject, CLIENTS * ROUNDS, |_| {
        for _ in 0..ROUNDS {
            for client in &mut clients {
                client.send(&request(Op::TRANSACTION_START, 0, b"\0"));
            }
            for (place, client) in clients.iter_mut().enumerate() {
                let number = client.receive(Op::TRANSACTION_START);
                let number = String::from_utf8_lossy(&number);
                let number = number.trim_end_matches('\0').parse().unwrap();
                let node = format!("/bench/list/child{place}\0");
                let write = format!("{node}a value of 20 bytes.");
                let rest = [
                    request(Op::READ, number, node.as_bytes()),
                    request(Op::WRITE, number, write.as_bytes()),
                    request(Op::TRANSACTION_END, number, b"T\0"),
                ];
                client.send(&rest.concat());
            }
            for client in &mut clients {
                client.expect(3);
            }
        }
    })
}

fn many_clients(subject: &mut Subject) -> Sample {
    const CLIENTS: usize = 64;
    const ROUNDS: usize = 150;
    prepare(&mut subject.raw);
    let mut clients: Vec<Raw> = (0..CLIENTS)
        .map(|_| Raw::connect(subject.socket()))
        .collect();
    let bytes = request(Op::READ, 0, b"/bench/node\0");
    measured(subject, CLIENTS * ROUNDS, |_| {
        for _ in 0..ROUNDS {
            for client in &mut clients {
                client.send(&bytes);
            }
            for client in &mut clients {
                client.expect(1);
            }
        }
    })
}

fn fan_out(subject: &mut Subject) -> Sample {
    const WATCHERS: usize = 1_000;
    const WRITES: usize = 5;
    prepare(&mut subject.raw);
    let mut watchers: Vec<Raw> = (0..WATCHERS)
        .map(|_| Raw::connect(subject.socket()))
        .collect();
    for watcher in &mut watchers {
        watcher.ask(Op::WATCH, 0, b"/bench/node\0token\0");
        watcher.receive(Op::WATCH_EVENT);
    }
    measured(subject, WATCHERS * WRITES, |subject| {
        for _ in 0..WRITES {
            subject.raw.ask(Op::WRITE, 0, b"/bench/node\0value");
            for watcher in &mut watchers {
                watcher.expect(1);
            }
        }
    })
}

const TREE: usize = 10_000;

/// Makes [`TREE`] nodes below one, a hundred in each of a hundred directories.
fn make_tree(raw: &mut Raw) {
    for directory in 0..100 {
        let mut bytes = Vec::new();
        for node in 0..TREE / 100 {
            let payload = format!("/tree/directory{directory}/node{node}\0value {node}");
            bytes.extend(request(Op::WRITE, 0, payload.as_bytes()));
        }
        raw.send(&bytes);
        raw.expect(TREE / 100);
    }
}

fn create_tree(subject: &mut Subject) -> Sample {
    subject.raw.ask(Op::RM, 0, b"/tree\0");
    measured(subject, TREE, |subject| make_tree(&mut subject.raw))
}

fn remove_tree(subject: &mut Subject) -> Sample {
    make_tree(&mut subject.raw);
    measured(subject, TREE, |subject| {
        subject.raw.ask(Op::RM, 0, b"/tree\0");
    })
}
