//! The rings: geometry, and how full they are, drawn from their indices.

use ratatui::text::Span;
use xenbus::counters::{Fill, Occupancy};
use xenbus::device::Reading;
use xenbus::device::ring::{PageReference, Place, Ring};

use super::{Page, Subject};
use crate::model::{RingUse, UseSource};
use crate::theme::Role;
use crate::units;
use crate::view::canvas::Look;
use crate::view::cell::capacity;
use crate::view::picture::{HIGH, gauge};

/// Grant references that are listed of one ring.
const LISTED: usize = 4;

pub(super) fn write(page: &mut Page<'_>, subject: &Subject<'_>) {
    let look = page.look;
    let row = subject.row;
    let rings = row.rings();
    if rings.is_empty() {
        return;
    }
    page.head("Rings");
    if let Some(front) = row.device.front.known()
        && let Reading::Known(queues) = front.rings.queues
        && queues > 1
    {
        page.say(vec![look.span(format!("{queues} queues"), Role::Dim)]);
    }
    for (at, ring) in rings.iter().enumerate() {
        let used = row
            .traffic
            .as_ref()
            .and_then(|traffic| traffic.rings.get(at));
        page.say(geometry(look, ring));
        page.say(bar(look, ring, used, page.columns));
    }
}

fn geometry(look: &Look, ring: &Ring) -> Vec<Span<'static>> {
    let place = match &ring.place {
        Place::Device => String::new(),
        Place::Queue(number) => format!(" q{number}"),
        Place::Number(number) => format!(" {number}"),
        Place::Stream(stream) => format!(" {}", look.foreign(stream.as_bytes())),
    };
    let name = look.foreign(format!("{}{place}", ring.role).as_bytes());
    let pages = match &ring.pages {
        Reading::Known(1) => "1 page".into(),
        Reading::Known(pages) => format!("{pages} pages"),
        other => format!("pages {other}"),
    };
    let mut references: Vec<String> = ring
        .references
        .iter()
        .take(LISTED)
        .map(|reference| match reference {
            PageReference::Grant(number) => number.to_string(),
            PageReference::Frame(frame) => format!("frame {frame}"),
        })
        .collect();
    if ring.references.len() > LISTED {
        references.push(look.glyphs.cut.into());
    }
    let channel = match &ring.channel {
        Reading::Known(port) => port.to_string(),
        Reading::Missing => look.glyphs.unknown.into(),
        other => other.to_string(),
    };
    let mut spans = vec![
        look.span(format!("{name:<13} "), Role::Accent),
        look.span(capacity(ring), Role::Text),
        look.span(format!(" entries  {pages}  "), Role::Dim),
        look.span("ref ", Role::Dim),
        look.span(references.join(" "), Role::Text),
        look.span("  port ", Role::Dim),
        look.span(channel, Role::Text),
    ];
    if !ring.is_complete() {
        spans.push(look.span("  not all pages are announced", Role::Warning));
    }
    spans
}

fn bar(look: &Look, ring: &Ring, used: Option<&RingUse>, columns: usize) -> Vec<Span<'static>> {
    let indent = look.span("  ", Role::Text);
    let width = columns.saturating_sub(40).clamp(8, 64);
    let Some(used) = used.filter(|used| !used.occupancy.is_missing()) else {
        return vec![
            indent,
            look.span(look.glyphs.empty.repeat(width), Role::Faint),
            look.span("  how full it is, nothing here tells", Role::Dim),
        ];
    };
    let occupancy = match &used.occupancy {
        Reading::Known(occupancy) => occupancy,
        other => {
            let why = other.as_ref().map(|_| "");
            let text = format!("{}  {why}", look.glyphs.empty.repeat(width));
            return vec![indent, look.span(text, Role::Warning)];
        }
    };
    let source = match used.source {
        UseSource::None => "",
        UseSource::Netback => " by netback",
        UseSource::Page => " from its page",
    };
    let mut spans = vec![indent];
    match occupancy {
        Occupancy::Requests {
            in_flight,
            req_prod,
            rsp_prod,
        } => {
            let is_high = is_high(ring, *in_flight);
            spans.extend(window(look, width, *rsp_prod, *in_flight, is_high));
            spans.push(look.span(format!("  {}", fill(*in_flight)), role(*in_flight, is_high)));
            spans.push(look.span(
                format!("  req {req_prod} rsp {rsp_prod}{source}"),
                Role::Dim,
            ));
        }
        Occupancy::Duplex {
            into_guest,
            from_guest,
            ..
        } => {
            let half = width / 2;
            spans.push(look.span("in ", Role::Dim));
            spans.extend(gauge(
                look,
                half,
                share(*into_guest),
                is_high(ring, *into_guest),
            ));
            spans.push(look.span(
                format!(" {}", fill(*into_guest)),
                role(*into_guest, is_high(ring, *into_guest)),
            ));
            if let Some(from) = from_guest {
                spans.push(look.span("  out ", Role::Dim));
                spans.extend(gauge(look, half, share(*from), is_high(ring, *from)));
                spans.push(look.span(
                    format!(" {}", fill(*from)),
                    role(*from, is_high(ring, *from)),
                ));
            }
            spans.push(look.span(source.to_owned(), Role::Dim));
        }
    }
    spans
}

