use proptest::prelude::*;

use super::*;
use crate::path::StorePath;

type Nodes = BTreeMap<StorePath, Vec<u8>>;

const FRONT: &str = "/local/domain/3/device";
const BACK: &str = "/local/domain/0/backend";

fn put(nodes: &mut Nodes, path: &str, value: &str) {
    nodes.insert(StorePath::parse(path).unwrap(), value.as_bytes().to_vec());
}

/// Domain 3 has run and has one device, with the states `back` and `front` ("" for an absent end) and further keys of
/// the backend (`b:`), of the frontend (`f:`) or anywhere.
fn nodes(kind: &str, back: &str, front: &str, more: &[(&str, &str)]) -> Nodes {
    let mut nodes = Nodes::new();
    put(&mut nodes, "/local/domain/0/name", "Domain-0");
    put(&mut nodes, "/local/domain/3/name", "web");
    put(&mut nodes, "/local/domain/3/control/feature-poweroff", "1");
    let (b, f) = (format!("{BACK}/{kind}/3/0"), format!("{FRONT}/{kind}/0"));
    if !back.is_empty() {
        put(&mut nodes, &format!("{b}/state"), back);
        put(&mut nodes, &format!("{b}/frontend"), &f);
        put(&mut nodes, &format!("{b}/frontend-id"), "3");
    }
    if !front.is_empty() {
        put(&mut nodes, &format!("{f}/state"), front);
        put(&mut nodes, &format!("{f}/backend"), &b);
    }
    for (key, value) in more {
        let path = match key.split_once(':') {
            Some(("b", key)) => format!("{b}/{key}"),
            Some(("f", key)) => format!("{f}/{key}"),
            _ => (*key).to_owned(),
        };
        put(&mut nodes, &path, value);
    }
    nodes
}

/// The findings after the tree has been as it is for `seconds`.
fn after(nodes: &Nodes, seconds: u64, runs: &[(u32, Run)]) -> Vec<Finding> {
    let host = Host::read(nodes);
    let mut history = History::default();
    history.observe(&Host::default(), Moment::default());
    history.observe(&host, Moment::default());
    let circumstances = Circumstances {
        now: Moment(Duration::from_secs(seconds)),
        runs: runs.iter().map(|(id, run)| (DomId(*id), *run)).collect(),
        ..Circumstances::default()
    };
    diagnose(&host, Some(&history), &circumstances)
}

fn brief(findings: &[Finding]) -> Vec<(&'static str, Severity)> {
    findings.iter().map(|f| (f.id, f.severity)).collect()
}

/// A key that stands for a guest that is gone.
const GONE: &str = "/gone";

#[test]
fn every_pattern_is_silent_at_first_then_yellow_then_red() {
    for (kind, back, front, more, id) in [
        ("vbd", "1", "1", &[][..], "backend-driver-missing"),
        ("vbd", "", "4", &[], "backend-missing"),
        ("vbd", "4", "", &[(GONE, "")], "leaked-backend"),
        ("vbd", "4", "", &[], "frontend-missing"),
        ("vbd", "2", "1", &[], "guest-driver-missing"),
        ("vbd", "2", "3", &[], "backend-waits-for-hotplug"),
        ("vif", "2", "4", &[], "vif-waits-for-hotplug"),
        ("vif", "3", "1", &[], "backend-initialised"),
        ("vif", "3", "3", &[], "backend-initialised"),
        ("vbd", "4", "3", &[], "frontend-missed-connect"),
        ("vbd", "4", "1", &[], "frontend-restarted"),
        ("vbd", "4", "6", &[], "frontend-closed"),
        ("vbd", "4", "5", &[], "frontend-closed"),
        ("vbd", "5", "4", &[("b:online", "0")], "unplug-unanswered"),
        ("vbd", "5", "5", &[], "both-closing"),
        ("vbd", "6", "6", &[("b:online", "0")], "cleanup-missing"),
        ("vbd", "6", "", &[("b:online", "0")], "cleanup-missing"),
        ("vbd", "9", "4", &[], "unknown-state"),
        ("vbd", "0", "4", &[], "unknown-state"),
        ("vbd", "4", "77", &[], "unknown-state"),
        ("vbd", "1", "3", &[], "handshake-stalled"),
        ("foo", "5", "4", &[("b:online", "1")], "handshake-stalled"),
    ] {
        let mut nodes = nodes(kind, back, front, more);
        if more.contains(&(GONE, "")) {
            nodes.retain(|path, _| !path.as_str().starts_with("/local/domain/3"));
        }
        let case = format!("{kind} back {back} front {front} {more:?}");
        assert_eq!(brief(&after(&nodes, 4, &[])), [], "{case}");
        assert_eq!(
            brief(&after(&nodes, 5, &[])),
            [(id, Severity::Warning)],
            "{case}"
        );
        let late = after(&nodes, 30, &[]);
        assert_eq!(brief(&late), [(id, Severity::Critical)], "{case}");
        let finding = &late[0];
        assert!(
            finding.evidence.len() >= 2,
            "{case}: {:?}",
            finding.evidence
        );
        assert!(finding.explanation.ends_with('.') && !finding.next.is_empty());
        assert_eq!(finding.age.unwrap().seen.as_secs(), 30);
    }
}

