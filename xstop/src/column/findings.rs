//! Columns of findings.

use xenbus::device::Subject;

use super::devices::class_of;
use super::{Column, Unit, Value, column};
use crate::model::FindingRow;

/// All columns of findings.
pub const FINDINGS: &[Column<FindingRow>] = &[
    column(
        "severity",
        "SEVERITY",
        Unit::Severity,
        "how bad it is",
        |_, row| Value::Severity(row.finding.severity),
    ),
    column(
        "finding",
        "FINDING",
        Unit::Text,
        "name of the finding",
        |_, row| Value::text(row.finding.id),
    ),
    column(
        "domid",
        "ID",
        Unit::Count,
        "number of the domain that has it",
        |_, row| Value::Count(row.finding.subject.domain().0.into()),
    ),
    column(
        "domain",
        "DOMAIN",
        Unit::Text,
        "name of that domain",
        |scene, row| Value::text(scene.snapshot.name_of(row.finding.subject.domain())),
    ),
    column(
        "class",
        "CLASS",
        Unit::Text,
        "class of the device that has it",
        |scene, row| match &row.finding.subject {
            Subject::Device(id) => Value::text(match scene.snapshot.device(id) {
                Some(row) => class_of(&row.device),
                None => id.kind().to_owned(),
            }),
            Subject::Domain(_) => Value::None,
        },
    ),
    column(
        "index",
        "INDEX",
        Unit::Text,
        "number of that device in its domain",
        |_, row| match &row.finding.subject {
            Subject::Device(id) => Value::text(id.index().to_owned()),
            Subject::Domain(_) => Value::None,
        },
    ),
    column(
        "device",
        "DEVICE",
        Unit::Text,
        "what people call that device",
        |scene, row| match &row.finding.subject {
            Subject::Device(id) => Value::text(match scene.snapshot.device(id) {
                Some(row) => row.device.label(),
                None => id.index().to_owned(),
            }),
            Subject::Domain(_) => Value::None,
        },
    ),
    column(
        "age",
        "AGE",
        Unit::Time,
        "how long it has lasted",
        |scene, row| Value::age(row.age(scene.now)),
    ),
    column(
        "explanation",
        "EXPLANATION",
        Unit::Text,
        "what it means",
        |_, row| Value::text(row.finding.explanation.clone()),
    ),
    column(
        "next",
        "NEXT",
        Unit::Text,
        "what to do, or to look at",
        |_, row| Value::text(row.finding.next),
    ),
    column(
        "evidence",
        "EVIDENCE",
        Unit::Text,
        "paths that prove it, and what they held",
        |_, row| {
            let lines = row.finding.evidence.iter();
            let lines: Vec<String> = lines
                .map(|evidence| format!("{}: {}", evidence.path, evidence.shows))
                .collect();
            Value::text(lines.join("; "))
        },
    ),
];
