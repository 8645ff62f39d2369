//! What is drawn. Nothing here changes anything: the state of the screen goes in, cells come out.

pub mod canvas;
pub mod cell;
pub mod device;
mod devices;
mod domain;
mod domains;
mod events;
mod findings;
mod footer;
mod header;
pub mod help;
mod overview;
mod picture;
mod rings;
mod sheet;
mod sort;
pub mod table;
pub mod tree;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{App, Overlay, Place, ViewId};
use crate::key::Action;
use crate::theme::{Role, Theme};
use canvas::{Canvas, Look};

/// Where the parts of the screen are. A part without room is empty.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Regions {
    /// What is watched, and how it is.
    pub header: Rect,
    /// The views.
    pub tabs: Rect,
    /// The box around the view, if there is room for one.
    pub frame: Option<Rect>,
    /// The view.
    pub body: Rect,
    /// Keys, a line that is typed, or a word.
    pub footer: Rect,
}

/// From this size on there are boxes.
const FRAME: (u16, u16) = (60, 16);

/// Divides the screen.
pub fn regions(app: &App) -> Regions {
    let (width, height) = app.size;
    let row = |y: u16, rows: u16| Rect::new(0, y, width, rows);
    let has_tabs = height >= 5 && width >= 24;
    let has_footer = height >= 3;
    let top = u16::from(height >= 1) + u16::from(has_tabs);
    let bottom = u16::from(has_footer);
    let rest = height.saturating_sub(top + bottom);
    let body = row(top, rest);
    let has_frame =
        width >= FRAME.0 && height >= FRAME.1 && app.place != Place::View(ViewId::Overview);
    let inside = Rect {
        x: 1,
        y: top + 1,
        width: width.saturating_sub(2),
        height: rest.saturating_sub(2),
    };
    Regions {
        header: row(0, height.min(1)),
        tabs: if has_tabs { row(1, 1) } else { Rect::default() },
        frame: has_frame.then_some(body),
        body: if has_frame { inside } else { body },
        footer: if has_footer {
            row(height - 1, 1)
        } else {
            Rect::default()
        },
    }
}

/// Where the table is, with its heads.
fn table_area(app: &App, body: Rect) -> Rect {
    match app.place {
        Place::View(ViewId::Overview) => overview::parts(body, app).domains,
        Place::Domain(_) => {
            let facts = domain::facts_height(body.height);
            Rect {
                y: body.y + facts,
                height: body.height - facts,
                ..body
            }
        }
        Place::View(ViewId::Findings) => Rect {
            height: body.height - findings::pane_height(body.height),
            ..body
        },
        _ => body,
    }
}

/// Rows of the list that are seen at once.
pub fn list_height(app: &App, body: Rect) -> usize {
    let (columns, rows) = (usize::from(body.width), usize::from(body.height));
    match &app.place {
        Place::View(ViewId::Tree) => tree::split(columns, rows, app.manner.is_expanded).list.1,
        Place::Device(_) => rows,
        _ => sheet::rows(table_area(app, body)),
    }
}

/// How things look now.
pub fn look(app: &App) -> Look {
    Look::new(Theme::new(app.theme), app.settings.charset, app.shown_now())
}

/// Draws everything. In how long something of it changes by itself.
pub fn draw(app: &App, buffer: &mut Buffer) -> Option<Duration> {
    let look = look(app);
    let regions = regions(app);
    if app.size.1 <= 1 {
        header::draw_line(&mut Canvas::new(buffer, regions.header, &look), app);
    } else {
        header::draw(&mut Canvas::new(buffer, regions.header, &look), app);
    }
    header::draw_tabs(&mut Canvas::new(buffer, regions.tabs, &look), app);
    if let Some(frame) = regions.frame {
        let (title, remark) = header::title(app, &look);
        Canvas::new(buffer, frame, &look).frame(&title, &remark);
    }
    draw_body(&mut Canvas::new(buffer, regions.body, &look), app);
    footer::draw(&mut Canvas::new(buffer, regions.footer, &look), app);
    match app.overlay {
        Some(Overlay::Help { offset }) => {
            help::draw(&mut Canvas::new(buffer, buffer.area, &look), app, offset);
        }
        Some(Overlay::Sort { selected }) => {
            sort::draw(&mut Canvas::new(buffer, buffer.area, &look), app, selected);
        }
        None => {}
    }
    if let Some(notice) = &app.notice {
        look.note_due(notice.until.since(app.now));
    }
    look.due()
}