#[test]
fn what_was_there_before_anybody_looked_is_a_warning_at_once() {
    let host = Host::read(&nodes("vbd", "1", "1", &[]));
    let mut history = History::default();
    history.observe(&host, Moment::default());
    let at = |seconds| {
        let now = Moment(Duration::from_secs(seconds));
        let circumstances = Circumstances {
            now,
            ..Circumstances::default()
        };
        brief(&diagnose(&host, Some(&history), &circumstances))
    };
    for (seconds, severity) in [
        (0, Severity::Warning),
        (29, Severity::Warning),
        (30, Severity::Critical),
    ] {
        assert_eq!(at(seconds), [("backend-driver-missing", severity)]);
    }
}

#[test]
fn what_is_normal_when_short_never_gets_red() {
    for (back, front, more, id) in [
        ("6", "6", &[("b:online", "1")][..], "kept-for-reconnect"),
        ("4", "4", &[("b:hotplug-status", "")], "stale-hotplug"),
        (
            "4",
            "4",
            &[("b:hotplug-status", "disconnected")],
            "stale-hotplug",
        ),
    ] {
        let nodes = nodes("vif", back, front, more);
        assert_eq!(brief(&after(&nodes, 4, &[])), []);
        assert_eq!(brief(&after(&nodes, 5, &[])), [(id, Severity::Info)]);
        assert_eq!(brief(&after(&nodes, 3600, &[])), [(id, Severity::Warning)]);
    }
}

#[test]
fn what_is_healthy_stays_silent_for_ever() {
    let console = [
        ("/local/domain/3/console/port", "2"),
        (
            "/local/domain/3/console/backend",
            "/local/domain/0/backend/console/3/0",
        ),
        ("/local/domain/0/backend/console/3/0/state", "1"),
        (
            "/local/domain/0/backend/console/3/0/frontend",
            "/local/domain/3/console",
        ),
        ("/local/domain/0/backend/console/3/0/frontend-id", "3"),
    ];
    for (kind, more) in [
        ("vbd", &[][..]),
        ("vbd", &[("b:hotplug-status", "connected")]),
        ("vif", &console),
        ("foo", &[]),
    ] {
        let nodes = nodes(kind, "4", "4", more);
        assert_eq!(brief(&after(&nodes, 100_000, &[])), [], "{kind}");
    }
    let virtio = nodes("virtio", "1", "", &[]);
    assert_eq!(brief(&after(&virtio, 100_000, &[])), []);
}

#[test]
fn a_paused_or_booting_domain_is_not_red() {
    let waiting = nodes("vbd", "2", "1", &[]);
    for run in [Run::Paused, Run::Halted] {
        let findings = after(&waiting, 1000, &[(3, run)]);
        assert_eq!(brief(&findings), [("guest-driver-missing", Severity::Info)]);
    }
    let mut fresh = waiting.clone();
    fresh.retain(|path, _| !path.as_str().contains("/control/"));
    for (seconds, severity) in [
        (60, Severity::Info),
        (299, Severity::Info),
        (300, Severity::Warning),
    ] {
        assert_eq!(
            brief(&after(&fresh, seconds, &[])),
            [("guest-driver-missing", severity)]
        );
    }
    // A domain whose other device has moved is not booting any more.
    put(&mut fresh, &format!("{FRONT}/vif/0/state"), "4");
    put(&mut fresh, &format!("{BACK}/vif/3/0/state"), "4");
    assert_eq!(
        brief(&after(&fresh, 60, &[])),
        [("guest-driver-missing", Severity::Critical)]
    );
    let unplug = nodes("vbd", "5", "4", &[("b:online", "0")]);
    let findings = after(&unplug, 1000, &[(3, Run::Paused)]);
    assert_eq!(brief(&findings), [("unplug-unanswered", Severity::Info)]);
}

