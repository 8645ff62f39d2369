//! The screen at work: events in, frames out.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use xenbus::StorePath;
use xenbus::error::{Error, Result};
use xenbus::mirror::Mirrored;

use crate::app::Settings;
use crate::app::{App, Effect, Ending, Start};
use crate::browse::{Browsed, Browser, News};
use crate::cli::Cli;
use crate::collect::{Command, Update};
use crate::config::Config;
use crate::event::{Event, read_terminal, watch_signals};
use crate::source::Source;
use crate::terminal::{Screen, restore_before_panics};
use crate::text::Charset;
use crate::theme::{Background, Role, Surroundings, ThemeName};
use crate::{save, view};

/// Least time between two frames.
const FRAME: Duration = Duration::from_millis(33);

/// Events that are taken in before the next frame.
const BURST: usize = 1000;

/// Shows the screen until it ends.
///
/// # Errors
/// What is wrong with an option, the store's address, or the terminal.
pub(crate) fn run(cli: &Cli, config: &Config) -> Result<Ending> {
    let (sender, events) = channel();
    let interval = cli
        .interval
        .or_else(|| config.interval())
        .unwrap_or(Duration::from_secs(1));
    let app = App::new(
        Start {
            settings: settings(cli, config)?,
            theme: theme(cli, config),
            size: crossterm::terminal::size().unwrap_or((80, 24)),
            has_mouse: cli.mouse || config.mouse,
            interval,
            top: StorePath::root(),
            speed: cli.source.speed.unwrap_or(1.0),
        },
        config,
    );
    // A large host takes its time; until then Ctrl-C is the shell's.
    let is_simulated = cli.source.connect.demo.is_some() && std::io::stderr().is_terminal();
    if is_simulated {
        drop(write!(
            std::io::stderr(),
            "xstop: starting the simulated host"
        ));
    }
    let told = sender.clone();
    let source = cli.source.start(interval, true, move |update| {
        // Nobody listens any more when it ends.
        drop(told.send(match update {
            Update::Snapshot(snapshot) => Event::Snapshot(snapshot),
            Update::Fatal(why) => Event::Died(why),
        }));
    })?;
    if is_simulated {
        drop(write!(std::io::stderr(), "\r\x1b[K"));
    }
    let told = sender.clone();
    let browser = match source.client() {
        Some(client) => Some(Browser::start(client.clone(), move |browsed| {
            drop(told.send(Event::Browsed(browsed)));
        })?),
        None => None,
    };
    show(app, &sender, &events, &source, browser.as_ref())
}

fn settings(cli: &Cli, config: &Config) -> Result<Settings> {
    let keymap = config.keymap().map_err(|reason| Error::Invalid {
        what: "configuration".into(),
        reason,
    })?;
    let charset = if cli.ascii {
        Charset::Ascii
    } else {
        config
            .charset()
            .unwrap_or_else(|| Surroundings::read().charset())
    };
    Ok(Settings { keymap, charset })
}

fn theme(cli: &Cli, config: &Config) -> ThemeName {
    match cli.theme.unwrap_or(config.theme) {
        ThemeName::Auto => Surroundings::read().theme(Background::ask),
        named => named,
    }
}

/// Takes the terminal and gives it back.
fn show(
    mut app: App,
    sender: &Sender<Event>,
    events: &Receiver<Event>,
    source: &Source,
    browser: Option<&Browser>,
) -> Result<Ending> {
    let told = sender.clone();
    restore_before_panics(move |thread| {
        drop(told.send(Event::Died(format!("{thread} has panicked"))));
    });
    let failed = |error| Error::io("use the terminal", error);
    watch_signals(sender.clone()).map_err(failed)?;
    let mut screen = Screen::take(app.has_mouse).map_err(failed)?;
    read_terminal(sender.clone()).map_err(failed)?;
    let mut work = Work {
        screen: &mut screen,
        source,
        browser,
        sender,
        followed: Vec::new(),
        told: None,
        has_trouble: false,
    };
    work.run(&mut app, events).map_err(failed)
}

struct Work<'a> {
    screen: &'a mut Screen,
    source: &'a Source,
    /// None for a recording, which holds its nodes itself.
    browser: Option<&'a Browser>,
    sender: &'a Sender<Event>,
    /// What is looked at of a recording, and which of its nodes were told last.
    followed: Vec<StorePath>,
    told: Option<Arc<BTreeMap<StorePath, Arc<Mirrored>>>>,
    /// Whether it was said that recording has ended.
    has_trouble: bool,
}

