//! Clients that mean harm.

use proptest::prelude::*;

use super::*;

/// A message of arbitrary bytes, more often than not with an operation and a path that exist.
fn message() -> impl Strategy<Value = (u32, u32, Vec<u8>)> {
    let op = prop_oneof![8 => 0..28u32, 1 => any::<u32>()];
    let text = prop::sample::select(vec![
        &b"/"[..],
        b"/a",
        b"/a/b",
        b"a",
        b"@releaseDomain",
        b"/local/domain/1",
        b"0",
        b"1",
        b"T",
        b"n0",
        b"n1",
        b"r1",
        b"quota",
        b"set",
        b"help",
        b"4294967295",
        b"-1",
    ]);
    let piece = prop_oneof![
        4 => text.prop_map(|t| [t, b"\0"].concat()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => Just(vec![b'/'; 3000]),
    ];
    let payload = prop::collection::vec(piece, 0..4).prop_map(|p| {
        let mut bytes = p.concat();
        bytes.truncate(4096);
        bytes
    });
    (op, prop_oneof![3 => Just(0), 1 => 0..4u32], payload)
}

proptest! {
    #[test]
    fn no_bytes_from_several_connections_upset_the_store(
        messages in prop::collection::vec((0..4usize, message()), 0..60),
        personality in prop::sample::select(Personality::ALL),
    ) {
        let mut desk = Desk::like(personality);
        let guests = [desk.dom0, desk.guest(1), desk.guest(2), desk.another()];
        for (from, (op, tx, payload)) in messages {
            let header = Header {
                op: Op(op),
                req_id: ReqId(7),
                tx_id: TxId(tx),
                len: u32::try_from(payload.len()).unwrap(),
            };
            desk.core.handle(guests[from], header, &payload, &mut desk.inbox);
            prop_assert_eq!(desk.core.check_store(), Vec::<String>::new());
            for (_, seen) in desk.inbox.messages.drain(..) {
                if let Seen::Event(text) = seen {
                    prop_assert!(text.len() <= 4 * 4096);
                }
            }
        }
        for id in guests {
            desk.core.disconnect(id);
        }
        prop_assert_eq!(desk.core.check_store(), Vec::<String>::new());
    }
}