fn draw_body(canvas: &mut Canvas<'_>, app: &App) {
    if app.place == Place::View(ViewId::Tree) {
        tree::draw(canvas, &app.tree, &app.table().filter, app.manner);
        return;
    }
    let Some(snapshot) = app.snapshot() else {
        canvas.put(1, 0, "reading the store", Role::Dim);
        return;
    };
    match &app.place {
        Place::View(ViewId::Overview) => overview::draw(canvas, app, snapshot),
        Place::Device(id) => {
            if app.device().is_some() {
                app.describe(canvas.width())
                    .draw(canvas, app.doc.cursor, app.doc.offsets);
            } else {
                let text = format!("{id} is not there (any more)");
                canvas.put(1, 0, &text, Role::Warning);
            }
        }
        Place::View(ViewId::Findings) => findings::draw(canvas, app, snapshot),
        Place::Domain(id) => domain::draw(canvas, app, snapshot, *id),
        Place::View(_) => sheet::draw(canvas, app, snapshot),
    }
}

/// The heads of a view's table.
fn heads(view: ViewId) -> Vec<table::Head> {
    match view {
        ViewId::Overview => table::heads(domains::COLUMNS),
        ViewId::Devices => table::heads(devices::COLUMNS),
        ViewId::Rings => table::heads(rings::COLUMNS),
        ViewId::Findings => table::heads(findings::COLUMNS),
        ViewId::Events | ViewId::Tree => Vec::new(),
    }
}

/// The columns by which a view is sorted from the screen: those that it shows.
pub fn sortable(view: ViewId) -> Vec<&'static str> {
    let heads = heads(view).into_iter();
    let named = heads.filter(|head| !head.is_picture());
    named.map(|head| head.name).collect()
}

/// What a column is called on the screen.
fn head_of(view: ViewId, name: &'static str) -> &'static str {
    let heads = heads(view);
    let head = heads
        .iter()
        .find(|head| head.name == name && !head.text.is_empty());
    match head {
        Some(head) => head.text,
        // Where the number is not shown, the name stands for the domain.
        None if name == "domid" => "Domain",
        None => name,
    }
}

/// Something on the screen that can be clicked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// The tab of a view.
    Tab(ViewId),
    /// A key in the footer.
    Key(Action),
    /// The head of a column.
    Head(&'static str),
    /// A row of the list, or a line of the description.
    Row(usize),
}

/// What is at a place of the screen.
pub fn target(app: &App, x: u16, y: u16) -> Option<Target> {
    let regions = regions(app);
    let at = ratatui::layout::Position { x, y };
    if regions.tabs.contains(at) {
        return header::tab_at(app, usize::from(x)).map(Target::Tab);
    }
    if regions.footer.contains(at) && app.prompt.is_none() {
        return footer::key_at(app, usize::from(x)).map(Target::Key);
    }
    let body = regions.body;
    match &app.place {
        Place::Device(_) if body.contains(at) => {
            let doc = app.describe(usize::from(body.width));
            let is_right = usize::from(x - body.x) > doc.columns && doc.left < doc.lines.len();
            let line = usize::from(y - body.y) + app.doc.offsets[usize::from(is_right)];
            let line = if is_right { doc.left + line } else { line };
            (line < doc.lines.len()).then_some(Target::Row(line))
        }
        Place::View(ViewId::Tree) if body.contains(at) => {
            let split = tree::split(
                usize::from(body.width),
                usize::from(body.height),
                app.manner.is_expanded,
            );
            let (column, row) = (usize::from(x - body.x), usize::from(y - body.y));
            let row = (column < split.list.0 && row < split.list.1)
                .then(|| app.tree.list.offset() + row)?;
            (row < app.tree.list.rows().len()).then_some(Target::Row(row))
        }
        _ => sheet::target(app, table_area(app, body), at),
    }
}
