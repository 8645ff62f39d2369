//! What matters can be told without any colour, and each theme keeps its word.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use xstop::config::Config;
use xstop::theme::ThemeName;

use crate::rig::{Rig, lines};

fn row_with(buffer: &Buffer, text: &str) -> u16 {
    let at = lines(buffer).iter().position(|line| line.contains(text));
    u16::try_from(at.unwrap_or_else(|| panic!("no row with {text}"))).unwrap()
}

/// The cell at which a text begins.
fn cell_of<'a>(buffer: &'a Buffer, row: u16, text: &str) -> &'a ratatui::buffer::Cell {
    let line = &lines(buffer)[usize::from(row)];
    let column = xstop::text::width(line.split(text).next().unwrap());
    &buffer[(u16::try_from(column).unwrap(), row)]
}

#[test]
fn without_colours_selected_critical_and_changed_rows_differ_by_attributes_and_signs() {
    let mut rig = Rig::broken(120, 30);
    rig.keys("2 j");
    let buffer = rig.draw();
    for cell in buffer.content() {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
    }
    let selected = row_with(&buffer, "▌");
    assert!(
        cell_of(&buffer, selected, "vbd")
            .modifier
            .contains(Modifier::REVERSED)
    );
    let critical = row_with(&buffer, "InitWait");
    let sign = cell_of(&buffer, critical, "✖");
    assert!(
        sign.modifier
            .contains(Modifier::BOLD | Modifier::UNDERLINED)
    );
    let closing = "/local/domain/2/device/vbd/51712/state";
    rig.set(closing, "5");
    rig.publish();
    let buffer = rig.draw();
    let row = row_with(&buffer, "Closing");
    let fresh = cell_of(&buffer, row, "Closing").modifier;
    rig.pass(4000);
    let buffer = rig.draw();
    let old = cell_of(&buffer, row_with(&buffer, "Closing"), "Closing").modifier;
    assert_ne!(fresh, old, "a change is shown for a while");
}

#[test]
fn every_theme_shows_selection_and_severity_otherwise_than_text() {
    for theme in [
        ThemeName::Dark,
        ThemeName::Light,
        ThemeName::Neutral,
        ThemeName::Ansi,
        ThemeName::AnsiLight,
        ThemeName::Mono,
    ] {
        let mut rig = Rig::with(120, 30, theme, &Config::default());
        rig.break_it();
        rig.keys("4");
        let buffer = rig.draw();
        let style = |row: u16, text: &str| {
            let cell = cell_of(&buffer, row, text);
            (cell.fg, cell.bg, cell.modifier)
        };
        let row = row_with(&buffer, "hotplug-failed");
        let plain = style(row_with(&buffer, "leaked-backend"), "vif 0");
        assert_ne!(style(row, "critical"), plain, "{theme:?}");
        let selected = row_with(&buffer, "▌");
        let other = selected + 1;
        let tint = |row: u16| {
            (
                buffer[(1, row)].bg,
                buffer[(1, row)].modifier & Modifier::REVERSED,
            )
        };
        assert_ne!(tint(selected), tint(other), "{theme:?}");
    }
}

#[test]
fn ascii_screens_are_ascii() {
    let mut rig = Rig::broken(100, 30);
    rig.app.settings.charset = xstop::text::Charset::Ascii;
    for keys in ["1", "2", "3", "4", "5", "6", "2 g n Enter", "?"] {
        rig.keys(keys);
        let screen = rig.screen();
        assert!(screen.is_ascii(), "{keys}: {screen}");
        rig.keys("Esc");
    }
}