/// The ring laid out flat: what is in use lies between the responses' and the requests' index.
fn window(
    look: &Look,
    width: usize,
    rsp_prod: u32,
    fill: Fill,
    is_high: bool,
) -> Vec<Span<'static>> {
    let size = u64::from(fill.size().max(1));
    let cells = u64::try_from(width).unwrap_or(1).max(1);
    let used = u64::from(fill.clamped());
    let start = u64::from(rsp_prod) % size;
    let block = look.glyphs.filled.last().copied().unwrap_or_default();
    let mut spans: Vec<Span<'static>> = Vec::new();
    for cell in 0..cells {
        // The entries that this cell stands for; when there are fewer entries than cells, the one it is in.
        let from = cell * size / cells;
        let to = ((cell + 1) * size / cells).max(from + 1);
        let is_used = used > 0 && (from..to).any(|entry| (entry + size - start) % size < used);
        let (sign, role) = match (is_used, is_high) {
            (true, true) => (block, Role::GaugeHigh),
            (true, false) => (block, Role::Gauge),
            (false, _) => (look.glyphs.empty, Role::Faint),
        };
        let style = look.style(role);
        match spans.last_mut() {
            Some(last) if last.style == style && last.content.ends_with(sign) => {
                last.content.to_mut().push_str(sign);
            }
            _ => spans.push(look.span(sign, role)),
        }
    }
    spans
}

/// Whether hardly anything is left: of free places, or of buffers that wait.
fn is_high(ring: &Ring, fill: Fill) -> bool {
    let share = share(fill);
    if ring.holds_buffers() {
        share <= 1.0 - HIGH
    } else {
        share >= HIGH
    }
}

fn share(fill: Fill) -> f64 {
    f64::from(fill.clamped()) / f64::from(fill.size().max(1))
}

fn fill(fill: Fill) -> String {
    match fill {
        Fill::Used { used, of } => format!(
            "{used}/{of} {}",
            units::percent(share(Fill::Used { used, of }))
        ),
        Fill::Impossible { claimed, of } => format!("claims {claimed} of {of}: impossible"),
    }
}

fn role(fill: Fill, is_high: bool) -> Role {
    match fill {
        Fill::Impossible { .. } => Role::Critical,
        Fill::Used { .. } if is_high => Role::Warning,
        Fill::Used { .. } => Role::Text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use xenbus::device::history::Moment;

    use super::*;
    use crate::text::Charset;
    use crate::theme::{Theme, ThemeName};

    fn shown(width: usize, rsp_prod: u32, fill: Fill) -> String {
        let look = Look::new(
            Theme::new(ThemeName::Mono),
            Charset::Unicode,
            Moment::default(),
        );
        let spans = window(&look, width, rsp_prod, fill, false);
        spans.iter().map(|span| span.content.as_ref()).collect()
    }

    #[test]
    fn what_is_in_use_moves_around_the_ring() {
        let used = |used| Fill::Used { used, of: 32 };
        assert_eq!(shown(8, 0, used(0)), "────────");
        assert_eq!(shown(8, 0, used(8)), "━━──────");
        assert_eq!(shown(8, 28, used(8)), "━──────━");
        assert_eq!(shown(8, u32::MAX, used(1)), "───────━");
        assert_eq!(shown(8, 5, used(32)), "━━━━━━━━");
    }

    proptest! {
        #[test]
        fn hostile_indices_never_break_it(rsp: u32, used: u32, of in 0_u32..70_000, width in 0_usize..80) {
            let fill = Fill::between(rsp, rsp.wrapping_add(used), of);
            prop_assert_eq!(crate::text::width(&shown(width, rsp, fill)), width.max(1));
        }
    }
}
