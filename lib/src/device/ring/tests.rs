use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::device::nodes::{Note, Notes};
use crate::path::StorePath;

fn rings(class: &str, keys: &[(&str, &str)]) -> (Rings, Vec<Note>) {
    let map: BTreeMap<StorePath, Vec<u8>> = keys
        .iter()
        .map(|(key, value)| {
            let path = StorePath::parse(format!("/f/{key}")).unwrap();
            (path, value.as_bytes().to_vec())
        })
        .collect();
    let notes = Notes::default();
    let front = Folder::new(&map, &notes, StorePath::parse("/f").unwrap());
    let class = Class::named(class).unwrap_or(&crate::device::class::GENERIC);
    let rings = Rings::read(class, &front);
    (rings, notes.into_list())
}

fn grants(ring: &Ring) -> Vec<u32> {
    ring.references
        .iter()
        .map(|page| match page {
            PageReference::Grant(number) => *number,
            PageReference::Frame(_) => panic!("{page:?}"),
        })
        .collect()
}

#[test]
fn a_single_ring_has_one_page() {
    let (rings, notes) = rings("vbd", &[("ring-ref", "8"), ("event-channel", "7")]);
    let [ring] = &rings.list[..] else {
        panic!("{rings:?}")
    };
    assert_eq!(ring.place, Place::Queue(0));
    assert_eq!(
        (ring.pages.clone(), grants(ring)),
        (Reading::Known(1), vec![8])
    );
    assert_eq!(ring.channel, Reading::Known(7));
    assert_eq!(ring.capacity, Capacity::Requests(32));
    assert!(ring.is_complete() && notes.is_empty());
}

#[test]
fn several_pages_are_counted_by_order_or_by_number() {
    let pages = [
        ("ring-ref0", "10"),
        ("ring-ref1", "11"),
        ("ring-ref2", "12"),
        ("ring-ref3", "13"),
    ];
    for count in [
        &[("ring-page-order", "2")][..],
        &[("num-ring-pages", "4")],
        &[("ring-page-order", "2"), ("num-ring-pages", "1")],
    ] {
        let (rings, _) = rings("vbd", &[&pages, count].concat());
        let ring = &rings.list[0];
        assert_eq!(grants(ring), [10, 11, 12, 13]);
        assert_eq!(ring.capacity, Capacity::Requests(128));
        assert!(ring.is_complete());
    }
    let (rings, _) = rings("vbd", &[&pages[..2], &[("ring-page-order", "2")]].concat());
    assert!(!rings.list[0].is_complete());
}

#[test]
fn the_order_of_all_queues_pages_is_beside_their_directories() {
    let mut keys = vec![("multi-queue-num-queues", "2"), ("ring-page-order", "1")];
    keys.extend([
        ("queue-0/ring-ref0", "20"),
        ("queue-0/ring-ref1", "21"),
        ("queue-1/ring-ref0", "22"),
        ("queue-1/ring-ref1", "23"),
    ]);
    let (rings, notes) = rings("vbd", &keys);
    let references: Vec<_> = rings.list.iter().map(grants).collect();
    assert_eq!(references, [[20, 21], [22, 23]]);
    for ring in &rings.list {
        assert_eq!(ring.capacity, Capacity::Requests(64));
        assert!(ring.is_complete());
    }
    assert!(notes.is_empty());
}

#[test]
fn queues_have_directories_and_split_event_channels() {
    let mut keys = vec![("multi-queue-num-queues", "2"), ("ctrl-ring-ref", "9")];
    keys.extend([
        ("event-channel-ctrl", "3"),
        ("queue-0/tx-ring-ref", "1035"),
        ("queue-0/rx-ring-ref", "1036"),
        ("queue-0/event-channel-tx", "17"),
        ("queue-0/event-channel-rx", "18"),
        ("queue-1/tx-ring-ref", "1037"),
        ("queue-1/rx-ring-ref", "1038"),
        ("queue-1/event-channel", "19"),
    ]);
    let (rings, notes) = rings("vif", &keys);
    let shown: Vec<_> = rings
        .list
        .iter()
        .map(|r| (&*r.role, r.place.clone(), grants(r), r.channel.unwrap_or(0)))
        .collect();
    assert_eq!(
        shown,
        [
            ("tx", Place::Queue(0), vec![1035], 17),
            ("tx", Place::Queue(1), vec![1037], 19),
            ("rx", Place::Queue(0), vec![1036], 18),
            ("rx", Place::Queue(1), vec![1038], 19),
            ("ctrl", Place::Device, vec![9], 3),
        ]
    );
    assert!(notes.is_empty());
}

