//! What keys and the mouse do.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use xenbus::DomId;
use xenbus::device::history::Moment;
use xstop::app::{Effect, Ending, Place, ViewId};
use xstop::config::Config;
use xstop::model::{Scope, Stale};
use xstop::theme::ThemeName;

use crate::rig::{Rig, path};

fn click(rig: &mut Rig, x: u16, y: u16) {
    rig.mouse(MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: x,
        row: y,
        modifiers: KeyModifiers::NONE,
    });
}

/// Where a text stands on the screen.
fn find(rig: &Rig, text: &str) -> (u16, u16) {
    let screen = rig.screen();
    let (row, line) = screen
        .lines()
        .enumerate()
        .find(|(_, line)| line.contains(text))
        .unwrap_or_else(|| panic!("{text}\n{screen}"));
    let column = xstop::text::width(line.split(text).next().unwrap());
    (u16::try_from(column).unwrap(), u16::try_from(row).unwrap())
}

#[test]
fn from_a_domain_to_its_device_to_a_node_and_all_the_way_back() {
    let mut rig = Rig::broken(120, 40);
    rig.keys("j Enter");
    assert!(rig.screen().contains("Devices of"), "{}", rig.screen());
    rig.keys("n Enter");
    assert!(matches!(rig.app.place, Place::Device(_)));
    let screen = rig.screen();
    assert!(
        screen.contains("hotplug-failed") && screen.contains("Handshake"),
        "{screen}"
    );
    rig.keys("G Enter");
    assert_eq!(rig.app.place, Place::View(ViewId::Tree));
    rig.keys("Esc Esc Esc");
    assert_eq!(rig.app.place, Place::View(ViewId::Overview));
}

#[test]
fn a_filter_is_live_shows_its_mistake_in_place_and_is_cleared_by_back() {
    let mut rig = Rig::broken(120, 40);
    rig.keys("2 /");
    rig.text("front_state:conn !vif");
    let screen = rig.screen();
    assert!(screen.contains("front_state:conn"), "{screen}");
    let count = rig.app.table().list.rows().len();
    assert!(count > 0 && count < rig.app.table().all);
    rig.text(" /(");
    let screen = rig.screen();
    assert!(screen.contains("unclosed group"), "{screen}");
    assert_eq!(
        rig.app.table().list.rows().len(),
        count,
        "the last right filter counts"
    );
    rig.keys("Enter");
    assert!(rig.app.prompt.is_some(), "a wrong filter stays open");
    rig.keys("Ctrl-w Enter");
    assert!(rig.app.prompt.is_none());
    rig.keys("Esc");
    assert_eq!(rig.app.table().list.rows().len(), rig.app.table().all);
    rig.keys("/");
    rig.text("nope:1");
    let screen = rig.screen();
    assert!(screen.contains("no field \"nope\""), "{screen}");
    rig.keys("Ctrl-u");
    rig.text("xyz");
    rig.keys("Esc");
    assert_eq!(
        rig.app.table().text,
        "",
        "giving up restores what was there"
    );
}

#[test]
fn rows_are_sorted_by_any_column_by_keys_menu_and_mouse() {
    let mut rig = Rig::broken(160, 40);
    rig.keys("2 s");
    assert!(rig.screen().contains("Sort by"));
    rig.keys("g j Enter");
    let column = rig.app.table().sort.clone().unwrap().column;
    assert_eq!(column, "domain");
    rig.keys("r");
    assert!(rig.app.table().sort.clone().unwrap().is_reversed);
    rig.keys(">");
    assert_eq!(rig.app.table().sort.clone().unwrap().column, "device");
    let (x, y) = find(&rig, "Req/s");
    click(&mut rig, x, y);
    let sort = rig.app.table().sort.clone().unwrap();
    assert_eq!((sort.column, sort.is_reversed), ("requests", true));
    // The order stays with its view.
    rig.keys("1 2");
    assert_eq!(rig.app.table().sort.clone().unwrap().column, "requests");
}

#[test]
fn the_mouse_goes_to_tabs_rows_and_keys() {
    let mut rig = Rig::broken(120, 40);
    let (x, y) = find(&rig, "Findings");
    click(&mut rig, x, y);
    assert_eq!(rig.app.view(), ViewId::Findings);
    let (x, y) = find(&rig, "leaked-backend");
    click(&mut rig, x, y);
    click(&mut rig, x, y);
    assert!(
        matches!(rig.app.place, Place::Device(_)),
        "a second click opens"
    );
    rig.keys("1");
    let (x, y) = find(&rig, "quit");
    click(&mut rig, x, y);
    assert_eq!(rig.effects.last(), Some(&Effect::Quit(Ending::Asked)));
    rig.keys("m");
    assert_eq!(rig.effects.last(), Some(&Effect::Mouse(true)));
}

