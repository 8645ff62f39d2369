//! The embedded store against the real daemons: each in a process of its own, on its own socket, asked by the same
//! client, taking turns.
//!
//! `cargo bench -p xenbus --bench store [-- ROUNDS] [NAME…]`, where a row runs if its name contains one of the words;
//! `size` are those of memory and of transactions in large stores, `million` those with a million nodes, `bare` some
//! beside a server that answers the same without being a store.
//! Needs Debian's `xenstored` and `oxenstored`; what is missing is said and skipped. Only ratios mean something: the
//! machine may be busy with other work, and that is why the stores alternate within one run. CPU time is the store's
//! own, user and system, and hardly depends on other work.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise"
)]

#[path = "store/bare.rs"]
mod bare;
#[path = "store/raw.rs"]
mod raw;
#[path = "store/rows.rs"]
mod rows;
#[path = "common/runner.rs"]
mod runner;
#[path = "store/size.rs"]
mod size;
#[path = "store/subject.rs"]
mod subject;

use runner::{Sample, median};
use subject::Subject;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, socket] = &arguments[..] {
        match word.as_str() {
            subject::SERVE => return subject::serve(socket),
            subject::SERVE_BARE => return bare::serve(socket),
            _ => {}
        }
    }
    let rounds = arguments.iter().find_map(|a| a.parse().ok()).unwrap_or(5);
    let words: Vec<&String> = arguments
        .iter()
        .filter(|a| !a.starts_with('-') && a.parse::<usize>().is_err())
        .collect();
    let wanted =
        |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let mut subjects = Subject::all();
    let dir = tempfile::tempdir().unwrap();
    let libxenstore = wanted(rows::LIBXENSTORE)
        .then(|| runner::compile(dir.path()))
        .flatten();
    print_head(&subjects);
    if let Some(program) = libxenstore {
        compare(rows::LIBXENSTORE, &mut subjects, rounds, |subject| {
            rows::libxenstore(subject, &program, dir.path())
        });
    }
    for row in rows::ROWS.iter().filter(|row| wanted(row.name)) {
        compare(row.name, &mut subjects, rounds, row.measure);
    }
    drop(subjects);
    if wanted(bare::NAME) {
        bare::measure(rounds);
    }
    for nodes in size::SIZES {
        if wanted(size::NAME) {
            size::measure(*nodes, rounds);
        }
    }
    // It takes minutes: only if it is asked for.
    if words.iter().any(|word| *word == size::LARGE_NAME) {
        size::measure(size::LARGE, rounds);
    }
}

/// Measures every store in turns, and prints the row.
pub(crate) fn compare(
    name: &str,
    subjects: &mut [Subject],
    rounds: usize,
    measure: impl Fn(&mut Subject) -> Sample,
) {
    let mut samples = vec![Vec::new(); subjects.len()];
    // The first turn does not count: page faults, the first growth.
    for round in 0..=rounds {
        for (subject, samples) in subjects.iter_mut().zip(&mut samples) {
            let sample = measure(subject);
            if round > 0 {
                samples.push(sample);
            }
        }
    }
    print_row(name, &samples);
}

pub(crate) fn print_head(subjects: &[Subject]) {
    let names: Vec<_> = subjects
        .iter()
        .map(|s| format!("{:>24}", s.name()))
        .collect();
    println!("{:<26}{}   ratio of rates", "", names.join(" "));
}

/// Rates and CPU time per operation, as medians, and what the first store's rate is to each other's: the median of the
/// turns' ratios, with the smallest and the largest.
fn print_row(name: &str, samples: &[Vec<Sample>]) {
    let rate = |sample: &Sample| sample.units / sample.wall;
    let shown: Vec<String> = samples
        .iter()
        .map(|samples| {
            let rates = median(samples.iter().map(rate));
            let cpu = median(samples.iter().map(|s| 1e6 * s.cpu / s.units));
            format!("{rates:>10.0}/s {cpu:>8.2} us")
        })
        .collect();
    let ratios: Vec<String> = samples[1..]
        .iter()
        .map(|others| {
            let ratios = samples[0]
                .iter()
                .zip(others)
                .map(|(own, other)| rate(own) / rate(other));
            let ratios: Vec<f64> = ratios.collect();
            let low = ratios.iter().copied().fold(f64::MAX, f64::min);
            let high = ratios.iter().copied().fold(0.0, f64::max);
            format!("{:.2} ({low:.2}-{high:.2})", median(ratios.iter().copied()))
        })
        .collect();
    println!("{name:<26}{}   {}", shown.join(" "), ratios.join(", "));
}
