//! What each action does.

use std::time::Duration;

use crossterm::event::KeyEvent;
use xenbus::StorePath;
use xenbus::device::history::Moment;
use xenbus::device::{DeviceId, Subject};

use super::effect::{Effect, Ending};
use super::menu::Overlay;
use super::typing::Purpose;
use super::{App, DocState, Key, Place, Playing, Sort, ViewId, rows};
use crate::config::INTERVALS;
use crate::key::{Action, Press};
use crate::theme::Role;

/// How far a key goes in a recording.
const JUMP: Duration = Duration::from_secs(10);

impl App {
    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let press = Press::of(key);
        if self.prompt.is_some() {
            return self.type_key(press);
        }
        if self.overlay.is_some() {
            return self.overlay_key(press);
        }
        match self.settings.keymap.action(press, &self.scopes()) {
            Some(action) => self.act(action),
            None => Vec::new(),
        }
    }

    /// Does what an action says.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        let page = isize::try_from(self.page()).unwrap_or(isize::MAX).max(1);
        match action {
            Action::Quit => return vec![Effect::Quit(Ending::Asked)],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Redraw => return vec![Effect::Repaint],
            Action::Help => self.overlay = Some(Overlay::Help { offset: 0 }),
            Action::Overview => self.show(ViewId::Overview),
            Action::Devices => self.show(ViewId::Devices),
            Action::Rings => self.show(ViewId::Rings),
            Action::Findings => self.show(ViewId::Findings),
            Action::Events => self.show(ViewId::Events),
            Action::Tree => self.show(ViewId::Tree),
            Action::NextView => self.show(self.view().step(1)),
            Action::PreviousView => self.show(self.view().step(-1)),
            Action::Down => self.step(1),
            Action::Up => self.step(-1),
            Action::HalfDown => self.step((page / 2).max(1)),
            Action::HalfUp => self.step(-(page / 2).max(1)),
            Action::PageDown => self.step(page),
            Action::PageUp => self.step(-page),
            Action::Top => self.step(isize::MIN),
            Action::Bottom => self.go_to_end(),
            Action::Left => self.left(),
            Action::Right => self.right(),
            Action::Open => self.open(),
            Action::Back => self.back(),
            Action::Filter => self.ask(Purpose::Filter, self.table().text.clone()),
            Action::Jump => self.ask(Purpose::Path, "/".into()),
            Action::NextHit => self.hit(true),
            Action::PreviousHit => self.hit(false),
            Action::Sort => self.open_sort_menu(),
            Action::SortNext => self.sort_by(1),
            Action::SortPrevious => self.sort_by(-1),
            Action::Reverse => self.reverse(),
            Action::Freeze
            | Action::Earlier
            | Action::Later
            | Action::Now
            | Action::Faster
            | Action::Slower
                if self.is_replay() =>
            {
                return self.play(action);
            }
            Action::Freeze => self.freeze(),
            Action::Earlier => self.look_back(-1),
            Action::Later => self.look_back(1),
            Action::Now => self.past.go_on(),
            Action::Mark => {
                self.tree.mark(self.now);
                self.say("marked: c shows what changes from now on", Role::Info);
            }
            Action::Changes => self.tree.set_only_changes(!self.tree.only_changes),
            Action::Flat => self.tree.set_flat(!self.tree.is_flat),
            Action::Hex => self.manner.is_hex = !self.manner.is_hex,
            Action::Expand => self.manner.is_expanded = !self.manner.is_expanded,
            Action::Copy => return self.copy(),
            Action::Faster => return self.pace(0.5),
            Action::Slower => return self.pace(2.0),
            Action::Mouse => {
                self.has_mouse = !self.has_mouse;
                let word = if self.has_mouse {
                    "mouse on"
                } else {
                    "mouse off: select text with it"
                };
                self.say(word, Role::Info);
                return vec![Effect::Mouse(self.has_mouse)];
            }
            Action::Theme => {
                self.theme = self.theme.next();
                self.say(format!("colours: {}", self.theme.word()), Role::Info);
            }
            Action::Save => return vec![Effect::Save],
        }
        Vec::new()
    }

    /// Rows of a page.
    fn page(&self) -> usize {
        let body = crate::view::regions(self).body;
        crate::view::list_height(self, body)
    }

    /// Shows a view.
    pub(super) fn show(&mut self, view: ViewId) {
        self.trail.clear();
        self.place = Place::View(view);
    }

    /// Goes somewhere from which "back" leads here.
    pub(super) fn enter(&mut self, place: Place) {
        if place == self.place {
            return;
        }
        let from = std::mem::replace(&mut self.place, place);
        self.trail.push(from);
        self.doc = DocState::default();
    }

    fn step(&mut self, by: isize) {
        match &self.place {
            Place::Device(_) => self.doc.cursor = self.doc.cursor.saturating_add_signed(by),
            Place::View(ViewId::Tree) => self.tree.list.step(by),
            _ => self.table_mut().list.step(by),
        }
    }

    fn go_to_end(&mut self) {
        let is_log = self.view() == ViewId::Events;
        match &self.place {
            Place::Device(_) => self.doc.cursor = usize::MAX,
            Place::View(ViewId::Tree) => self.tree.list.go_to_end(false),
            _ => self.table_mut().list.go_to_end(is_log),
        }
    }

    fn left(&mut self) {
        let is_tree = self.place == Place::View(ViewId::Tree);
        let has_closed = is_tree && self.tree.close();
        if !has_closed && !self.trail.is_empty() {
            self.leave();
        }
    }

    fn right(&mut self) {
        if self.place == Place::View(ViewId::Tree) {
            self.tree.open();
        } else {
            self.open();
        }
    }

    /// Opens what is selected.
    pub(super) fn open(&mut self) {
        match &self.place {
            Place::Device(_) => {
                if let Some(path) = self.selected_path() {
                    self.go_to_path(&path);
                }
            }
            Place::View(ViewId::Tree) => self.tree.toggle(),
            _ => match self.table().list.selected().cloned() {
                Some(Key::Domain(id) | Key::Finding(_, Subject::Domain(id))) => {
                    self.enter(Place::Domain(id));
                }
                Some(Key::Device(id) | Key::Ring(id, _) | Key::Finding(_, Subject::Device(id))) => {
                    self.enter(Place::Device(id));
                }
                Some(Key::Change(_)) => {
                    if let Some(path) = self.selected_path() {
                        self.go_to_path(&path);
                    }
                }
                None => {}
            },
        }
    }

    /// Shows a node in the tree.
    pub(super) fn go_to_path(&mut self, path: &StorePath) {
        if !path.is_within(self.tree.top()) {
            self.say(
                format!("{path} is outside of what can be read here"),
                Role::Warning,
            );
            return;
        }
        let there = self.tree.go_to(path);
        if there.as_ref() != Some(path) {
            self.say(format!("{path} is not there (any more)"), Role::Warning);
        }
        // A filter would hide where it leads.
        let table = self
            .tables
            .entry(ViewId::Tree)
            .or_insert_with(|| super::Table::new(ViewId::Tree, ""));
        table.set_filter(ViewId::Tree, String::new());
        self.enter(Place::View(ViewId::Tree));
    }

    fn back(&mut self) {
        if self.table().has_filter() && !matches!(self.place, Place::Device(_)) {
            let view = self.view();
            self.table_mut().set_filter(view, String::new());
        } else if self.place == Place::View(ViewId::Tree)
            && (self.tree.only_changes || self.tree.is_flat)
        {
            self.tree.set_flat(false);
        } else if self.past.is_frozen() && self.trail.is_empty() {
            self.past.go_on();
        } else {
            self.leave();
        }
    }

    fn leave(&mut self) {
        if let Some(place) = self.trail.pop() {
            self.place = place;
        } else if self.view() != ViewId::Overview {
            self.show(ViewId::Overview);
        }
    }

    /// The path of what is selected.
    pub fn selected_path(&self) -> Option<StorePath> {
        let snapshot = self.snapshot();
        let front = |id: &DeviceId| {
            let row = snapshot?.device(id)?;
            let device = &row.device;
            let path = device.front.known().map(|front| front.path.clone());
            path.or_else(|| device.back.known().map(|back| back.path.clone()))
        };
        match &self.place {
            Place::Device(id) => {
                let body = crate::view::regions(self).body;
                let doc = self.describe(usize::from(body.width));
                let line = doc.lines.get(self.doc.cursor);
                line.and_then(|line| line.path.clone())
                    .or_else(|| front(id))
            }
            Place::View(ViewId::Tree) => self.tree.selected().cloned(),
            _ => match self.table().list.selected()? {
                Key::Domain(id) => Some(StorePath::home(*id)),
                Key::Device(id) | Key::Ring(id, _) => front(id),
                Key::Finding(name, subject) => {
                    let is = |row: &&std::sync::Arc<crate::model::FindingRow>| {
                        row.finding.id == *name && row.finding.subject == *subject
                    };
                    let row = snapshot?.findings.iter().find(is)?;
                    row.finding
                        .evidence
                        .first()
                        .map(|evidence| evidence.path.clone())
                }
                Key::Change(number) => {
                    let mut log = snapshot?.log.iter().rev();
                    log.find(|row| row.number == *number)
                        .map(|row| row.path.clone())
                }
            },
        }
    }

    fn copy(&mut self) -> Vec<Effect> {
        match self.selected_path() {
            Some(path) => {
                self.say(format!("copied {path}"), Role::Info);
                vec![Effect::Copy(path.to_string())]
            }
            None => Vec::new(),
        }
    }

    fn hit(&mut self, is_forward: bool) {
        let found = if self.place == Place::View(ViewId::Tree) {
            let filter = &self.table().filter.clone();
            if filter.is_empty() {
                self.say(
                    "n goes to the next match of a filter: type / first",
                    Role::Info,
                );
                return;
            }
            self.tree.seek(is_forward, filter)
        } else if let (Some(snapshot), false) = (
            self.snapshot().cloned(),
            matches!(self.place, Place::Device(_)),
        ) {
            self.table_mut()
                .list
                .seek(is_forward, |key| rows::is_in_trouble(&snapshot, key))
        } else {
            return;
        };
        if !found {
            self.say("nothing here is in trouble", Role::Info);
        }
    }

    fn sort_by(&mut self, by: isize) {
        let names = crate::view::sortable(self.view());
        let at = self
            .table()
            .sort
            .as_ref()
            .and_then(|sort| names.iter().position(|name| *name == sort.column));
        let count = names.len().max(1);
        let at = at.map_or(0, |at| {
            at.wrapping_add(count).wrapping_add_signed(by) % count
        });
        if let Some(column) = names.get(at) {
            self.sort_on(column);
        }
    }

    /// Sorts by a column; by the same again turns the order round.
    pub(super) fn sort_on(&mut self, column: &'static str) {
        let before = self.table().sort.clone();
        let is_reversed = match before {
            Some(sort) if sort.column == column => !sort.is_reversed,
            // Of numbers the greatest are of interest, of names the first.
            _ => super::fields::is_number(self.view(), column),
        };
        self.table_mut().set_sort(Sort {
            column,
            is_reversed,
        });
    }

    fn reverse(&mut self) {
        if let Some(sort) = self.table().sort.clone() {
            self.sort_on(sort.column);
        }
    }

    fn freeze(&mut self) {
        if self.past.is_frozen() {
            self.past.go_on();
        } else {
            self.past.freeze();
        }
    }

    fn look_back(&mut self, by: isize) {
        if !self.past.step(by) {
            let word = if by < 0 {
                "nothing older is kept"
            } else {
                "this is the present: = goes on"
            };
            self.say(word, Role::Info);
        }
    }

    /// What these keys do with a recording.
    fn play(&mut self, action: Action) -> Vec<Effect> {
        let effect = match action {
            Action::Earlier => Effect::Seek(Moment(self.now.0.saturating_sub(JUMP))),
            Action::Later => Effect::Seek(Moment(self.now.0 + JUMP)),
            Action::Now => Effect::Seek(Moment(Duration::MAX)),
            Action::Freeze => {
                self.playing.is_paused = !self.playing.is_paused;
                Effect::Speed(if self.playing.is_paused {
                    0.0
                } else {
                    self.playing.speed
                })
            }
            Action::Faster | Action::Slower => {
                let factor = if action == Action::Faster { 2.0 } else { 0.5 };
                let speed = (self.playing.speed * factor).clamp(0.125, 1024.0);
                self.playing = Playing {
                    speed,
                    is_paused: false,
                };
                self.say(
                    format!("played {speed} times as fast as it was"),
                    Role::Info,
                );
                Effect::Speed(speed)
            }
            _ => return Vec::new(),
        };
        vec![effect]
    }

    fn pace(&mut self, factor: f64) -> Vec<Effect> {
        let [least, most] = INTERVALS;
        let seconds = (self.interval.as_secs_f64() * factor).clamp(least, most);
        self.interval = Duration::from_secs_f64(seconds);
        self.say(
            format!("counters are read every {seconds:.1} s"),
            Role::Info,
        );
        vec![Effect::Interval(self.interval)]
    }
}
