//! Tables: which columns fit, where they are, and how rows are drawn. Only rows that are seen are made.

use ratatui::text::Span;

use super::canvas::{Canvas, Look};
use crate::model::Snapshot;
use crate::text::width;
use crate::theme::Role;

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// What a cell is drawn from.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The host at the moment that is shown.
    pub snapshot: &'a Snapshot,
    /// How things look.
    pub look: &'a Look,
}

/// A column of a table of these rows.
pub struct Column<R: ?Sized> {
    /// The name of the field that it shows: what it is sorted and filtered by.
    pub name: &'static str,
    /// Its head.
    pub head: &'static str,
    /// Where its text stands.
    pub align: Align,
    /// Columns of the screen that it needs.
    pub least: usize,
    /// Columns of the screen that it can use.
    pub most: usize,
    /// Columns with a higher rank go first when there is no room.
    pub rank: u8,
    /// Makes a cell of so many columns.
    pub paint: fn(&Scene<'_>, &R, usize) -> Vec<Span<'static>>,
}

/// A column of these rows: name, head, where its text stands, least and most width, rank, cells.
pub(super) const fn column<R: ?Sized>(
    name: &'static str,
    head: &'static str,
    align: Align,
    (least, most): (usize, usize),
    rank: u8,
    paint: fn(&Scene<'_>, &R, usize) -> Vec<Span<'static>>,
) -> Column<R> {
    Column {
        name,
        head,
        align,
        least,
        most,
        rank,
        paint,
    }
}

impl<R: ?Sized> Column<R> {
    fn need(&self) -> Need {
        Need {
            least: self.least,
            most: self.most,
            rank: self.rank,
        }
    }
}

/// A column without its rows: what sorting and clicks have to know.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// See [`Column::name`].
    pub name: &'static str,
    /// See [`Column::head`].
    pub text: &'static str,
    /// Its room.
    pub need: Need,
}

impl Head {
    /// Whether it only pictures what other columns tell.
    pub fn is_picture(&self) -> bool {
        matches!(self.name, "match" | "activity")
    }
}

/// The heads of these columns.
pub fn heads<R: ?Sized>(columns: &[Column<R>]) -> Vec<Head> {
    let head = |column: &Column<R>| Head {
        name: column.name,
        text: column.head,
        need: column.need(),
    };
    columns.iter().map(head).collect()
}

/// A column where it is on the screen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Placed {
    /// Which column of the table.
    pub index: usize,
    /// Where it begins.
    pub x: usize,
    /// How wide it is.
    pub width: usize,
}

/// What the layout has to know of a column.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// See [`Column::least`].
    pub least: usize,
    /// See [`Column::most`].
    pub most: usize,
    /// See [`Column::rank`].
    pub rank: u8,
}

/// Columns between two columns, and where there is room for more.
const GAP: usize = 1;
const WIDE_GAP: usize = 2;

/// A column that gives way keeps so much.
const NARROW: usize = 4;

/// Places the columns in a width: those of the highest ranks are left out until the rest fits; then all grow evenly, or
/// the widest shrink.
pub fn place(needs: &[Need], width: usize) -> Vec<Placed> {
    let mut ranks: Vec<u8> = needs.iter().map(|need| need.rank).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let fitting = |rank: u8| -> Vec<usize> {
        (0..needs.len())
            .filter(|at| needs.get(*at).is_some_and(|need| need.rank <= rank))
            .collect()
    };
    let total = |chosen: &[usize], gap: usize| -> usize {
        let least: usize = chosen.iter().map(|at| needs[*at].least).sum();
        least + gap * chosen.len().saturating_sub(1)
    };
    let mut chosen = Vec::new();
    for rank in ranks {
        let more = fitting(rank);
        if total(&more, GAP) > width && !chosen.is_empty() {
            break;
        }
        chosen = more;
    }
    let gap = if total(&chosen, WIDE_GAP) <= width {
        WIDE_GAP
    } else {
        GAP
    };
    let mut room = width.saturating_sub(total(&chosen, gap));
    let mut widths: Vec<usize> = chosen.iter().map(|at| needs[*at].least).collect();
    // Where even those that always stay do not fit, the widest give way.
    let mut excess = total(&chosen, gap).saturating_sub(width);
    while excess > 0
        && let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > NARROW)
    {
        *widest -= 1;
        excess -= 1;
    }
    while room > 0 {
        let mut has_grown = false;
        for (own, at) in widths.iter_mut().zip(&chosen) {
            if room > 0 && *own < needs[*at].most {
                *own += 1;
                room -= 1;
                has_grown = true;
            }
        }
        if !has_grown {
            break;
        }
    }
    let mut x = 0;
    chosen
        .into_iter()
        .zip(widths)
        .map(|(index, width)| {
            let placed = Placed { index, x, width };
            x += width + gap;
            placed
        })
        .collect()
}

