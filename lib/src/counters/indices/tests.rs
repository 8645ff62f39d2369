use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::device::host::Host;
use crate::device::layout::Abi;
use crate::path::StorePath;

/// One page of shared memory.
struct Page([u8; 4096]);

impl Page {
    fn with(words: &[(u16, u32)]) -> Self {
        let mut page = [0; 4096];
        for (offset, word) in words {
            let at = usize::from(*offset);
            page[at..at + 4].copy_from_slice(&word.to_ne_bytes());
        }
        Self(page)
    }
}

impl RingIndices for Page {
    fn words(&self, domain: DomId, page: PageReference, offsets: &[u16]) -> io::Result<Words> {
        if domain != DomId(3) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        if matches!(page, PageReference::Frame(_)) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(Words::new(offsets.iter().map(|offset| {
            let at = usize::from(*offset);
            u32::from_ne_bytes(self.0[at..at + 4].try_into().unwrap())
        })))
    }
}

fn ring(layout: Layout, pages: u32) -> Ring {
    Ring {
        role: "ring".into(),
        place: crate::device::ring::Place::Device,
        layout,
        pages: Reading::Known(pages),
        references: vec![PageReference::Grant(8)],
        channel: Reading::Missing,
        capacity: layout.capacity(pages, Abi::Native),
    }
}

#[test]
fn requests_in_flight_are_counted_across_the_wrap() {
    let page = Page::with(&[(0, 5), (4, 6), (8, u32::MAX - 4), (12, 1)]);
    let read = sample_ring(&page, DomId(3), &ring(Layout::BLKIF, 1));
    let in_flight = Fill::Used { used: 10, of: 32 };
    assert_eq!(
        read,
        Reading::Known(Occupancy::Requests {
            in_flight,
            req_prod: 5,
            rsp_prod: u32::MAX - 4
        })
    );
}

#[test]
fn an_impossible_number_of_requests_is_said_and_clamped() {
    let page = Page::with(&[(0, 100), (8, 0)]);
    let read = sample_ring(&page, DomId(3), &ring(Layout::BLKIF, 1));
    let Reading::Known(Occupancy::Requests { in_flight, .. }) = read else {
        panic!("{read:?}")
    };
    assert_eq!(
        in_flight,
        Fill::Impossible {
            claimed: 100,
            of: 32
        }
    );
    assert_eq!((in_flight.clamped(), in_flight.size()), (32, 32));
}

#[test]
fn rings_of_bytes_are_read_where_their_headers_put_the_indices() {
    for (layout, words, into, from) in [
        (
            Layout::CONSOLE,
            [(3072, 1), (3076, 11), (3080, 2), (3084, 2050)],
            (10, 1024),
            (2048, 2048),
        ),
        (
            Layout::XENSTORE,
            [(2048, 1), (2052, 21), (2056, 0), (2060, 7)],
            (7, 1024),
            (20, 1024),
        ),
        (
            Layout::KBDIF,
            [(0, 1), (4, 3), (8, 1), (12, 1)],
            (2, 51),
            (0, 25),
        ),
    ] {
        let read = sample_ring(&Page::with(&words), DomId(3), &ring(layout, 1));
        let Reading::Known(Occupancy::Duplex {
            into_guest,
            from_guest,
            ..
        }) = read
        else {
            panic!("{read:?}")
        };
        let used = |(used, of)| Fill::Used { used, of };
        assert_eq!((into_guest, from_guest), (used(into), Some(used(from))));
    }
}

#[test]
fn the_order_of_a_9pfs_ring_is_the_guests_word() {
    let words = [(0, 0), (4, 9), (64, 0), (68, 4)];
    let page = |order| Page::with(&[&words[..], &[(72, order)]].concat());
    let read = sample_ring(&page(1), DomId(3), &ring(Layout::NinePfs, 1));
    let Reading::Known(Occupancy::Duplex { into_guest, .. }) = read else {
        panic!("{read:?}")
    };
    assert_eq!(into_guest, Fill::Used { used: 9, of: 4096 });
    let hostile = sample_ring(&page(u32::MAX), DomId(3), &ring(Layout::NinePfs, 1));
    assert!(matches!(hostile, Reading::Unreadable(_)));
}

#[test]
fn what_cannot_be_mapped_is_unknown() {
    let page = Page::with(&[]);
    let blk = ring(Layout::BLKIF, 1);
    assert_eq!(sample_ring(&page, DomId(4), &blk), Reading::Denied);
    let frame = Ring {
        references: vec![PageReference::Frame(513_026)],
        ..blk.clone()
    };
    assert_eq!(sample_ring(&page, DomId(3), &frame), Reading::Missing);
    let unknown = ring(Layout::Unknown, 1);
    assert_eq!(sample_ring(&page, DomId(3), &unknown), Reading::Missing);
}

#[test]
fn pages_are_touched_only_while_both_ends_are_connected() {
    let nodes = |back: &str| -> BTreeMap<StorePath, Vec<u8>> {
        [
            ("/local/domain/3/device/vbd/51712/state", "4"),
            ("/local/domain/3/device/vbd/51712/ring-ref", "8"),
            ("/local/domain/0/backend/vbd/3/51712/state", back),
        ]
        .map(|(path, value)| (StorePath::parse(path).unwrap(), value.as_bytes().to_vec()))
        .into()
    };
    let page = Page::with(&[(0, 3)]);
    let sampled = |back| {
        let host = Host::read(&nodes(back));
        sample_device(&page, host.devices.values().next().unwrap()).len()
    };
    assert_eq!((sampled("4"), sampled("5")), (1, 0));
}

proptest! {
    #[test]
    fn any_indices_give_a_fill_within_the_ring(words: [u32; 5], pages in 0_u32..=256) {
        for layout in [
            Layout::BLKIF,
            Layout::CONSOLE,
            Layout::NinePfs,
            Layout::MEDIA_EVENTS,
            Layout::Mailbox,
            Layout::Unknown,
        ] {
            let capacity = layout.capacity(pages, Abi::Native);
            let fills = match layout.occupancy(capacity, Words::new(words)) {
                Reading::Known(Occupancy::Requests { in_flight, .. }) => vec![in_flight],
                Reading::Known(Occupancy::Duplex { into_guest, from_guest, .. }) => {
                    [Some(into_guest), from_guest].into_iter().flatten().collect()
                }
                _ => vec![],
            };
            prop_assert!(fills.iter().all(|fill| fill.clamped() <= fill.size()));
        }
    }

    #[test]
    fn offsets_are_aligned_and_inside_the_page(at in 0_usize..6) {
        let layouts = [
            Layout::BLKIF,
            Layout::CONSOLE,
            Layout::XENSTORE,
            Layout::KBDIF,
            Layout::MEDIA_EVENTS,
            Layout::NinePfs,
        ];
        let offsets = layouts[at].index_offsets();
        prop_assert!(offsets.iter().all(|offset| offset % 4 == 0 && *offset < 4096));
        prop_assert!(offsets.len() <= WORDS_MAX);
    }
}
