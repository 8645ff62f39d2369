//! The configuration as `--print-config` shows it.

use super::INTERVALS;
use crate::app::ViewId;
use crate::key::BINDINGS;

/// Everything that can be set, as comments with the values that hold anyway. Lines to be used begin with `#: `.
pub fn template() -> String {
    let [least, most] = INTERVALS;
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    line("# Configuration of xstop: ~/.config/xstop/config.yaml, or --config FILE.");
    line(
        "# Take away the \"#: \" before a line to use it. Options of the command line count more.",
    );
    line("");
    line("# auto, dark, light, neutral, ansi, ansi-light or mono");
    line("#: theme: auto");
    line("# Only ASCII; by the locale if it is not said.");
    line("#: ascii: false");
    line("# Whether the mouse is on from the start.");
    line("#: mouse: false");
    line(&format!(
        "# Seconds between two readings of counters, from {least} to {most}."
    ));
    line("#: interval: 1");
    let views: Vec<&str> = ViewId::ALL.iter().map(|view| view.word()).collect();
    line(&format!("# The first view: {}.", views.join(", ")));
    line("#: view: overview");
    line("");
    line("# Column by which a view is sorted at first; a - before it reverses.");
    line("#: sort:");
    for view in ViewId::ALL.iter().filter(|view| view.has_columns()) {
        line(&format!("#:   {}: {}", view.word(), view.default_sort()));
        let names = view.field_names().join(", ");
        line(&format!("#   columns: {names}"));
    }
    line("# Filter of a view at first.");
    line("#: filter: {}");
    line("");
    line("# Keys, for each action a list; an empty one takes its keys away.");
    line("#: keys:");
    for binding in BINDINGS {
        let keys: Vec<String> = binding
            .keys
            .iter()
            .map(|key| format!("\"{key}\""))
            .collect();
        let keys = keys.join(", ");
        line(&format!("#   {}", binding.help));
        line(&format!("#:   {}: [{keys}]", binding.name));
    }
    text
}
