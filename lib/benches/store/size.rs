//! What depends on the size of the store: memory for each node, and what a transaction costs.

use xenbus::wire::Op;

use crate::compare;
use crate::raw::{Raw, request};
use crate::rows::{measured, transaction};
use crate::runner::Sample;
use crate::subject::Subject;

pub(crate) const NAME: &str = "size";

/// Numbers of nodes.
pub(crate) const SIZES: &[usize] = &[1_000, 10_000, 100_000];

pub(crate) const LARGE_NAME: &str = "million";
pub(crate) const LARGE: usize = 1_000_000;

/// Nodes of one device of the pretended host.
const KEYS: [(&str, &str); 9] = [
    ("frontend", "/local/domain/17/device/vbd/51712"),
    ("frontend-id", "17"),
    ("state", "4"),
    ("online", "1"),
    ("params", "/dev/vg0/guest-disk"),
    ("mode", "w"),
    ("physical-device", "fd:2"),
    ("feature-flush-cache", "1"),
    ("sectors", "41943040"),
];

/// Fresh stores with so many nodes: memory and transactions.
pub(crate) fn measure(nodes: usize, rounds: usize) {
    let mut subjects = Subject::all();
    let mut bytes = Vec::new();
    for subject in &mut subjects {
        // Buffers are filled once before it counts.
        let reads = request(Op::READ, 0, b"/tool\0").repeat(2_000);
        subject.raw.send(&reads);
        subject.raw.expect(2_000);
        let before = subject.memory();
        fill(&mut subject.raw, nodes);
        #[expect(clippy::cast_precision_loss, reason = "a few millions")]
        bytes.push((subject.memory() - before) / total(nodes) as f64);
    }
    // A few thousand nodes are lost among the pages that come and go for other reasons.
    if nodes >= 10_000 {
        print_memory(nodes, &bytes);
    }
    let name = format!("transaction, {nodes} nodes");
    compare(&name, &mut subjects, rounds, transactions);
}

fn print_memory(nodes: usize, bytes: &[f64]) {
    let shown: Vec<String> = bytes.iter().map(|b| format!("{b:>16.0} B/node")).collect();
    let name = format!("memory, {nodes} nodes");
    let ratios: Vec<String> = bytes[1..]
        .iter()
        .map(|other| format!("{:.2} (of memory)", bytes[0] / other))
        .collect();
    println!("{name:<26}{}   {}", shown.join("  "), ratios.join(", "));
}

fn transactions(subject: &mut Subject) -> Sample {
    const COUNT: usize = 1_000;
    measured(subject, COUNT, |subject| {
        for _ in 0..COUNT {
            let node = "/local/domain/0/backend/vbd/0/51712/state";
            transaction(&mut subject.raw, node);
        }
    })
}

/// With the directories of devices and domains, and those above.
fn total(nodes: usize) -> usize {
    let devices = nodes.div_ceil(KEYS.len());
    nodes + devices + devices.div_ceil(4) + 5
}

/// Backends of disks, as many as it takes.
fn fill(raw: &mut Raw, nodes: usize) {
    let mut bytes = Vec::new();
    let mut waiting = 0;
    for number in 0..nodes {
        let (key, value) = KEYS[number % KEYS.len()];
        let device = number / KEYS.len();
        let (domain, disk) = (device / 4, 51712 + 16 * (device % 4));
        let payload = format!("/local/domain/0/backend/vbd/{domain}/{disk}/{key}\0{value}");
        bytes.extend(request(Op::WRITE, 0, payload.as_bytes()));
        waiting += 1;
        if waiting == 64 || number + 1 == nodes {
            raw.send(&bytes);
            raw.expect(waiting);
            bytes.clear();
            waiting = 0;
        }
    }
}
