//! What is counted once for each moment, not for each frame.

use xenbus::device::Severity;

use crate::model::{Counts, Snapshot};

/// Numbers about everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Devices by what their ends show.
    pub counts: Counts,
    /// Devices of which both ends were read, and all that were found so far.
    pub read: (usize, usize),
    /// Findings: infos, warnings, critical ones.
    findings: [usize; 3],
}

impl Summary {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let all = [Severity::Info, Severity::Warning, Severity::Critical];
        Self {
            counts: snapshot.counts,
            read: (snapshot.read, snapshot.devices.len()),
            findings: all.map(|severity| snapshot.findings_at(severity)),
        }
    }

    /// How many findings are of this severity.
    pub fn findings_at(&self, severity: Severity) -> usize {
        let [info, warning, critical] = self.findings;
        match severity {
            Severity::Info => info,
            Severity::Warning => warning,
            Severity::Critical => critical,
        }
    }
}