#[test]
fn a_domains_start_time_tells_that_it_may_be_booting() {
    let mut nodes = nodes("vbd", "2", "1", &[("/local/domain/3/vm", "/vm/ab")]);
    nodes.retain(|path, _| !path.as_str().contains("/control/"));
    put(&mut nodes, "/vm/ab/start_time", "1000.5");
    let host = Host::read(&nodes);
    let severity = |wall| {
        let circumstances = Circumstances {
            wall_clock: Some(Duration::from_secs(wall)),
            ..Circumstances::default()
        };
        diagnose(&host, None, &circumstances)[0].severity
    };
    assert_eq!(severity(1060), Severity::Info);
    assert_eq!(severity(2000), Severity::Warning);
}

#[test]
fn without_a_history_nothing_is_critical_by_age() {
    let host = Host::read(&nodes("vbd", "2", "3", &[]));
    let findings = diagnose(&host, None, &Circumstances::default());
    assert_eq!(
        brief(&findings),
        [("backend-waits-for-hotplug", Severity::Warning)]
    );
    assert_eq!(findings[0].age, None);
}

#[test]
fn errors_that_drivers_and_scripts_report_are_findings_at_once() {
    let failed = nodes(
        "vbd",
        "2",
        "3",
        &[
            ("b:hotplug-status", "error"),
            ("b:hotplug-error", "\u{1b}[31mno such file.\n"),
        ],
    );
    let findings = after(&failed, 0, &[]);
    assert_eq!(brief(&findings), [("hotplug-failed", Severity::Critical)]);
    assert!(findings[0].explanation.contains("\\x1b[31mno such file"));
    assert!(
        findings[0]
            .evidence
            .iter()
            .any(|e| e.path.name() == Some("hotplug-error"))
    );

    let text = "2 reading ring-ref";
    let errors = [
        ("/local/domain/0/error/backend/vbd/3/0/error", text),
        ("/local/domain/3/error/device/vbd/0/error", text),
    ];
    let broken = after(&nodes("vbd", "5", "5", &errors), 0, &[]);
    assert_eq!(
        brief(&broken),
        [
            ("backend-error", Severity::Critical),
            ("frontend-error", Severity::Warning)
        ]
    );
    assert_eq!(broken[0].evidence[0].path.as_str(), errors[0].0);
    assert_eq!(broken[1].evidence[0].path.as_str(), errors[1].0);
    let again = after(&nodes("vbd", "4", "4", &errors), 0, &[]);
    assert!(again.iter().all(|f| f.severity == Severity::Info) && again.len() == 2);
}

#[test]
fn disagreements_about_who_serves_whom_are_findings() {
    let toolstack = (
        "/libxl/3/device/vbd/0/backend",
        "/local/domain/0/backend/vbd/3/0",
    );
    let ids = |more: &[(&str, &str)], back, front| {
        let findings = after(&nodes("vbd", back, front, more), 10, &[]);
        findings.iter().map(|f| f.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&[toolstack], "4", "4"), [""; 0]);
    for lie in [
        "/local/domain/0/backend/vbd/1/0",
        "/local/domain/9/backend/vbd/3/0",
        "/vm/x",
    ] {
        assert_eq!(
            ids(&[toolstack, ("f:backend", lie)], "4", "4"),
            ["frontend-lies"]
        );
        assert_eq!(ids(&[("f:backend", lie)], "4", "4"), ["frontend-lies"]);
    }
    assert_eq!(
        ids(&[("f:backend", "/local/domain/0/backend/vbd/1/0")], "", "4"),
        ["backend-missing", "frontend-lies"]
    );
    assert_eq!(
        ids(&[("b:frontend", "/local/domain/9/device/vbd/0")], "4", "4"),
        ["backend-mislinked"]
    );
    assert_eq!(
        ids(&[("b:frontend-id", "9")], "4", "4"),
        ["backend-mislinked"]
    );
    assert_eq!(
        ids(
            &[
                ("/local/domain/9/backend/qdisk/3/0/state", "6"),
                ("/local/domain/9/name", "storage"),
            ],
            "4",
            "4"
        ),
        ["rival-backend"]
    );
    assert_eq!(ids(&[toolstack], "", ""), ["toolstack-orphan"]);
    assert_eq!(
        ids(&[("/libxl/3/device/vif/0/params", "")], "4", "4"),
        ["toolstack-orphan", "unknown-to-toolstack"]
    );
}

