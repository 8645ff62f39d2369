//! The device model and the counters, on what a real host showed.

mod life;
mod statistics;
mod trees;

use std::collections::BTreeMap;

use xenbus::StorePath;
use xenbus::device::{Host, Severity, diagnosis::Finding};

type Nodes = BTreeMap<StorePath, Vec<u8>>;

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

/// A fixture of lines `path = value`.
fn tree(text: &str) -> Nodes {
    text.lines()
        .map(|line| {
            let (at, value) = line.split_once(" =").unwrap();
            (path(at), value.trim_start().as_bytes().to_vec())
        })
        .collect()
}

/// A model without what depends on the way to it.
fn shown(host: &Host) -> String {
    format!(
        "{:#?}\n{:#?}\n{:#?}",
        host.roles, host.domains, host.devices
    )
}

fn brief(findings: &[Finding]) -> Vec<(&'static str, Severity, String)> {
    let row = |f: &Finding| (f.id, f.severity, format!("{:?}", f.subject));
    findings.iter().map(row).collect()
}
