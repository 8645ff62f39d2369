//! A screen on a host that is made up: no store, no clock, no terminal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use xenbus::counters::{Fill, Occupancy};
use xenbus::device::history::Moment;
use xenbus::device::{DeviceId, Reading};
use xenbus::mirror::Mirrored;
use xenbus::perms::Perms;
use xenbus::tree::Field;
use xenbus::{DomId, StorePath};
use xstop::app::{App, Effect, Settings, Start};
use xstop::browse::{Browsed, News};
use xstop::config::Config;
use xstop::event::Event;
use xstop::model::{Builder, Link, NodeChange, RingUse, Sample, UseSource};
use xstop::text::Charset;
use xstop::theme::ThemeName;
use xstop::view;

/// What a real host showed: two guests, all well.
const TREE: &str = include_str!("../../../lib/tests/it/fixtures/host_model/tree-c.txt");

/// When it all happens.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// The host and the screen.
pub(crate) struct Rig {
    pub(crate) app: App,
    nodes: BTreeMap<StorePath, Vec<u8>>,
    builder: Builder,
    now: Moment,
    link: Arc<Link>,
    followed: Vec<StorePath>,
    /// What the screen wanted from outside, besides following the store.
    pub(crate) effects: Vec<Effect>,
}

pub(crate) fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

fn tree(text: &str) -> BTreeMap<StorePath, Vec<u8>> {
    text.lines()
        .map(|line| {
            let (at, value) = line.split_once(" =").unwrap();
            (path(at), value.trim_start().as_bytes().to_vec())
        })
        .collect()
}

impl Rig {
    /// A healthy host on a screen of this size.
    pub(crate) fn new(columns: u16, rows: u16) -> Self {
        Self::with(columns, rows, ThemeName::Mono, &Config::default())
    }

    /// The same with a theme and a configuration.
    pub(crate) fn with(columns: u16, rows: u16, theme: ThemeName, config: &Config) -> Self {
        let start = Start {
            settings: Settings {
                keymap: config.keymap().unwrap(),
                charset: Charset::Unicode,
            },
            theme,
            size: (columns, rows),
            has_mouse: false,
            interval: Duration::from_secs(1),
            top: StorePath::root(),
            speed: 1.0,
        };
        let link = Link {
            address: "unix:/run/xenstored/socket".into(),
            daemon: Some("C xenstored"),
            xen_version: Some("4.17.5".into()),
            nodes: 281,
            ..Link::default()
        };
        let mut rig = Self {
            app: App::new(start, config),
            nodes: tree(TREE),
            builder: Builder::new(EPOCH),
            now: Moment::default(),
            link: Arc::new(link),
            followed: Vec::new(),
            effects: Vec::new(),
        };
        rig.builder.reread();
        rig.publish();
        rig
    }

    /// A host on which all sorts of things are wrong, or were: it has a past and traffic.
    pub(crate) fn broken(columns: u16, rows: u16) -> Self {
        let mut rig = Self::new(columns, rows);
        rig.break_it();
        rig
    }

    /// Lets all sorts of things go wrong.
    pub(crate) fn break_it(&mut self) {
        let front = "/local/domain/1/device/vbd/51712";
        let back = "/local/domain/0/backend/vbd/1/51712";
        self.traffic(1, 40);
        self.pass(2000);
        self.set(&format!("{back}/state"), "2");
        self.set(&format!("{front}/state"), "3");
        self.set(&format!("{back}/hotplug-status"), "error");
        self.set(
            &format!("{back}/hotplug-error"),
            "/etc/xen/scripts/block failed",
        );
        self.traffic(2, 200);
        self.pass(500);
        self.set("/local/domain/0/backend/vif/7/0/state", "4");
        self.set(
            "/local/domain/0/backend/vif/7/0/frontend",
            "/local/domain/7/device/vif/0",
        );
        self.set("/local/domain/0/backend/vif/7/0/online", "1");
        self.remove("/local/domain/2/control/shutdown");
        self.traffic(3, 120);
        self.pass(33_000);
        self.set("/local/domain/2/data", "hello");
        self.traffic(4, 250);
        self.pass(400);
        self.publish();
    }