#[test]
fn a_device_that_restarts_again_and_again_is_flapping() {
    let mut history = History::default();
    let mut found = Vec::new();
    for round in 0..4_u64 {
        for (step, state) in ["1", "4", "5"].into_iter().enumerate() {
            let host = Host::read(&nodes("vif", "4", state, &[]));
            let now = Moment(Duration::from_secs(round * 30 + step as u64));
            history.observe(&host, now);
            let circumstances = Circumstances {
                now,
                ..Circumstances::default()
            };
            found = brief(&diagnose(&host, Some(&history), &circumstances));
        }
    }
    assert_eq!(found, [("flapping", Severity::Warning)]);
}

#[test]
fn domains_without_a_name_or_with_a_broken_device_model_are_findings() {
    let mut nodes = nodes("vbd", "4", "4", &[]);
    put(&mut nodes, "/local/domain/8/domid", "8");
    put(
        &mut nodes,
        "/local/domain/0/device-model/3/state",
        "starting",
    );
    let findings = after(&nodes, 10, &[]);
    assert_eq!(
        brief(&findings),
        [
            ("device-model-not-running", Severity::Warning),
            ("unnamed-domain", Severity::Info)
        ]
    );
    assert_eq!(findings[1].subject, Subject::Domain(DomId(8)));
}

#[test]
fn unreadable_values_are_named_with_their_paths() {
    let long = "9".repeat(4096);
    let findings = after(
        &nodes(
            "vbd",
            "4",
            "4",
            &[("f:ring-page-order", &long), ("f:ring-ref", "-1")],
        ),
        0,
        &[],
    );
    assert_eq!(brief(&findings), [("unreadable-value", Severity::Warning)]);
    assert_eq!(findings[0].evidence.len(), 2);
    assert!(findings[0].explanation.len() < 300);
}

#[test]
fn names_of_findings_are_words_with_hyphens() {
    for row in rows() {
        assert!(row.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
        assert!(row.explanation.ends_with('.') && !row.next.ends_with('.'));
    }
}

proptest! {
    #[test]
    fn any_tree_is_no_panic_and_all_text_is_printable(
        keys in proptest::collection::vec(
            (
                "(/local/domain/[0-3]|/libxl/[0-3]|/vm)(/(device|backend|console|error|name|vm|control))?\
                 (/(vbd|vif|console|foo))?(/[0-3])?(/[0-3])?\
                 (/(state|backend|frontend|frontend-id|online|hotplug-status|hotplug-error|error|ring-ref|\
                 multi-queue-num-queues))?",
                prop_oneof![
                    "[0-9]{0,3}",
                    "/local/domain/[0-3]/(backend/(vbd|vif)/[0-3]/[0-3]|device/(vbd|vif)/[0-3]|console)",
                    ".{0,30}",
                    proptest::collection::vec(any::<u8>(), 0..20)
                        .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
                ],
            ),
            0..40,
        )
    ) {
        let nodes: Nodes = keys
            .iter()
            .filter_map(|(path, value)| {
                Some((StorePath::parse(path).ok()?, value.as_bytes().to_vec()))
            })
            .collect();
        for finding in after(&nodes, 60, &[]) {
            let shown = finding.evidence.iter().map(|e| e.shows.as_str());
            for text in shown.chain([&*finding.explanation]) {
                prop_assert!(text.bytes().all(|b| (0x20..0x7f).contains(&b)), "{text:?}");
            }
        }
    }
}