#[test]
fn one_queue_may_be_in_a_directory_all_the_same() {
    for count in [&[][..], &[("multi-queue-num-queues", "1")]] {
        let keys = [
            count,
            &[("queue-0/ring-ref", "5"), ("queue-0/event-channel", "6")],
        ]
        .concat();
        let (rings, _) = rings("vbd", &keys);
        assert_eq!(grants(&rings.list[0]), [5]);
    }
}

#[test]
fn rings_of_other_classes_are_found_where_their_headers_say() {
    let (nine, _) = rings(
        "9pfs",
        &[
            ("num-rings", "2"),
            ("ring-ref0", "1"),
            ("event-channel-0", "3"),
            ("ring-ref1", "2"),
            ("event-channel-1", "4"),
        ],
    );
    assert_eq!(nine.list.len(), 2);
    assert_eq!(nine.list[1].place, Place::Number(1));
    assert_eq!(nine.list[1].channel, Reading::Known(4));
    assert_eq!(nine.list[1].capacity, Capacity::InThePage);

    let (sound, _) = rings(
        "vsnd",
        &[
            ("0/1/ring-ref", "1"),
            ("0/1/event-channel", "2"),
            ("0/1/evt-ring-ref", "3"),
            ("0/1/evt-event-channel", "4"),
            ("0/name", "card"),
        ],
    );
    assert_eq!(sound.list.len(), 2);
    assert_eq!(sound.list[0].place, Place::Stream("0/1".into()));

    let (usb, _) = rings("vusb", &[("urb-ring-ref", "1"), ("conn-ring-ref", "2")]);
    let capacities: Vec<_> = usb.list.iter().map(|r| r.capacity).collect();
    assert_eq!(
        capacities,
        [Capacity::Requests(16), Capacity::Requests(512)]
    );

    let (old, _) = rings("vkbd", &[("page-ref", "513026")]);
    assert_eq!(old.list[0].references, [PageReference::Frame(513_026)]);
    let (new, _) = rings("vkbd", &[("page-ref", "513026"), ("page-gref", "9")]);
    assert_eq!(new.list[0].references, [PageReference::Grant(9)]);
}

#[test]
fn unknown_classes_are_shown_by_the_usual_endings() {
    let (rings, _) = rings(
        "",
        &[
            ("out-ring-ref", "1"),
            ("queue-1/ring-ref0", "2"),
            ("event-channel", "3"),
            ("href", "4"),
        ],
    );
    let roles: Vec<_> = rings
        .list
        .iter()
        .map(|r| (r.role.as_ref(), r.place.clone()))
        .collect();
    assert_eq!(
        roles,
        [
            ("out-ring-ref", Place::Device),
            ("ring-ref0", Place::Queue(1))
        ]
    );
}

#[test]
fn hostile_numbers_are_noted_and_cost_nothing() {
    for bad in [
        "4000000000",
        "-1",
        "",
        "9",
        "0x2",
        "2\0",
        "99999999999999999999",
    ] {
        let (rings, notes) = rings("vbd", &[("ring-page-order", bad), ("ring-ref", "1")]);
        assert_eq!(notes.len(), 1, "{bad:?}");
        assert_eq!(rings.list[0].capacity, Capacity::Unknown);
    }
    for bad in ["1000000000", "0", "-2", "257"] {
        let (rings, notes) = rings(
            "vbd",
            &[("multi-queue-num-queues", bad), ("queue-3/ring-ref", "1")],
        );
        assert_eq!(notes.len(), 1, "{bad:?}");
        assert_eq!(rings.list[0].place, Place::Queue(3));
    }
    let (rings, notes) = rings("9pfs", &[("num-rings", "4294967295"), ("ring-ref0", "1")]);
    assert!(rings.list.is_empty() && notes.len() == 1);
    let long = "7".repeat(4096);
    let (_, notes) = self::rings("vbd", &[("ring-ref", &long)]);
    assert!(notes[0].value.to_string().len() < 100);
}

proptest! {
    #[test]
    fn any_keys_with_any_values_are_no_panic(
        class in prop::sample::select(
            crate::device::class::CLASSES.iter().map(|c| c.name).chain([""]).collect::<Vec<_>>()
        ),
        keys in proptest::collection::vec(
            (
                "(queue-[0-9]{1,3}/|[0-9]{1,2}/[0-9]{1,2}/)?(ring-ref[0-9]?|tx-ring-ref|ring-page-order|\
                 num-ring-pages|multi-queue-num-queues|num-rings|event-channel(-tx)?|page-ref|protocol)",
                prop_oneof!["[0-9]{0,12}", "-?[0-9]{1,3}", ".{0,40}"],
            ),
            0..12,
        )
    ) {
        let keys: Vec<(&str, &str)> = keys.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let (rings, _) = rings(class, &keys);
        prop_assert!(rings.list.len() <= 4096);
    }
}
