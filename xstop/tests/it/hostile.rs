//! What guests write reaches the screen as text, in its place, or not at all.

use proptest::prelude::*;
use ratatui::buffer::Buffer;

use crate::rig::{Rig, lines};

const NASTY: [&[u8]; 9] = [
    b"\x1b[2J\x1b[31mowned",
    b"\x1b]0;title\x07\x1b]52;c;aGk=\x07",
    "e\u{301}\u{302}\u{303}\u{304}".as_bytes(),
    "\u{202e}\u{2066}gnirts".as_bytes(),
    "日本語のとても長い名前".as_bytes(),
    b"\xff\xfe\xc3(",
    b"line\nbreak\ttab\r\0nul",
    "\u{1f469}\u{200d}\u{1f4bb}".as_bytes(),
    &[b'A'; 4096],
];

/// What a terminal would take for more than a letter.
fn is_safe(buffer: &Buffer) -> bool {
    buffer.content().iter().all(|cell| {
        let symbol = cell.symbol();
        symbol.chars().all(|c| !c.is_control()) && symbol.chars().count() <= 1
    })
}

/// The frame of a view is where it is on a harmless screen.
fn has_frame(buffer: &Buffer) -> bool {
    let lines = lines(buffer);
    let ends = |line: &String| {
        line.ends_with(['│', '╮', '╯', '┃', '╭', '╰']) && xstop::text::width(line) == 100
    };
    lines[2..lines.len() - 1].iter().all(ends)
}

#[test]
fn hostile_names_and_values_stay_in_their_cells_in_every_view() {
    for nasty in NASTY {
        let mut rig = Rig::new(100, 30);
        rig.keys("6");
        for (at, value) in [
            ("/local/domain/1/name", nasty),
            ("/local/domain/0/backend/vbd/1/51712/hotplug-status", nasty),
            ("/local/domain/0/backend/vbd/1/51712/hotplug-error", nasty),
            ("/local/domain/1/device/vbd/51712/state", nasty),
            ("/local/domain/1/device/vbd/51712/ring-ref", nasty),
            ("/local/domain/1/device/vif/0/multi-queue-num-queues", nasty),
            ("/local/domain/1/error/device/vif/0/error", nasty),
            ("/local/domain/1/data/os_name", nasty),
            ("/vm/x/start_time", nasty),
        ] {
            rig.set(at, value);
        }
        rig.pass(40_000);
        for keys in [
            "1",
            "2",
            "3",
            "4",
            "5",
            "6 G",
            "2 g Enter",
            "2 n Enter G",
            "6 t /",
        ] {
            rig.keys(keys);
            let buffer = rig.draw();
            assert!(is_safe(&buffer), "{keys} {nasty:?}");
            assert!(has_frame(&buffer), "{keys}\n{}", rig.screen());
            rig.keys("Esc Esc Esc");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_bytes_are_safe(name: Vec<u8>, state: Vec<u8>, order in prop::collection::vec(0_u8..255, 0..8)) {
        let mut rig = Rig::new(100, 30);
        rig.set("/local/domain/2/name", &name);
        rig.set("/local/domain/2/device/vbd/51712/state", &state);
        rig.set("/local/domain/2/device/vbd/51712/ring-page-order", &order);
        rig.pass(6000);
        for keys in ["1", "2", "3", "4", "5", "2 g n Enter"] {
            rig.keys(keys);
            let buffer = rig.draw();
            prop_assert!(is_safe(&buffer) && has_frame(&buffer), "{}", rig.screen());
        }
    }
}
