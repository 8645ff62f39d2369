//! Every key: one row per action.

use super::Scope::{Everywhere, Nodes, Table, Tree};
use super::{Action, Scope};

/// A row of the table.
#[derive(Debug)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its keys, unless the configuration gives others.
    pub keys: &'static [&'static str],
    /// Where it counts.
    pub scope: Scope,
    /// A word or two for the footer.
    pub label: &'static str,
    /// What it does, for help and manual page.
    pub help: &'static str,
}

const fn row(
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    scope: Scope,
    label: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        action,
        name,
        keys,
        scope,
        label,
        help,
    }
}

/// The table. Its order is that of the help.
#[rustfmt::skip]
pub const BINDINGS: &[Binding] = &[
    row(Action::Overview, "overview", &["1"], Everywhere, "overview", "The host: its domains and the health of their devices"),
    row(Action::Devices, "devices", &["2"], Everywhere, "devices", "Every device with both its ends"),
    row(Action::Rings, "rings", &["3"], Everywhere, "rings", "Every ring, the fullest first"),
    row(Action::Findings, "findings", &["4"], Everywhere, "findings", "What is wrong, why, and what to do"),
    row(Action::Events, "events", &["5"], Everywhere, "events", "What changes in the store, as it happens"),
    row(Action::Tree, "tree", &["6"], Everywhere, "tree", "Browse the store"),
    row(Action::NextView, "next-view", &["Tab"], Everywhere, "next", "The next view"),
    row(Action::PreviousView, "previous-view", &["Shift-Tab"], Everywhere, "previous", "The view before"),
    row(Action::Down, "down", &["j", "Down"], Everywhere, "down", "One row down"),
    row(Action::Up, "up", &["k", "Up"], Everywhere, "up", "One row up"),
    row(Action::Left, "left", &["h", "Left"], Everywhere, "left", "Close a directory, or go back"),
    row(Action::Right, "right", &["l", "Right"], Everywhere, "right", "Open a directory, or what is selected"),
    row(Action::Top, "top", &["g", "Home"], Everywhere, "top", "The first row"),
    row(Action::Bottom, "bottom", &["G", "End"], Everywhere, "bottom", "The last row"),
    row(Action::HalfDown, "half-down", &["Ctrl-d"], Everywhere, "half down", "Half a screen down"),
    row(Action::HalfUp, "half-up", &["Ctrl-u"], Everywhere, "half up", "Half a screen up"),
    row(Action::PageDown, "page-down", &["PgDn", "Ctrl-f"], Everywhere, "page down", "A screen down"),
    row(Action::PageUp, "page-up", &["PgUp", "Ctrl-b"], Everywhere, "page up", "A screen up"),
    row(Action::Open, "open", &["Enter"], Everywhere, "open", "Open what is selected"),
    row(Action::Back, "back", &["Esc", "Backspace"], Everywhere, "back", "Back to where you came from; clears the filter first"),
    row(Action::Filter, "filter", &["/"], Everywhere, "filter", "Show only rows that match: text, /regex/, field:value, !not"),
    row(Action::NextHit, "next-hit", &["n"], Everywhere, "next hit", "The next row in trouble; in the tree, the next match"),
    row(Action::PreviousHit, "previous-hit", &["N"], Everywhere, "previous hit", "The row in trouble before; in the tree, the match before"),
    row(Action::Sort, "sort", &["s"], Table, "sort", "Choose the column to sort by"),
    row(Action::SortPrevious, "sort-previous", &["<"], Table, "sort left", "Sort by the column to the left"),
    row(Action::SortNext, "sort-next", &[">"], Table, "sort right", "Sort by the column to the right"),
    row(Action::Reverse, "reverse", &["r"], Table, "reverse", "Reverse the order"),
    row(Action::Freeze, "freeze", &["f"], Everywhere, "freeze", "Keep what is shown, and go on; pause a recording"),
    row(Action::Earlier, "earlier", &["["], Everywhere, "earlier", "Look at the moment before; in a recording, 10 seconds back"),
    row(Action::Later, "later", &["]"], Everywhere, "later", "Look at the moment after; in a recording, 10 seconds on"),
    row(Action::Now, "now", &["="], Everywhere, "now", "Back to the present; the end of a recording"),
    row(Action::Jump, "jump", &["p", ":"], Everywhere, "path", "Go to a path in the tree"),
    row(Action::Mark, "mark", &["Space"], Tree, "mark", "Mark this moment, to see what changes after it"),
    row(Action::Changes, "changes", &["c"], Tree, "changes", "Show only what changed since the mark"),
    row(Action::Flat, "flat", &["t"], Tree, "flat", "Show whole paths instead of the tree"),
    row(Action::Hex, "hex", &["x"], Nodes, "hex", "Show values in hexadecimal"),
    row(Action::Expand, "expand", &["e"], Nodes, "expand", "A larger pane for the value"),
    row(Action::Copy, "copy", &["y"], Everywhere, "copy", "Copy the path of what is selected, through the terminal"),
    row(Action::Faster, "faster", &["+"], Everywhere, "faster", "Read counters more often; play a recording faster"),
    row(Action::Slower, "slower", &["-"], Everywhere, "slower", "Read counters less often; play a recording slower"),
    row(Action::Mouse, "mouse", &["m"], Everywhere, "mouse", "Switch the mouse on or off; off, the terminal selects text"),
    row(Action::Theme, "theme", &["T"], Everywhere, "theme", "The next set of colours"),
    row(Action::Save, "save", &["w"], Everywhere, "save", "Save what is shown, as JSON, into a new file"),
    row(Action::Redraw, "redraw", &["Ctrl-l"], Everywhere, "redraw", "Draw everything again"),
    row(Action::Suspend, "suspend", &["Ctrl-z"], Everywhere, "suspend", "Stop, until the shell's fg"),
    row(Action::Help, "help", &["?", "F1"], Everywhere, "help", "These keys"),
    row(Action::Quit, "quit", &["q", "Ctrl-c"], Everywhere, "quit", "Quit"),
];
