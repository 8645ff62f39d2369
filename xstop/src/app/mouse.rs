//! The mouse: wheel, clicks on rows, heads and tabs.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::{App, Effect, Overlay, Place, ViewId};
use crate::key::Action;
use crate::view::{self, Target};

/// Rows that a notch of the wheel moves.
const NOTCH: isize = 3;

impl App {
    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Vec<Effect> {
        let (x, y) = (mouse.column, mouse.row);
        match mouse.kind {
            MouseEventKind::ScrollDown => self.wheel(NOTCH),
            MouseEventKind::ScrollUp => self.wheel(-NOTCH),
            MouseEventKind::Down(MouseButton::Left) => return self.click(x, y),
            MouseEventKind::Down(MouseButton::Right) => return self.act(Action::Back),
            _ => {}
        }
        Vec::new()
    }

    fn wheel(&mut self, by: isize) {
        if let Some(Overlay::Help { offset }) = self.overlay {
            let last = view::help::last_offset(self);
            let offset = offset.saturating_add_signed(by).min(last);
            self.overlay = Some(Overlay::Help { offset });
            return;
        }
        let height = view::list_height(self, view::regions(self).body);
        match &self.place {
            Place::Device(_) => self.doc.cursor = self.doc.cursor.saturating_add_signed(by),
            Place::View(ViewId::Tree) => self.tree.list.scroll(by, height),
            _ => self.table_mut().list.scroll(by, height),
        }
    }

    fn click(&mut self, x: u16, y: u16) -> Vec<Effect> {
        if self.overlay.is_some() {
            self.overlay = None;
            return Vec::new();
        }
        match view::target(self, x, y) {
            Some(Target::Tab(view)) => self.show(view),
            Some(Target::Key(action)) => return self.act(action),
            Some(Target::Head(column)) => self.sort_on(column),
            Some(Target::Row(row)) => {
                let list = match &self.place {
                    Place::View(ViewId::Tree) => {
                        let is_again = self.tree.list.cursor() == row;
                        self.tree.list.go(row);
                        is_again
                    }
                    Place::Device(_) => {
                        self.doc.cursor = row;
                        false
                    }
                    _ => {
                        let list = &mut self.table_mut().list;
                        let is_again = list.cursor() == row;
                        list.go(row);
                        is_again
                    }
                };
                // A click on what is selected opens it.
                if list {
                    self.open();
                }
            }
            None => {}
        }
        Vec::new()
    }
}
