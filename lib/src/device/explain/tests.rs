use proptest::prelude::*;

use super::*;
use crate::device::class::CLASSES;

fn says(path: &str, value: &str) -> Option<String> {
    let path = StorePath::parse(path).unwrap();
    let explanation = explain(&path, Some(value.as_bytes()));
    explanation.unwrap_or_else(|| panic!("{path}")).says
}

#[test]
fn values_say_what_they_mean() {
    let front = "/local/domain/3/device/vbd/51712";
    let back = "/local/domain/0/backend/vbd/3/51712";
    for (path, value, expected) in [
        (
            format!("{front}/state"),
            "4",
            "Connected (rings are mapped, data flows)",
        ),
        (format!("{front}/virtual-device"), "51712", "xvda"),
        (format!("{front}/ring-ref"), "8", "grant reference 8"),
        (format!("{front}/ring-ref15"), "8", "grant reference 8"),
        (
            format!("{front}/queue-1/ring-ref0"),
            "9",
            "grant reference 9",
        ),
        (format!("{front}/ring-page-order"), "4", "16 pages"),
        (
            format!("{front}/protocol"),
            "x86_64-abi",
            "64-bit x86 structures",
        ),
        (format!("{back}/sectors"), "32768", "16 MiB"),
        (
            format!("{back}/physical-device"),
            "fd:1a",
            "device 253:26 in decimal",
        ),
        (format!("{back}/info"), "5", "CD-ROM, read only"),
        (format!("{back}/mode"), "r", "read only"),
        (format!("{back}/online"), "0", "no"),
        (front.into(), "", "block device xvda of domain 3"),
        (back.into(), "", "block device xvda of domain 3"),
        (
            "/libxl/3/device/vbd/51728/mode".into(),
            "w",
            "read and write",
        ),
        ("/local/domain/3/memory/target".into(), "131072", "128 MiB"),
        ("/local/domain/3/memory/target".into(), "1500000", "1.4 GiB"),
        (
            "/local/domain/3/console/ring-ref".into(),
            "513026",
            "frame 513026",
        ),
        (
            "/local/domain/3/control/shutdown".into(),
            "reboot",
            "asked to reboot",
        ),
        (
            "/local/domain/0/backend/vif/2/1/rate".into(),
            "62500,50000",
            "at most 1.2 MiB/s",
        ),
        (
            "/local/domain/0/backend/vif/2/1/hotplug-status".into(),
            "connected",
            "the script has done its part",
        ),
        ("/tool/xenstored/domid".into(), "2", "domain 2"),
        (
            "/local/domain/3/device/suspend/event-channel".into(),
            "7",
            "event channel 7",
        ),
    ] {
        assert_eq!(
            says(&path, value).as_deref(),
            Some(expected),
            "{path} = {value}"
        );
    }
    assert_eq!(says("/local/domain/3/name", "web"), None);
    assert_eq!(says("/local/domain/3/control/shutdown", ""), None);
}

#[test]
fn what_makes_no_sense_is_said_and_escaped() {
    for (path, value) in [
        ("/local/domain/3/device/vbd/51712/state", "9"),
        ("/local/domain/3/device/vbd/51712/ring-ref", "-1"),
        (
            "/local/domain/3/device/vbd/51712/ring-page-order",
            "4000000000",
        ),
        ("/local/domain/0/backend/vif/2/1/rate", "\u{1b}[31m"),
        ("/local/domain/0/backend/vbd/2/1/physical-device", "+7:1"),
    ] {
        let said = says(path, value).unwrap();
        assert!(
            said.starts_with("unreadable") && !said.contains('\u{1b}'),
            "{said}"
        );
    }
    assert_eq!(
        says("/local/domain/0/backend/vif/2/1/rate", "1,0").as_deref(),
        Some("no limit")
    );
}

#[test]
fn an_unknown_key_has_no_explanation_and_an_unknown_class_has_the_common_ones() {
    for path in [
        "/local/domain/3/device/vbd/51712/nonsense",
        "/local/domain/x/name",
        "/something",
        "/local/domain/3/cpu/a/availability",
    ] {
        assert_eq!(
            explain(&StorePath::parse(path).unwrap(), None),
            None,
            "{path}"
        );
    }
    assert!(says("/local/domain/3/device/new/0/state", "1").is_some());
}

#[test]
fn every_key_that_the_model_reads_rings_from_is_in_the_dictionary() {
    use crate::device::class::{Reference, Scope};
    for class in CLASSES.iter().filter(|class| !class.frontends.is_empty()) {
        for ring in class.rings {
            let (first, second) = match ring.reference {
                Reference::Grant(key) | Reference::Frame(key) | Reference::Grants(key) => {
                    (key, None)
                }
                Reference::GrantOrFrame(first, second) => (first, Some(second)),
            };
            let keys = ring.channels.iter().copied().chain([first]).chain(second);
            for key in keys {
                let (folder, suffix) = match ring.scope {
                    Scope::Streams(depth) => ("0/".repeat(depth.into()), ""),
                    Scope::Numbered(_) => (String::new(), "0"),
                    Scope::Queue | Scope::Device => (String::new(), ""),
                };
                let path = format!(
                    "/local/domain/3/device/{}/0/{folder}{key}{suffix}",
                    class.frontends[0]
                );
                let found = explain(&StorePath::parse(&path).unwrap(), None);
                assert!(found.is_some(), "{path}");
            }
        }
    }
}

#[test]
fn each_sentence_is_one_and_each_place_names_a_class() {
    for section in SECTIONS.iter().copied().flatten() {
        if let Place::Front(name) | Place::Back(name) = section.place {
            assert!(Class::named(name).is_some(), "{name}");
        }
        for key in section.keys {
            assert!(key.meaning.ends_with(['.', '…']), "{}", key.meaning);
            assert!(!key.meaning.contains('\n'));
        }
    }
}

#[test]
fn an_explanation_reads_as_a_sentence() {
    let path = StorePath::parse("/local/domain/3/memory/target").unwrap();
    assert_eq!(
        explain(&path, Some(b"131072")).unwrap().to_string(),
        "128 MiB: Memory that the guest's balloon driver should reach, in KiB. Written by the toolstack."
    );
}

proptest! {
    #[test]
    fn any_value_of_any_key_is_printable_and_short(
        section in 0_usize..64,
        key in 0_usize..128,
        value in proptest::collection::vec(any::<u8>(), 0..5000),
    ) {
        let sections: Vec<&Section> = SECTIONS.iter().copied().flatten().collect();
        let keys = sections[section % sections.len()].keys;
        if let Some(said) = keys[key % keys.len()].value.says(&value) {
            prop_assert!(said.bytes().all(|b| (0x20..0x7f).contains(&b)) && said.len() < 300);
        }
    }
}
