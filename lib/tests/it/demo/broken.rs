//! The scenario in which everything is broken.

use std::collections::BTreeSet;
use std::time::Duration;

use xenbus::StorePath;
use xenbus::demo::scenario::Time;
use xenbus::demo::{Host, Scenario};
use xenbus::device::{self, Circumstances, Moment, diagnosis};
use xenbus::tree::{Snapshot, WalkOptions};

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
fn a_driver_that_restarts_again_and_again_is_found_by_who_watches() {
    let mut scenario = Scenario::find("broken").unwrap();
    scenario.time = Time::Stepped;
    let host = Host::start(&scenario).unwrap();
    let client = client(&host, 0);
    let state = "/local/domain/6/device/vif/1/state";
    let path = StorePath::parse(state).unwrap();
    let mut history = device::History::default();
    for (second, state) in (1..).step_by(2).zip(["5", "1", "5", "1", "5", "1"]) {
        host.advance(Duration::from_secs(if second == 1 { 1 } else { 2 }))
            .unwrap();
        wait_for_tree(&client, "the next state", |nodes| {
            let value = nodes.value(&path).known().map(|value| value.to_vec());
            if value.as_deref() == Some(state.as_bytes()) {
                Ok(())
            } else {
                Err(format!("{value:?}"))
            }
        });
        let all = Snapshot::take(&client, &StorePath::root(), WalkOptions::full()).unwrap();
        let now = Moment(Duration::from_secs(second));
        let model = device::Host::read(&all);
        history.observe(&model, now);
        let circumstances = Circumstances {
            now,
            ..Circumstances::default()
        };
        let findings = diagnosis::diagnose(&model, Some(&history), &circumstances);
        let flaps = findings.iter().any(|finding| finding.id == "flapping");
        assert_eq!(flaps, second == 11, "after {second} s");
    }
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
