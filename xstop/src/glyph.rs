//! The signs that the screen is drawn with.

use crate::text::Charset;

/// One set of signs; each of a mark's signs is one column wide.
#[derive(Debug)]
pub struct Glyphs {
    /// Stands for text that was cut.
    pub cut: &'static str,
    /// All is well.
    pub ok: &'static str,
    /// Worth knowing.
    pub info: &'static str,
    /// A warning.
    pub warning: &'static str,
    /// Something does not work.
    pub critical: &'static str,
    /// Not known.
    pub unknown: &'static str,
    /// On the way from one state to another.
    pub moving: &'static str,
    /// Something changed a moment ago.
    pub changed: &'static str,
    /// Something is new.
    pub added: &'static str,
    /// Something is gone.
    pub removed: &'static str,
    /// Cursor of the selected row.
    pub cursor: &'static str,
    /// A mark on a row.
    pub mark: &'static str,
    /// Sorted upwards.
    pub up: &'static str,
    /// Sorted downwards.
    pub down: &'static str,
    /// Between the steps of the way to what is shown.
    pub next: &'static str,
    /// From the frontend to the backend, and other connections.
    pub arrow: &'static str,
    /// Between the two states of a device.
    pub link: &'static str,
    /// Between the two states of a device that do not match.
    pub broken: &'static str,
    /// A closed directory.
    pub closed: &'static str,
    /// An open directory.
    pub open: &'static str,
    /// Between words of a line.
    pub dot: &'static str,
    /// A horizontal line.
    pub line: &'static str,
    /// A vertical line.
    pub bar: &'static str,
    /// Corners of a box: top left, top right, bottom left, bottom right.
    pub corners: [&'static str; 4],
    /// Between numbers of a geometry.
    pub times: &'static str,
    /// A node of a timeline.
    pub step: &'static str,
    /// Parts of a gauge's cell that are filled, the whole cell last.
    pub filled: &'static [&'static str],
    /// The empty part of a gauge.
    pub empty: &'static str,
    /// Levels of a sparkline, from nothing.
    pub levels: &'static [&'static str],
    /// A sample that is not known.
    pub gap: &'static str,
    /// Scroll bar: thumb and track.
    pub scroll: [&'static str; 2],
}

static UNICODE: Glyphs = Glyphs {
    cut: "…",
    ok: "●",
    info: "○",
    warning: "▲",
    critical: "✖",
    unknown: "·",
    moving: "◐",
    changed: "~",
    added: "+",
    removed: "-",
    cursor: "▌",
    mark: "◆",
    up: "▴",
    down: "▾",
    next: "▸",
    arrow: "→",
    link: "━",
    broken: "╳",
    closed: "▸",
    open: "▾",
    dot: "·",
    line: "─",
    bar: "│",
    corners: ["╭", "╮", "╰", "╯"],
    times: "×",
    step: "●",
    filled: &["╸", "━"],
    empty: "─",
    levels: &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    gap: " ",
    scroll: ["┃", "│"],
};

static ASCII: Glyphs = Glyphs {
    cut: "~",
    ok: "+",
    info: "i",
    warning: "!",
    critical: "X",
    unknown: ".",
    moving: "o",
    changed: "~",
    added: "+",
    removed: "-",
    cursor: ">",
    mark: "*",
    up: "^",
    down: "v",
    next: ">",
    arrow: ">",
    link: "=",
    broken: "#",
    closed: "+",
    open: "-",
    dot: "-",
    line: "-",
    bar: "|",
    corners: ["+", "+", "+", "+"],
    times: "x",
    step: "*",
    filled: &["#"],
    empty: ".",
    levels: &["_", ".", "-", "=", "*", "#"],
    gap: " ",
    scroll: ["#", "|"],
};

impl Glyphs {
    /// The set for a terminal.
    pub fn of(charset: Charset) -> &'static Self {
        match charset {
            Charset::Unicode => &UNICODE,
            Charset::Ascii => &ASCII,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::width;

    #[test]
    fn every_sign_is_one_column_wide_and_the_ascii_set_is_ascii() {
        for charset in [Charset::Unicode, Charset::Ascii] {
            let g = Glyphs::of(charset);
            let single = [
                g.cut, g.ok, g.info, g.warning, g.critical, g.unknown, g.moving, g.changed,
                g.added, g.removed, g.cursor, g.mark, g.up, g.down, g.arrow, g.link, g.broken,
                g.closed, g.open, g.dot, g.line, g.bar, g.times, g.step, g.empty, g.gap,
            ];
            let all = single
                .iter()
                .chain(&g.corners)
                .chain(g.filled)
                .chain(g.levels)
                .chain(&g.scroll);
            for sign in all {
                assert_eq!(width(sign), 1, "{sign}");
                assert!(charset == Charset::Unicode || sign.is_ascii(), "{sign}");
            }
        }
    }
}
