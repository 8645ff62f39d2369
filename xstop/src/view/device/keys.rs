//! The keys of both ends side by side: features first, then everything.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use ratatui::text::Span;
use xenbus::StorePath;
use xenbus::tree::Field;

use super::{Page, Subject};
use crate::app::nodes::{Condition, Nodes};
use crate::text::{cut_start, width};
use crate::theme::Role;
use crate::view::cell::meaning;

pub(super) fn write(page: &mut Page<'_>, subject: &Subject<'_>) {
    let device = &subject.row.device;
    let tops = [
        device.front.known().map(|front| &front.path),
        device.back.known().map(|back| &back.path),
    ];
    let sides = [
        Side::new(tops[0], subject.front),
        Side::new(tops[1], subject.back),
    ];
    let keys: BTreeSet<String> = sides.iter().flat_map(Side::keys).collect();
    let (features, others): (Vec<String>, Vec<String>) =
        keys.into_iter().partition(|key| is_feature(key));
    for (title, keys) in [("Features", features), ("Keys", others)] {
        if keys.is_empty() {
            continue;
        }
        page.head(title);
        table(page, &keys, &sides, subject.is_hex);
    }
    for (side, label) in sides.iter().zip(["frontend", "backend"]) {
        if let Some(trouble) = side.trouble() {
            let text = format!("keys of the {label}: {trouble}");
            page.text(&text, Role::Dim, 0);
        }
    }
}

/// Whether a key says what an end can do, or what it asks of the other.
fn is_feature(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    [
        "feature-",
        "request-",
        "max-",
        "multi-queue-",
        "discard-",
        "versions",
        "version",
    ]
    .iter()
    .any(|start| name.starts_with(start))
}

struct Side<'a> {
    top: Option<&'a StorePath>,
    nodes: Option<&'a Nodes>,
}

impl<'a> Side<'a> {
    fn new(top: Option<&'a StorePath>, nodes: Option<&'a Nodes>) -> Self {
        Self { top, nodes }
    }

    fn keys(&self) -> Vec<String> {
        let (Some(top), Some(nodes)) = (self.top, self.nodes) else {
            return Vec::new();
        };
        let below = nodes.iter().filter_map(|node| {
            let key = node.path.below(top).filter(|key| !key.is_empty())?;
            // A directory without a value says nothing by itself.
            let is_folder =
                node.value.known().is_some_and(Vec::is_empty) && nodes.has_children(&node.path);
            (!is_folder).then(|| key.to_owned())
        });
        let gone = nodes.differences().filter(|(_, _, now)| now.is_none());
        let gone = gone.filter_map(|(path, ..)| path.below(top).map(str::to_owned));
        below.chain(gone.filter(|key| !key.is_empty())).collect()
    }

    fn path(&self, key: &str) -> Option<StorePath> {
        self.top?.join(key).ok()
    }

    fn trouble(&self) -> Option<String> {
        match self.nodes?.condition() {
            Condition::Waiting => Some("being read".into()),
            Condition::Failed(why) => Some(why.clone()),
            Condition::Fresh | Condition::Stale(_) => None,
        }
    }
}

fn table(page: &mut Page<'_>, keys: &[String], sides: &[Side<'_>; 2], is_hex: bool) {
    let look = page.look;
    let longest = keys.iter().map(|key| width(key)).max().unwrap_or(0);
    let room = page.columns.saturating_sub(4);
    let name = longest.min(room * 2 / 5).max(8);
    let column = room.saturating_sub(name) / 2;
    page.say(vec![
        look.span(
            format!("{:<name$}  {:<column$}  ", "", "frontend"),
            Role::Header,
        ),
        look.span("backend", Role::Header),
    ]);
    for key in keys {
        let shown = cut_start(key, name, look.glyphs.cut).into_owned();
        let mut spans = vec![look.span(format!("{shown:<name$}  "), Role::Dim)];
        let mut path = None;
        for (at, side) in sides.iter().enumerate() {
            let (span, node) = value(page, side, key, column, is_hex);
            let rest = column.saturating_sub(span.width());
            spans.push(span);
            if at == 0 {
                spans.push(look.span(" ".repeat(rest + 2), Role::Text));
            }
            path = path.or(node);
        }
        page.lines.push(super::DocLine { spans, path });
    }
}

fn value(
    page: &Page<'_>,
    side: &Side<'_>,
    key: &str,
    column: usize,
    is_hex: bool,
) -> (Span<'static>, Option<StorePath>) {
    let look = page.look;
    let nothing = || (look.span("", Role::Text), None);
    let (Some(path), Some(nodes)) = (side.path(key), side.nodes) else {
        return nothing();
    };
    let Some(node) = nodes.get(&path) else {
        return if nodes.before(&path).is_some() {
            (look.span("gone", Role::Removed), None)
        } else {
            nothing()
        };
    };
    let text = match &node.value {
        Field::Known(bytes) if bytes.is_empty() => "\"\"".into(),
        Field::Known(bytes) if is_hex => {
            let bytes = &bytes[..bytes.len().min(column)];
            HEXLOWER.encode(bytes)
        }
        Field::Known(bytes) => {
            let text = look.foreign(&bytes[..bytes.len().min(256)]);
            match meaning(&path, bytes) {
                Some(says) => format!("{text} {says}"),
                None => text,
            }
        }
        Field::Denied => "not readable for us".into(),
        Field::Unasked => String::new(),
    };
    let is_fresh = nodes.changed_at(&path).is_some_and(|at| look.is_fresh(at));
    let role = match &node.value {
        _ if is_fresh => Role::Changed,
        Field::Known(_) => Role::Text,
        Field::Denied | Field::Unasked => Role::Dim,
    };
    (look.span(look.cut(&text, column), role), Some(path))
}