impl Work<'_> {
    fn run(&mut self, app: &mut App, events: &Receiver<Event>) -> std::io::Result<Ending> {
        let mut is_dirty = true;
        let mut drawn: Option<Instant> = None;
        // When something that is shown changes by itself.
        let mut due: Option<Instant> = None;
        loop {
            let now = Instant::now();
            let frame = drawn.map_or(now, |drawn| drawn + FRAME);
            is_dirty |= due.is_some_and(|due| due <= now);
            if is_dirty && frame <= now {
                app.tick(self.source.clock().now());
                due = self.draw(app)?.and_then(|due| self.instant_in(now, due));
                (is_dirty, drawn) = (false, Some(now));
            }
            let until = if is_dirty { Some(frame) } else { due };
            let event = match until {
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(until) => events.recv_timeout(until.saturating_duration_since(Instant::now())),
            };
            let first = match event {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Ok(Ending::Asked),
            };
            for event in [first].into_iter().chain(events.try_iter().take(BURST)) {
                if matches!(event, Event::Snapshot(_)) {
                    self.look_beside(app);
                }
                let effects = app.update(event, self.source.clock().now());
                for effect in effects {
                    if let Some(ending) = self.obey(app, effect)? {
                        return Ok(ending);
                    }
                }
                is_dirty = true;
            }
        }
    }

    fn draw(&mut self, app: &mut App) -> std::io::Result<Option<Duration>> {
        let mut due = None;
        self.screen
            .draw(|frame| due = view::draw(app, frame.buffer_mut()))?;
        Ok(due)
    }

    /// When so much time will have passed on the clock of what is shown.
    fn instant_in(&self, now: Instant, time: Duration) -> Option<Instant> {
        let speed = self.source.clock().speed();
        if speed <= 0.0 {
            return None;
        }
        let real = Duration::try_from_secs_f64(time.as_secs_f64() / speed).ok()?;
        now.checked_add(real)
    }

    /// What goes with a snapshot and is not in it.
    fn look_beside(&mut self, app: &mut App) {
        self.tell_recorded();
        if !self.has_trouble
            && let Some(why) = self.source.recording_trouble()
        {
            self.has_trouble = true;
            app.say(why, Role::Critical);
        }
    }

    /// Tells the nodes of a recording that are looked at, if they differ from those told last.
    fn tell_recorded(&mut self) {
        let Some(nodes) = self.source.nodes() else {
            return;
        };
        if self.followed.is_empty()
            || self
                .told
                .as_ref()
                .is_some_and(|told| Arc::ptr_eq(told, &nodes))
        {
            return;
        }
        for top in &self.followed {
            let below = nodes.range(top.clone()..).map(|(_, node)| node);
            let below = below.take_while(|node| node.path.is_within(top));
            let news = News::Filled(below.cloned().collect());
            let top = top.clone();
            // Nobody listens any more when it ends.
            drop(self.sender.send(Event::Browsed(Browsed { top, news })));
        }
        self.told = Some(nodes);
    }

    fn obey(&mut self, app: &mut App, effect: Effect) -> std::io::Result<Option<Ending>> {
        match effect {
            Effect::Quit(ending) => return Ok(Some(ending)),
            Effect::Suspend => {
                self.screen.suspend()?;
                if let Ok((columns, rows)) = crossterm::terminal::size() {
                    app.update(Event::Resized(columns, rows), self.source.clock().now());
                }
            }
            Effect::Repaint => self.screen.clear()?,
            Effect::Mouse(is_on) => self.screen.set_mouse(is_on)?,
            Effect::Copy(text) => {
                let encoded = BASE64.encode(text.as_bytes());
                self.screen.send(&format!("\x1b]52;c;{encoded}\x07"))?;
            }
            Effect::Follow(tops) => {
                if let Some(browser) = self.browser {
                    browser.follow(tops);
                } else {
                    (self.followed, self.told) = (tops, None);
                    self.tell_recorded();
                }
            }
            Effect::Interval(interval) => self.source.send(Command::Interval(interval)),
            Effect::Visible(devices) => self.source.send(Command::Visible(devices)),
            Effect::Seek(to) => self.source.send(Command::Seek(to.0)),
            Effect::Speed(speed) => self.source.send(Command::Speed(speed)),
            Effect::Save => {
                if let Some(snapshot) = app.snapshot() {
                    match save::save(snapshot) {
                        Ok(path) => app.say(format!("saved {}", path.display()), Role::Info),
                        Err(error) => app.say(format!("not saved: {error}"), Role::Critical),
                    }
                }
            }
        }
        Ok(None)
    }
}
