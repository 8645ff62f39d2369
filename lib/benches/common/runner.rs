//! What the benchmarks have in common: samples, medians, and the C programs to compare with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One measurement.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// Operations done.
    pub(crate) units: f64,
    /// Seconds that passed.
    pub(crate) wall: f64,
    /// Seconds of CPU time, user and system, of the side that is measured.
    pub(crate) cpu: f64,
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Compiles the C peers; says why if it cannot.
pub(crate) fn compile(dir: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer/peer.c");
    let program = dir.join("peer");
    let done = Command::new("cc")
        .args(["-O2", "-Wall", "-o"])
        .arg(&program)
        .arg(source)
        .arg("-lxenstore")
        .status();
    match done {
        Ok(status) if status.success() => Some(program),
        other => {
            println!("skipped: the C peers cannot be compiled (cc, libxenstore): {other:?}");
            None
        }
    }
}

/// Runs a C program, which measures itself, with the store at `socket`.
pub(crate) fn peer(program: &Path, socket: &Path, arguments: &[&str]) -> Sample {
    let output = Command::new(program)
        .args(arguments)
        .env("XENSTORED_PATH", socket)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [units, wall, cpu] = numbers[..] else {
        panic!("the peer said {text:?}");
    };
    Sample { units, wall, cpu }
}
