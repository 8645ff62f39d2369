//! What the dashboard costs on a host of a thousand guests that another process serves.
//!
//! `cargo bench -p xstop --bench cost [-- ROUNDS] [WORD…]`: only the parts whose names contain one of the words. The
//! parts are `frame`, `model`, `steady`, `memory`, `real`, `idle`. The
//! host is the scenario `datacenter` on the embedded store, and its tree loaded into Debian's C `xenstored`. Both
//! sides of a ratio take turns in one run: only ratios mean something on a machine that does other work.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise"
)]

mod bare;
mod frame;
mod host;
mod model;
mod screen;

use std::path::Path;

use host::Host;

fn main() {
    let mut rounds = 5;
    let mut words = Vec::new();
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    match arguments.as_slice() {
        [serve, scenario, socket, root] if serve == "serve" => {
            return host::serve(scenario, Path::new(socket), Path::new(root));
        }
        [churn, socket, rate] if churn == "churn" => {
            return host::churn(Path::new(socket), rate.parse().unwrap());
        }
        [aged, sign, rest @ ..] if aged == "aged" => {
            return screen::aged(Path::new(sign), rest);
        }
        _ => {}
    }
    for argument in arguments {
        match argument.parse() {
            Ok(number) => rounds = number,
            Err(_) => words.push(argument),
        }
    }
    let is_wanted =
        |part: &str| words.is_empty() || words.iter().any(|word| part.contains(word.as_str()));
    run(rounds, &is_wanted);
}

/// Measures what is wanted, each on both stores.
pub(crate) fn run(rounds: usize, is_wanted: &dyn Fn(&str) -> bool) {
    if is_wanted("frame") {
        frame::measure(rounds);
    }
    let embedded = Host::serve("datacenter");
    if is_wanted("model") {
        model::measure("embedded store", &embedded, rounds);
    }
    if is_wanted("steady") {
        screen::steady(&embedded);
    }
    if is_wanted("memory") {
        screen::memory(&embedded);
    }
    if is_wanted("real")
        && let Some(real) = Host::load_real(&embedded)
    {
        drop(embedded);
        model::measure("C xenstored", &real, rounds);
    }
    if is_wanted("idle") {
        screen::idle(&Host::serve("quiet"));
    }
}

pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints a row: what, a number, its limit, and whether it holds.
pub(crate) fn row(what: &str, value: f64, unit: &str, limit: Option<f64>) {
    let verdict = match limit {
        Some(limit) if value <= limit => format!("<= {limit} {unit}: holds"),
        Some(limit) => format!("<= {limit} {unit}: MISSED"),
        None => String::new(),
    };
    println!("  {what:<58} {value:>9.3} {unit:<5} {verdict}");
}