#[test]
fn what_is_frozen_stays_with_its_age_and_the_past_can_be_looked_at() {
    let mut rig = Rig::broken(120, 40);
    rig.keys("2 f");
    let before = rig.screen();
    rig.set("/local/domain/2/device/vbd/51712/state", "5");
    rig.pass(7000);
    let after = rig.screen();
    assert!(after.contains("FROZEN 7s ago"), "{after}");
    let body = |screen: &str| {
        screen
            .lines()
            .skip(3)
            .take(20)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(body(&before), body(&after));
    rig.keys("f");
    assert!(rig.screen().contains("Closing"));
    rig.keys("[ [ [ [");
    assert!(
        rig.screen().contains("FROZEN") && !rig.screen().contains("Closing"),
        "{}",
        rig.screen()
    );
    rig.keys("=");
    assert!(!rig.screen().contains("FROZEN") && rig.screen().contains("Closing"));
}

#[test]
fn the_tree_goes_to_a_path_marks_a_moment_and_shows_what_changed_since() {
    let mut rig = Rig::new(120, 40);
    rig.keys("p");
    rig.text("local/domain/1/na");
    rig.keys("Tab Enter");
    assert_eq!(rig.app.tree.selected(), Some(&path("/local/domain/1/name")));
    assert!(
        rig.screen().contains("domain 0 owns it"),
        "{}",
        rig.screen()
    );
    rig.keys("Space");
    rig.set("/local/domain/1/name", "renamed");
    rig.set("/local/domain/1/data/new", "1");
    rig.keys("c");
    let screen = rig.screen();
    assert!(
        screen.contains("renamed") && screen.contains("+ /local/domain/1/data/new"),
        "{screen}"
    );
    rig.keys("x");
    rig.keys("k k k k");
    assert!(rig.app.manner.is_hex);
}

#[test]
fn a_path_that_is_not_there_is_said() {
    let mut rig = Rig::new(120, 40);
    rig.keys("6 :");
    rig.text("local/domain/1/nothing");
    rig.keys("Enter");
    assert!(rig.screen().contains("is not there"), "{}", rig.screen());
    assert_eq!(rig.app.tree.selected(), Some(&path("/local/domain/1")));
    rig.keys("y");
    assert_eq!(
        rig.effects.last(),
        Some(&Effect::Copy("/local/domain/1".into()))
    );
}

#[test]
fn a_store_that_is_away_is_said_and_nothing_is_forgotten() {
    let mut rig = Rig::broken(100, 30);
    let now = rig.app.now;
    rig.relink(|link| {
        link.stale = Some(Stale {
            since: now,
            why: "connection refused".into(),
        });
    });
    rig.pass(65_000);
    let screen = rig.screen();
    assert!(
        screen.contains("STALE for 1m05s") && screen.contains("connection refused"),
        "{screen}"
    );
    rig.relink(|link| link.stale = None);
    assert!(!rig.screen().contains("STALE"));
}

#[test]
fn values_of_nodes_outside_the_model_are_told_while_the_log_is_looked_at() {
    let mut rig = Rig::new(120, 40);
    rig.keys("5");
    rig.set("/local/domain/1/data/os_name", "Debian");
    rig.publish();
    assert!(rig.screen().contains("Debian"), "{}", rig.screen());
}

#[test]
fn keys_of_the_configuration_count_in_footer_and_help() {
    let config =
        Config::parse("keys: {freeze: [F5], quit: [Q]}\nview: devices\nsort: {devices: -age}")
            .unwrap();
    let mut rig = Rig::with(120, 60, ThemeName::Mono, &config);
    assert!(rig.screen().contains("F5 freeze") && rig.screen().contains("Q quit"));
    assert_eq!(rig.app.table().sort.clone().unwrap().column, "age");
    rig.keys("q");
    assert!(
        rig.effects
            .iter()
            .all(|effect| *effect != Effect::Quit(Ending::Asked))
    );
    rig.keys("?");
    assert!(rig.screen().contains("F5"), "{}", rig.screen());
}

#[test]
fn a_guest_browses_its_own_part_of_the_store() {
    let mut rig = Rig::new(120, 40);
    rig.relink(|link| link.scope = Scope::Domain(DomId(1)));
    rig.keys("6");
    assert_eq!(rig.app.tree.top(), &path("/local/domain/1"));
    assert!(
        rig.screen().contains("device") && !rig.screen().contains("libxl"),
        "{}",
        rig.screen()
    );
    rig.keys("1");
    assert!(
        rig.screen().contains("as domain 1, only what it may see"),
        "{}",
        rig.screen()
    );
}

#[test]
fn a_recording_is_paused_sped_up_and_gone_through() {
    let mut rig = Rig::broken(120, 40);
    rig.relink(|link| link.is_replay = true);
    assert!(
        rig.screen().contains("REPLAY") && rig.screen().contains("f pause"),
        "{}",
        rig.screen()
    );
    let now = rig.app.now.0;
    rig.effects.clear();
    rig.keys("f f + [ ]");
    let jump = std::time::Duration::from_secs(10);
    assert_eq!(
        rig.effects,
        [
            Effect::Speed(0.0),
            Effect::Speed(1.0),
            Effect::Speed(2.0),
            Effect::Seek(Moment(now.saturating_sub(jump))),
            Effect::Seek(Moment(now + jump)),
        ]
    );
}
