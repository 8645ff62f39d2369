//! The state of the screen. [`App::update`] is pure: what happened goes in, what is to be done comes out.

mod act;
mod derive;
pub mod effect;
pub mod fields;
mod list;
mod menu;
mod mouse;
pub mod nodes;
mod past;
mod place;
mod prompt;
mod rows;
mod summary;
mod table;
pub mod tree;
mod typing;
mod view_id;
pub mod witness;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use xenbus::StorePath;
use xenbus::device::DeviceId;
use xenbus::device::history::Moment;
use xenbus::mirror::Mirrored;

pub use effect::{Effect, Ending};
pub use list::List;
pub use menu::Overlay;
pub use past::Past;
pub use place::Place;
pub use prompt::Line;
pub use rows::Key;
pub use summary::Summary;
pub use table::Table;
pub use typing::{Prompt, Purpose};
pub use view_id::{Sort, ViewId};

use crate::browse::{Browsed, News};
use crate::config::Config;
use crate::event::Event;
use crate::key::{Keymap, Scope};
use crate::model::{self, Change, Shown, Snapshot};
use crate::text::Charset;
use crate::theme::{Role, ThemeName};
use crate::view::tree::Manner;
use nodes::Nodes;
use tree::Tree;
use witness::Witness;

/// How long a notice stays.
const NOTICE: Duration = Duration::from_secs(4);

/// What does not change while it runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What keys do.
    pub keymap: Keymap,
    /// The characters that may be shown.
    pub charset: Charset,
}

/// A word to the user, for a while.
#[derive(Clone, Debug)]
pub struct Notice {
    /// What it says.
    pub text: String,
    /// How it looks.
    pub role: Role,
    /// Until when it is shown.
    pub until: Moment,
}

/// The state of the screen.
#[derive(Debug)]
pub struct App {
    /// What does not change.
    pub settings: Settings,
    /// Colours.
    pub theme: ThemeName,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Now.
    pub now: Moment,
    /// What can be looked at.
    pub past: Past,
    /// What is shown.
    pub place: Place,
    /// Numbers about what is shown, and of which moment they are.
    summary: (u64, Summary),
    /// Where "back" leads, the last last.
    pub trail: Vec<Place>,
    /// Rows, order and filter of each view.
    pub tables: BTreeMap<ViewId, Table>,
    /// The store as a tree.
    pub tree: Tree,
    /// Parts of the store that are looked into: ends of a device.
    pub parts: BTreeMap<StorePath, Nodes>,
    /// Changes of the whole store, while it is followed.
    pub witness: Witness,
    /// The cursor and the first lines of a device's description.
    pub doc: DocState,
    /// How values are shown.
    pub manner: Manner,
    /// A line that is being typed.
    pub prompt: Option<Prompt>,
    /// Something in front of the view.
    pub overlay: Option<Overlay>,
    /// A word to the user.
    pub notice: Option<Notice>,
    /// Whether the mouse is on.
    pub has_mouse: bool,
    /// How often counters are read.
    pub interval: Duration,
    /// How fast a recording is played, and whether it stands still.
    pub playing: Playing,
    /// What is followed in the store.
    followed: Vec<StorePath>,
    /// Whose counters are seen.
    visible: Vec<DeviceId>,
    /// Lines that were typed before, for each purpose.
    typed: BTreeMap<Purpose, Vec<String>>,
}

/// How a recording is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playing {
    /// So many times as fast as it was.
    pub speed: f64,
    /// Whether it stands still.
    pub is_paused: bool,
}

/// Cursor and windows of a description.
#[derive(Clone, Copy, Debug, Default)]
pub struct DocState {
    /// The line of the cursor.
    pub cursor: usize,
    /// The first line of each column.
    pub offsets: [usize; 2],
}

/// What it starts with.
#[derive(Clone, Debug)]
pub struct Start {
    /// What does not change.
    pub settings: Settings,
    /// Colours.
    pub theme: ThemeName,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Whether the mouse is on.
    pub has_mouse: bool,
    /// How often counters are read.
    pub interval: Duration,
    /// The part of the store that the tree shows.
    pub top: StorePath,
    /// How fast a recording is played.
    pub speed: f64,
}

impl App {
    /// A screen without anything to show so far. The configuration was checked.
    pub fn new(start: Start, config: &Config) -> Self {
        let mut tables = BTreeMap::new();
        for view in ViewId::ALL {
            let sort = config
                .sort
                .get(&view)
                .map_or(view.default_sort(), String::as_str);
            let mut table = Table::new(view, sort);
            if let Some(filter) = config.filter.get(&view) {
                table.set_filter(view, filter.clone());
            }
            tables.insert(view, table);
        }
        Self {
            settings: start.settings,
            theme: start.theme,
            size: start.size,
            now: Moment::default(),
            past: Past::default(),
            place: Place::View(config.view.unwrap_or_default()),
            summary: (0, Summary::default()),
            trail: Vec::new(),
            tables,
            tree: Tree::new(start.top),
            parts: BTreeMap::new(),
            witness: Witness::default(),
            doc: DocState::default(),
            manner: Manner::default(),
            prompt: None,
            overlay: None,
            notice: None,
            has_mouse: start.has_mouse,
            interval: start.interval,
            playing: Playing {
                speed: start.speed,
                is_paused: false,
            },
            followed: Vec::new(),
            visible: Vec::new(),
            typed: BTreeMap::new(),
        }
    }

