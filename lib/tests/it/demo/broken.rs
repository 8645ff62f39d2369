//! The scenario in which everything is broken.

use std::collections::BTreeSet;

use xenbus::demo::{Host, Scenario};
use xenbus::device::{self, Circumstances, diagnosis};

use super::{client, wait_for_tree};

/// Findings that are no rows of the table of states.
const OTHERS: [&str; 12] = [
    "hotplug-failed",
    "frontend-error",
    "backend-error",
    "unreadable-value",
    "unnamed-domain",
    "device-model-not-running",
    "frontend-lies",
    "backend-mislinked",
    "rival-backend",
    "toolstack-orphan",
    "unknown-to-toolstack",
    "flapping",
];

fn found(host: &device::Host) -> BTreeSet<&'static str> {
    diagnosis::diagnose(host, None, &Circumstances::default())
        .iter()
        .map(|finding| finding.id)
        .collect()
}

#[test]
fn every_pattern_of_the_diagnosis_is_in_the_broken_scenario() {
    let host = Host::start(&Scenario::find("broken").unwrap()).unwrap();
    let client = client(&host, 0);
    let wanted: BTreeSet<&str> = diagnosis::rows()
        .iter()
        .map(|row| row.id)
        .chain(OTHERS)
        .filter(|id| *id != "flapping")
        .collect();
    wait_for_tree(&client, "every finding", |nodes| {
        let missing = &wanted - &found(&device::Host::read(nodes));
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{missing:?}"))
        }
    });
    assert!(host.trouble().is_none(), "{:?}", host.trouble());
}