/// How a table is sorted, for its head.
#[derive(Clone, Copy, Debug)]
pub struct Sorted<'a> {
    /// Name of the column.
    pub name: &'a str,
    /// Whether the order is turned round.
    pub is_reversed: bool,
}

/// Columns that the cursor takes before the first column.
pub const MARGIN: usize = 1;

/// Columns kept free behind the last column: a blank and the scroll bar.
const BEHIND: usize = 2;

/// Places these columns in a canvas.
pub fn layout<R: ?Sized>(columns: &[Column<R>], width: usize) -> Vec<Placed> {
    let needs: Vec<Need> = columns.iter().map(Column::need).collect();
    place_behind_cursor(&needs, width)
}

/// The head at a place of a canvas of this width.
pub fn head_at(heads: &[Head], width: usize, x: usize) -> Option<Head> {
    let needs: Vec<Need> = heads.iter().map(|head| head.need).collect();
    let placed = place_behind_cursor(&needs, width);
    let hit = |place: &&Placed| (place.x..place.x + place.width).contains(&x);
    heads.get(placed.iter().find(hit)?.index).copied()
}

fn place_behind_cursor(needs: &[Need], width: usize) -> Vec<Placed> {
    let mut placed = place(needs, width.saturating_sub(MARGIN + BEHIND));
    for column in &mut placed {
        column.x += MARGIN;
    }
    placed
}

/// Draws the heads.
pub fn draw_head<R: ?Sized>(
    canvas: &mut Canvas<'_>,
    columns: &[Column<R>],
    placed: &[Placed],
    sorted: Option<Sorted<'_>>,
) {
    for place in placed {
        let Some(column) = columns.get(place.index) else {
            continue;
        };
        let g = canvas.look.glyphs;
        let sort = sorted.filter(|sorted| sorted.name == column.name);
        let (role, mark) = match sort {
            Some(sorted) if sorted.is_reversed => (Role::Sorted, g.down),
            Some(_) => (Role::Sorted, g.up),
            None => (Role::Header, ""),
        };
        let text = format!("{}{mark}", column.head);
        let mut head = canvas.part(place.x, 0, place.width, 1);
        match column.align {
            Align::Left => {
                head.put(0, 0, &text, role);
            }
            Align::Right => head.put_right(place.width, 0, &text, role),
        }
    }
}

/// Draws one row.
pub fn draw_row<R: ?Sized>(
    canvas: &mut Canvas<'_>,
    y: usize,
    columns: &[Column<R>],
    placed: &[Placed],
    scene: &Scene<'_>,
    row: &R,
) {
    for place in placed {
        let Some(column) = columns.get(place.index) else {
            continue;
        };
        let spans = (column.paint)(scene, row, place.width);
        let used: usize = spans.iter().map(|span| width(&span.content)).sum();
        let start = match column.align {
            Align::Left => 0,
            Align::Right => place.width.saturating_sub(used),
        };
        canvas
            .part(place.x, y, place.width, 1)
            .put_spans(start, 0, &spans);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn need(least: usize, most: usize, rank: u8) -> Need {
        Need { least, most, rank }
    }

    #[test]
    fn columns_of_high_rank_go_first_and_the_rest_grows_evenly() {
        let needs = [need(4, 10, 0), need(6, 6, 2), need(4, 20, 1)];
        let widths = |width| -> Vec<(usize, usize)> {
            place(&needs, width)
                .iter()
                .map(|placed| (placed.index, placed.width))
                .collect()
        };
        assert_eq!(widths(4), [(0, 4)]);
        let tight = place(&[need(10, 10, 0), need(7, 9, 0), need(4, 4, 0)], 17);
        let tight: Vec<usize> = tight.iter().map(|placed| placed.width).collect();
        assert_eq!(tight, [6, 5, 4]);
        assert_eq!(widths(9), [(0, 4), (2, 4)]);
        assert_eq!(widths(16), [(0, 4), (1, 6), (2, 4)]);
        assert_eq!(widths(17), [(0, 5), (1, 6), (2, 4)]);
        assert_eq!(widths(20), [(0, 5), (1, 6), (2, 5)]);
        assert_eq!(widths(99), [(0, 10), (1, 6), (2, 20)]);
    }

    proptest! {
        #[test]
        fn columns_never_overlap_and_stay_inside(
            needs in prop::collection::vec((1_usize..12, 0_usize..20, 0_u8..5), 1..12), width in 0_usize..200,
        ) {
            let needs: Vec<Need> = needs.into_iter().map(|(least, more, rank)| need(least, least + more, rank)).collect();
            let placed = place(&needs, width);
            for pair in placed.windows(2) {
                prop_assert!(pair[0].x + pair[0].width < pair[1].x);
            }
            let least_rank = needs.iter().map(|need| need.rank).min().unwrap_or(0);
            let must: usize = needs.iter().filter(|need| need.rank == least_rank).map(|need| need.least + 1).sum();
            if let Some(last) = placed.last() {
                prop_assert!(last.x + last.width <= width.max(must));
            }
        }
    }
}