    /// Something happened at this moment.
    pub fn update(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        self.set_now(now);
        if self
            .notice
            .as_ref()
            .is_some_and(|notice| notice.until <= self.now)
        {
            self.notice = None;
        }
        let mut effects = match event {
            Event::Key(key) => self.key(key),
            Event::Mouse(mouse) => self.mouse(mouse),
            Event::Paste(text) => self.paste(&text),
            Event::Resized(columns, rows) => {
                self.size = (columns, rows);
                Vec::new()
            }
            Event::Snapshot(snapshot) => {
                self.take(snapshot);
                Vec::new()
            }
            Event::Browsed(browsed) => {
                self.browsed(browsed);
                Vec::new()
            }
            Event::Signal(signal_hook::consts::SIGTSTP) => vec![Effect::Suspend],
            Event::Signal(signal) => vec![Effect::Quit(Ending::Signal(signal))],
            Event::Died(name) => vec![Effect::Quit(Ending::Failed(name))],
            Event::InputEnded => vec![Effect::Quit(Ending::Failed("the terminal is gone".into()))],
        };
        self.refresh();
        effects.extend(self.wants());
        effects
    }

    /// The time goes on without anything happening.
    pub fn tick(&mut self, now: Moment) {
        self.set_now(now);
        if self
            .notice
            .as_ref()
            .is_some_and(|notice| notice.until <= self.now)
        {
            self.notice = None;
        }
    }

    /// Whether what is shown is a recording.
    pub fn is_replay(&self) -> bool {
        self.past
            .latest()
            .is_some_and(|snapshot| snapshot.link.is_replay)
    }

    /// Only a recording goes back.
    fn set_now(&mut self, now: Moment) {
        self.now = if self.is_replay() {
            now
        } else {
            self.now.max(now)
        };
    }

    fn take(&mut self, snapshot: Arc<Snapshot>) {
        // A guest sees no more of the store than its own part.
        if let model::Scope::Domain(id) = snapshot.link.scope
            && self.tree.top().is_root()
        {
            self.tree = Tree::new(StorePath::home(id));
        }
        self.past.push(snapshot);
    }

    fn browsed(&mut self, browsed: Browsed) {
        let Browsed { top, news } = browsed;
        if top == *self.tree.top() {
            self.see(&news);
            self.tree.take(news, self.now);
        } else if self.followed.contains(&top) {
            self.parts.entry(top).or_default().take(news, self.now);
        }
    }

    /// Remembers what the nodes of the whole store held and hold.
    fn see(&mut self, news: &News) {
        let News::Changed(changes) = news else {
            return;
        };
        let value = |node: &Arc<Mirrored>| Shown::of(node.value.known().map(Vec::as_slice));
        for (path, new) in changes {
            let old = self.tree.live().get(path);
            let change = match (old, new) {
                (Some(old), Some(new)) => Change::Changed {
                    old: value(old),
                    new: value(new),
                },
                (None, Some(new)) => Change::Added(value(new)),
                (Some(old), None) => Change::Removed(value(old)),
                (None, None) => continue,
            };
            self.witness.see(path, change, self.now);
        }
        if let Some(table) = self.tables.get_mut(&ViewId::Events)
            && table.has_filter()
        {
            table.made_for = None;
        }
    }

    /// What is shown of the host.
    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.past.shown()
    }

    /// Numbers about what is shown.
    pub fn summary(&self) -> &Summary {
        &self.summary.1
    }

    /// The moment that is shown, since the Unix epoch.
    pub fn wall_clock(&self) -> Duration {
        match self.past.latest() {
            Some(latest) => latest.wall_clock + self.now.since(latest.now),
            None => Duration::ZERO,
        }
    }

    /// The moment of the ages that are shown: of a moment in the past, that moment.
    pub fn shown_now(&self) -> Moment {
        match self.past.shown() {
            Some(snapshot) if self.past.is_frozen() => snapshot.now,
            _ => self.now,
        }
    }

    /// The view that is shown, or that a device's description was opened from.
    pub fn view(&self) -> ViewId {
        self.place.view()
    }

    /// Rows, order and filter of the view that is shown.
    pub fn table(&self) -> &Table {
        // Every view has one from the start.
        self.tables.get(&self.view()).unwrap_or(&table::EMPTY)
    }

    fn table_mut(&mut self) -> &mut Table {
        let view = self.view();
        self.tables
            .entry(view)
            .or_insert_with(|| Table::new(view, view.default_sort()))
    }

    /// The scopes of keys that count now.
    pub fn scopes(&self) -> Vec<Scope> {
        let mut scopes = vec![Scope::Everywhere];
        match &self.place {
            Place::Device(_) => scopes.push(Scope::Nodes),
            place if place.view() == ViewId::Tree => scopes.extend([Scope::Tree, Scope::Nodes]),
            place if place.view().has_columns() => scopes.push(Scope::Table),
            _ => {}
        }
        scopes
    }

    /// The device that is described, as it was at the moment that is shown.
    pub fn device(&self) -> Option<&Arc<model::DeviceRow>> {
        match &self.place {
            Place::Device(id) => self.snapshot()?.device(id),
            _ => None,
        }
    }

    /// Says something to the user.
    pub fn say(&mut self, text: impl Into<String>, role: Role) {
        self.notice = Some(Notice {
            text: text.into(),
            role,
            until: Moment(self.now.0 + NOTICE),
        });
    }
}
