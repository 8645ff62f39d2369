//! What stands in front of the view: the help, and the choice of a column.

use super::{App, Effect};
use crate::key::{Action, Press, Scope};

/// Something in front of the view.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overlay {
    /// The keys, from this line on.
    Help {
        /// The first line.
        offset: usize,
    },
    /// The choice of a column to sort by.
    Sort {
        /// Which is selected.
        selected: usize,
    },
}

impl App {
    pub(super) fn open_sort_menu(&mut self) {
        let names = crate::view::sortable(self.view());
        let sorted = self.table().sort.as_ref();
        let selected = sorted.and_then(|sort| names.iter().position(|name| *name == sort.column));
        self.overlay = Some(Overlay::Sort {
            selected: selected.unwrap_or(0),
        });
    }

    pub(super) fn overlay_key(&mut self, press: Press) -> Vec<Effect> {
        let action = self
            .settings
            .keymap
            .action(press, &[Scope::Everywhere, Scope::Table]);
        match (action, self.overlay) {
            (Some(Action::Suspend | Action::Redraw | Action::Theme), _) => {
                return action.map_or_else(Vec::new, |action| self.act(action));
            }
            (Some(Action::Quit | Action::Back | Action::Left), _)
            | (Some(Action::Help | Action::Open | Action::Right), Some(Overlay::Help { .. }))
            | (Some(Action::Sort), Some(Overlay::Sort { .. })) => self.overlay = None,
            (Some(Action::Open | Action::Right), Some(Overlay::Sort { selected })) => {
                self.overlay = None;
                if let Some(column) = crate::view::sortable(self.view()).get(selected) {
                    self.sort_on(column);
                }
            }
            (Some(Action::Reverse), Some(Overlay::Sort { .. })) => {
                self.act(Action::Reverse);
            }
            (Some(action), Some(overlay)) => self.overlay = Some(self.moved(overlay, action)),
            _ => {}
        }
        Vec::new()
    }

    fn moved(&self, overlay: Overlay, action: Action) -> Overlay {
        let page = isize::try_from(self.size.1).unwrap_or(0).max(2);
        let by = match action {
            Action::Down => 1,
            Action::Up => -1,
            Action::HalfDown => page / 2,
            Action::HalfUp => -page / 2,
            Action::PageDown => page,
            Action::PageUp => -page,
            Action::Top => isize::MIN,
            Action::Bottom => isize::MAX,
            _ => 0,
        };
        match overlay {
            Overlay::Help { offset } => {
                let last = crate::view::help::last_offset(self);
                Overlay::Help {
                    offset: offset.saturating_add_signed(by).min(last),
                }
            }
            Overlay::Sort { selected } => {
                let last = crate::view::sortable(self.view()).len().saturating_sub(1);
                Overlay::Sort {
                    selected: selected.saturating_add_signed(by).min(last),
                }
            }
        }
    }
}
