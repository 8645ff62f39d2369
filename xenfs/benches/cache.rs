//! The cache and the watches of a mount, against what one would use without it, taking turns in one run.
//!
//! `cargo bench -p xenfs --bench cache [-- PART…] [ROUNDS]`, PART being `stat`, `read`, `find`, `latency`, `rate` or
//! `memory`. Needs the right to mount; what else is missing is said and skipped. Only ratios mean something.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark may stop at the first surprise, and rounds"
)]

#[path = "cache/null.rs"]
mod null;
#[path = "cache/parts.rs"]
mod parts;
#[path = "cache/store.rs"]
mod store;
#[path = "cache/watch.rs"]
mod watch;

use store::Store;

fn main() {
    let arguments: Vec<_> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let rounds = arguments.iter().find_map(|a| a.parse().ok()).unwrap_or(5);
    let wanted = |part: &str| {
        let parts = arguments.iter().filter(|a| a.parse::<usize>().is_err());
        let mut parts = parts.peekable();
        parts.peek().is_none() || parts.any(|other| other == part)
    };
    if !xenbus_harness::requires_fuse() {
        return;
    }
    for store in Store::all() {
        println!("{}, median of {rounds}", store.name());
        if wanted("stat") {
            for nodes in [1_000, 10_000, 100_000] {
                parts::stat(&store, nodes, rounds);
            }
        }
        if wanted("read") {
            parts::read(&store, rounds);
        }
        if wanted("find") {
            for nodes in [1_000, 10_000, 100_000] {
                parts::find(&store, nodes, rounds);
            }
        }
        if wanted("latency") {
            watch::latency(&store, rounds);
        }
        if wanted("rate") {
            watch::rate(&store, rounds);
        }
        if wanted("memory") {
            parts::memory(&store);
        }
    }
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