    /// Time goes on.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.publish();
        self.now = Moment(self.now.0 + Duration::from_millis(millis));
        self.app.tick(self.now);
        self.publish();
    }

    /// Time goes on, and nobody tells the screen of anything.
    pub(crate) fn wait(&mut self, millis: u64) {
        self.now = Moment(self.now.0 + Duration::from_millis(millis));
        self.app.tick(self.now);
    }

    /// Writes a node, and those above it that are not there.
    pub(crate) fn set(&mut self, at: &str, value: impl AsRef<[u8]>) {
        let at = path(at);
        if let Some(parent) = at.parent()
            && !self.nodes.contains_key(&parent)
        {
            self.set(parent.as_str(), "");
        }
        let old = self.node(&at);
        self.nodes.insert(at.clone(), value.as_ref().to_vec());
        let new = self.node(&at);
        self.tell(&at, old.as_ref(), new.as_ref());
    }

    /// Removes a node that has no children.
    pub(crate) fn remove(&mut self, at: &str) {
        let at = path(at);
        let old = self.node(&at);
        self.nodes.remove(&at);
        self.tell(&at, old.as_ref(), None);
    }

    fn tell(&mut self, at: &StorePath, old: Option<&Arc<Mirrored>>, new: Option<&Arc<Mirrored>>) {
        let change = NodeChange {
            path: at,
            old: old.map(AsRef::as_ref),
            new: new.map(AsRef::as_ref),
        };
        self.builder.changed(&self.nodes, change, self.now);
        for top in self.followed.clone() {
            if at.is_within(&top) {
                let news = News::Changed(vec![(at.clone(), new.cloned())]);
                self.update(Event::Browsed(Browsed { top, news }));
            }
        }
    }

    fn node(&self, at: &StorePath) -> Option<Arc<Mirrored>> {
        let value = self.nodes.get(at)?;
        Some(Arc::new(Mirrored {
            path: at.clone(),
            value: Field::Known(value.as_slice().into()),
            perms: Field::Known(Perms::parse("n0,r1").unwrap()),
            listed: true,
            more: false,
        }))
    }

    /// Counters and rings of two devices have moved this far.
    pub(crate) fn traffic(&mut self, step: u64, used: u32) {
        let ring = |size: u32, used: u32| RingUse {
            occupancy: Reading::Known(Occupancy::Requests {
                in_flight: Fill::between(u32::MAX - 3, (u32::MAX - 3).wrapping_add(used), size),
                req_prod: (u32::MAX - 3).wrapping_add(used),
                rsp_prod: u32::MAX - 3,
            }),
            source: UseSource::Netback,
        };
        let mut sample = Sample::default();
        sample.add("rx_bytes", None, step * step * 1_000_000);
        sample.add("tx_bytes", None, step * 20_000);
        sample.add("rx_packets", None, step * step * 900);
        sample.add("tx_packets", None, step * 300);
        sample.rings = vec![ring(256, used), ring(256, 256 - used.min(250))];
        let vif = DeviceId::new(DomId(2), "vif", "0");
        self.builder.sampled(&vif, sample, self.now);
    }

    /// The screen gets the host as it is now.
    pub(crate) fn publish(&mut self) {
        self.builder.settle(&self.nodes, true, self.now);
        let snapshot = self.builder.snapshot(&self.link, self.now);
        self.update(Event::Snapshot(snapshot));
    }

    /// The way to the store is another now.
    pub(crate) fn relink(&mut self, change: impl FnOnce(&mut Link)) {
        change(Arc::make_mut(&mut self.link));
        self.publish();
    }

    /// Something happens to the screen.
    pub(crate) fn update(&mut self, event: Event) {
        for effect in self.app.update(event, self.now) {
            match effect {
                Effect::Follow(tops) => self.follow(tops),
                other => self.effects.push(other),
            }
        }
    }

    fn follow(&mut self, tops: Vec<StorePath>) {
        let new: Vec<StorePath> = tops
            .iter()
            .filter(|top| !self.followed.contains(top))
            .cloned()
            .collect();
        self.followed = tops;
        for top in new {
            let below = self.nodes.keys().filter(|path| path.is_within(&top));
            let filled = below.filter_map(|path| self.node(path)).collect();
            let news = News::Filled(filled);
            self.update(Event::Browsed(Browsed { top, news }));
        }
    }

    /// Presses keys, by their names, divided by blanks.
    pub(crate) fn keys(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            let (name, modifiers) = match key.strip_prefix("Ctrl-") {
                Some(name) => (name, KeyModifiers::CONTROL),
                None => (key, KeyModifiers::NONE),
            };
            let code = match name {
                "Enter" => KeyCode::Enter,
                "Esc" => KeyCode::Esc,
                "Tab" => KeyCode::Tab,
                "Space" => KeyCode::Char(' '),
                "Left" => KeyCode::Left,
                "Up" => KeyCode::Up,
                name => KeyCode::Char(name.chars().next().unwrap()),
            };
            self.update(Event::Key(KeyEvent::new(code, modifiers)));
        }
    }

    /// Types text into a prompt.
    pub(crate) fn text(&mut self, text: &str) {
        for c in text.chars() {
            self.update(Event::Key(KeyEvent::new(
                KeyCode::Char(c),
                KeyModifiers::NONE,
            )));
        }
    }

    /// The mouse does something.
    pub(crate) fn mouse(&mut self, mouse: MouseEvent) {
        self.update(Event::Mouse(mouse));
    }

    /// The terminal is of this size now.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.update(Event::Resized(columns, rows));
    }

    /// The cells of the screen.
    pub(crate) fn draw(&self) -> Buffer {
        let (columns, rows) = self.app.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        view::draw(&self.app, &mut buffer);
        buffer
    }

    /// The text of the screen.
    pub(crate) fn screen(&self) -> String {
        lines(&self.draw()).join("\n")
    }
}

/// The lines of a screen, without blanks at their ends.
pub(crate) fn lines(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    let row = |y| {
        let mut line = String::new();
        let mut skip = 0;
        for x in area.left()..area.right() {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = xstop::text::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        line.trim_end().to_owned()
    };
    (area.top()..area.bottom()).map(row).collect()
}
