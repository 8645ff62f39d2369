//! The embedded store beside the daemons: the same random requests, and nothing may differ that is not written down.
//!
//! `cargo test -p xenbus --test it differential -- -- --seed N` (or `XENBUS_SEED=N`) runs the one sequence of that seed,
//! `XENBUS_LONG=1` over 100,000 operations per daemon.

mod borders;
mod embedded;
mod freedom;
mod generate;
mod real;
mod regressions;
pub(crate) mod rng;
mod run;
mod shrink;
mod side;
mod step;
mod walk;

use std::collections::BTreeMap;
use std::sync::Mutex;

use xenbus_harness::{Kind, available};

use self::run::{Comparison, Difference};
use self::step::Step;

/// Steps of one sequence.
const LENGTH: usize = 150;

/// Daemons that run at once: they are mostly idle, because C 4.17 slows the writes of guests down while there are
/// transactions.
const WORKERS: usize = 4;

/// Sequences of an ordinary run, and of a long one.
const SEQUENCES: (u64, u64) = (25, 750);

#[test]
fn the_embedded_store_answers_as_the_c_daemon() {
    compare(Kind::C);
}

#[test]
fn the_embedded_store_answers_as_oxenstored() {
    compare(Kind::OCaml);
}

fn compare(kind: Kind) {
    if !available().contains(&kind) {
        return;
    }
    let seeds = Mutex::new(seeds().into_iter());
    let totals: Vec<Totals> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| scope.spawn(|| work(kind, &seeds)))
            .collect();
        let totals = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        totals
            .map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let steps: usize = totals.iter().map(|(steps, _)| steps).sum();
    let mut used = BTreeMap::<&str, usize>::new();
    for (name, count) in totals.into_iter().flat_map(|(_, used)| used) {
        *used.entry(name).or_default() += count;
    }
    eprintln!(
        "{}: {steps} steps compared; freedoms used: {used:?}",
        kind.program()
    );
}

/// Steps compared, and freedoms used.
type Totals = (usize, BTreeMap<&'static str, usize>);

/// Runs the sequences of seeds until there is none left.
fn work(kind: Kind, seeds: &Mutex<impl Iterator<Item = u64>>) -> Totals {
    let mut comparison = Comparison::start(kind);
    loop {
        let Some(seed) = seeds.lock().unwrap().next() else {
            return (comparison.steps, comparison.freedoms.used);
        };
        let steps = generate::sequence(kind, seed, LENGTH);
        if let Err(difference) = comparison.run(&steps) {
            // The others need not go on.
            seeds.lock().unwrap().by_ref().for_each(drop);
            fail(
                &mut comparison,
                &steps,
                &difference,
                &format!("--seed {seed}"),
            );
        }
    }
}

/// Makes a failing sequence short and shows it.
fn fail(comparison: &mut Comparison, steps: &[Step], difference: &Difference, name: &str) -> ! {
    let short = shrink::shrink(comparison, steps, difference.at);
    let lines: Vec<String> = short.iter().map(|step| format!("    {step}")).collect();
    let (at, text) = match comparison.run(&short) {
        Err(again) => (again.at, again.text),
        Ok(()) => (difference.at, format!("(not again) {}", difference.text)),
    };
    let count = short.len();
    panic!(
        "{name}: step {at} of the {count} below:\n{}\n{text}",
        lines.join("\n")
    );
}

fn seeds() -> Vec<u64> {
    if let Some(seed) = asked() {
        return vec![seed.parse().expect("the seed is a number")];
    }
    let long = std::env::var("XENBUS_LONG").is_ok_and(|long| long == "1");
    (0..if long { SEQUENCES.1 } else { SEQUENCES.0 }).collect()
}

/// The seed that somebody asks for. The test runner knows no such option, but leaves what follows a `--` of its own
/// alone (and takes it for names of tests, too, which does no harm).
fn asked() -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--seed");
    if arguments.next().is_some() {
        return Some(arguments.next().expect("a number after --seed"));
    }
    std::env::var("XENBUS_SEED").ok()
}
