//! No size breaks anything.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use xstop::view;

use crate::rig::Rig;

const VIEWS: [&str; 9] = ["1", "2", "3", "4", "5", "6", "2 g n Enter", "6 c", "2 /"];

#[test]
fn no_size_from_nothing_to_twelve_by_eight_makes_any_view_panic() {
    for keys in VIEWS {
        let mut rig = Rig::broken(80, 24);
        rig.keys(keys);
        for overlay in ["", "?", "s"] {
            rig.keys(overlay);
            for columns in 0..=12 {
                for rows in 0..=8 {
                    rig.resize(columns, rows);
                    rig.keys("j k");
                    drop(rig.draw());
                }
            }
            rig.resize(80, 24);
            if !overlay.is_empty() {
                rig.keys("Esc");
            }
        }
    }
}

#[test]
fn sizes_around_every_border_of_the_layout_work() {
    let mut rig = Rig::broken(80, 24);
    for keys in VIEWS {
        rig.resize(80, 24);
        rig.keys(keys);
        for columns in (13..200).step_by(7).chain(55..65).chain(108..124) {
            for rows in (9..60).step_by(5).chain(12..22) {
                rig.resize(columns, rows);
                drop(rig.draw());
            }
        }
        rig.keys("Esc Esc");
    }
}

#[test]
fn one_line_says_the_worst() {
    let rig = Rig::broken(40, 1);
    let screen = rig.screen();
    assert!(
        screen.contains("✖ 7/9 backend-waits-for-hotplug g1"),
        "{screen}"
    );
    assert!(Rig::new(20, 1).screen().contains("●"));
}

#[test]
fn an_idle_screen_with_old_ages_has_nothing_to_draw_for_minutes() {
    for keys in VIEWS {
        let mut rig = Rig::broken(120, 40);
        rig.keys(keys);
        rig.pass(2 * 3600 * 1000);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 120, 40));
        let due = view::draw(&rig.app, &mut buffer);
        assert!(
            due.is_none_or(|due| due >= Duration::from_mins(2)),
            "{keys}: {due:?}"
        );
        rig.wait(60_000);
        assert_eq!(rig.draw(), buffer, "{keys}");
    }
}
