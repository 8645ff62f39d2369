//! Every view at four sizes, as text and as styles.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use xstop::config::Config;
use xstop::theme::ThemeName;

use crate::rig::{Rig, lines};

const SIZES: [(u16, u16); 4] = [(160, 50), (100, 30), (80, 24), (40, 12)];

/// Each view, and the keys that lead to it.
const VIEWS: [(&str, &str); 12] = [
    ("overview", ""),
    ("devices", "2"),
    ("rings", "3"),
    ("findings", "4"),
    ("events", "5"),
    ("tree", "6 j j j l j j"),
    ("changes", "6 c"),
    ("device", "2 g n Enter"),
    ("domain", "j Enter"),
    ("help", "?"),
    ("sort", "2 s"),
    ("frozen", "2 [ ["),
];

fn rig(theme: ThemeName, size: (u16, u16), keys: &str) -> Rig {
    let mut rig = Rig::with(size.0, size.1, theme, &Config::default());
    // The tree has something to tell only if it was watched.
    rig.keys("6 1");
    rig.break_it();
    rig.keys(keys);
    rig
}

#[test]
fn every_view_is_as_it_was_at_four_sizes() {
    for (name, keys) in VIEWS {
        let mut screens = String::new();
        for size in SIZES {
            let screen = rig(ThemeName::Mono, size, keys).screen();
            screens = format!("{screens}== {} x {}\n{screen}\n", size.0, size.1);
        }
        insta::assert_snapshot!(name, screens);
    }
}

#[test]
fn colours_change_no_text_and_are_as_they_were() {
    for (name, keys) in VIEWS {
        let mut screens = String::new();
        for size in SIZES {
            let mono = rig(ThemeName::Mono, size, keys);
            let ansi = rig(ThemeName::Ansi, size, keys).draw();
            assert_eq!(lines(&mono.draw()), lines(&ansi), "{name}");
            let styles = styles(&ansi);
            screens = format!("{screens}== {} x {}\n{styles}\n", size.0, size.1);
        }
        insta::assert_snapshot!(format!("{name}-ansi"), screens);
    }
}

/// The styles of each row: how many cells of which colour and attributes, after each other.
fn styles(buffer: &Buffer) -> String {
    let mut rows = Vec::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let mut row: Vec<(usize, String)> = Vec::new();
        for x in buffer.area.left()..buffer.area.right() {
            let style = style(&buffer[(x, y)]);
            match row.last_mut() {
                Some((count, last)) if *last == style => *count += 1,
                _ => row.push((1, style)),
            }
        }
        let runs: Vec<String> = row
            .into_iter()
            .map(|(count, style)| format!("{count}{style}"))
            .collect();
        rows.push(runs.join(" "));
    }
    rows.join("\n")
}

fn style(cell: &Cell) -> String {
    let colour = match cell.fg {
        Color::Reset => "-",
        Color::Red => "red",
        Color::Green => "green",
        Color::Yellow => "yellow",
        Color::Cyan => "cyan",
        _ => "other",
    };
    assert_eq!(cell.bg, Color::Reset, "the terminal's own background stays");
    let mut text = colour.to_owned();
    for (modifier, sign) in [
        (Modifier::BOLD, "*"),
        (Modifier::DIM, "."),
        (Modifier::REVERSED, "#"),
        (Modifier::UNDERLINED, "_"),
        (Modifier::ITALIC, "/"),
        (Modifier::CROSSED_OUT, "~"),
    ] {
        if cell.modifier.contains(modifier) {
            text.push_str(sign);
        }
    }
    text
}
