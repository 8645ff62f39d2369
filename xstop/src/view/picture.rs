//! Gauges, sparklines and charts, made of text.

use ratatui::text::Span;

use super::canvas::Look;
use crate::theme::Role;

/// From this share on there is hardly anything left.
pub(super) const HIGH: f64 = 0.75;

/// A bar of this many columns that is filled by a share; `is_high` says that there is hardly anything left.
pub(super) fn gauge(look: &Look, columns: usize, share: f64, is_high: bool) -> Vec<Span<'static>> {
    let g = look.glyphs;
    let steps = g.filled.len();
    let share = share.clamp(0.0, 1.0);
    let all = columns * steps;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a few hundred columns"
    )]
    let filled = (share * all as f64).round() as usize;
    // What is not nothing is seen.
    let filled = if share > 0.0 {
        filled.max(1).min(all)
    } else {
        0
    };
    let (full, part) = (filled / steps, filled % steps);
    let mut bar = g.filled.last().copied().unwrap_or_default().repeat(full);
    if part > 0 {
        bar.push_str(g.filled[part - 1]);
    }
    let rest = columns.saturating_sub(full + usize::from(part > 0));
    let role = if is_high {
        Role::GaugeHigh
    } else {
        Role::Gauge
    };
    vec![
        look.span(bar, role),
        look.span(g.empty.repeat(rest), Role::Faint),
    ]
}

/// The last samples as a line of small bars, right-aligned; a gap is not nothing.
pub(super) fn spark(look: &Look, columns: usize, samples: &[Option<f64>]) -> Span<'static> {
    let g = look.glyphs;
    let shown = &samples[samples.len().saturating_sub(columns)..];
    let most = shown.iter().flatten().copied().fold(0.0, f64::max);
    let mut text = g.gap.repeat(columns - shown.len());
    for sample in shown {
        text.push_str(match sample {
            None => g.gap,
            Some(value) if most > 0.0 && *value > 0.0 => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss,
                    reason = "one of eight levels"
                )]
                let level = (value / most * (g.levels.len() - 1) as f64).round() as usize;
                g.levels[level.clamp(usize::from(g.levels.len() > 1), g.levels.len() - 1)]
            }
            Some(_) => g.levels[0],
        });
    }
    look.span(text, Role::Spark)
}

/// One row (0 is the uppermost) of a chart of several, right-aligned, scaled to `most`.
pub(super) fn chart_row(
    look: &Look,
    columns: usize,
    rows: usize,
    row: usize,
    samples: &[Option<f64>],
    most: f64,
) -> Span<'static> {
    let g = look.glyphs;
    let shown = &samples[samples.len().saturating_sub(columns)..];
    let below = rows.saturating_sub(row + 1) * g.levels.len();
    let mut text = " ".repeat(columns - shown.len());
    for sample in shown {
        let Some(value) = sample else {
            text.push_str(g.gap);
            continue;
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "one of a few dozen levels"
        )]
        let height = (value / most * (rows * g.levels.len()) as f64).round() as usize;
        // What is known is seen, even if it is nothing.
        match height.max(1).saturating_sub(below).min(g.levels.len()) {
            0 => text.push(' '),
            level => text.push_str(g.levels[level - 1]),
        }
    }
    look.span(text, Role::Spark)
}

#[cfg(test)]
mod tests {
    use xenbus::device::history::Moment;

    use super::*;
    use crate::text::Charset;
    use crate::theme::{Theme, ThemeName};

    fn look() -> Look {
        Look::new(
            Theme::new(ThemeName::Mono),
            Charset::Unicode,
            Moment::default(),
        )
    }

    fn text(spans: &[Span<'_>]) -> String {
        spans.iter().map(|span| span.content.as_ref()).collect()
    }

    #[test]
    fn a_gauge_shows_shares_and_never_hides_a_little() {
        let look = look();
        assert_eq!(text(&gauge(&look, 4, 0.0, false)), "────");
        assert_eq!(text(&gauge(&look, 4, 0.5, false)), "━━──");
        assert_eq!(text(&gauge(&look, 4, 0.001, false)), "╸───");
        assert_eq!(text(&gauge(&look, 4, 7.0, true)), "━━━━");
        assert_eq!(text(&gauge(&look, 0, 0.5, false)), "");
    }

    #[test]
    fn a_sparkline_tells_nothing_from_unknown() {
        let samples = [Some(0.0), None, Some(1.0), Some(100.0)];
        assert_eq!(spark(&look(), 6, &samples).content, "  ▁ ▂█");
        assert_eq!(spark(&look(), 2, &samples).content, "▂█");
        assert_eq!(spark(&look(), 2, &[]).content, "  ");
    }
}
