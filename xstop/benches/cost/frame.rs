//! One frame, with few rows and with many.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use xenbus::StorePath;
use xenbus::client::{Client, ClientOptions};
use xenbus::demo::{Host, Scenario};
use xstop::app::{App, Settings, Start};
use xstop::collect::{Options, Update, start};
use xstop::config::Config;
use xstop::event::Event;
use xstop::text::Charset;
use xstop::theme::ThemeName;
use xstop::view;

use super::{median, row};

/// Frames of one measurement.
const FRAMES: u32 = 200;

/// A screen with the devices of a scenario, and how many there are.
fn screen(scenario: &str) -> (App, usize) {
    let host = Host::start(&Scenario::find(scenario).unwrap()).unwrap();
    let client = Client::with_connector(host.into_connector(), ClientOptions::default()).unwrap();
    let (sender, updates) = channel();
    let handle = start(client, Options::default(), move |update| {
        drop(sender.send(update));
    })
    .unwrap();
    let snapshot = loop {
        match updates.recv().unwrap() {
            Update::Snapshot(snapshot) if snapshot.link.loading.is_none() => break snapshot,
            Update::Snapshot(_) => {}
            Update::Fatal(why) => panic!("{why}"),
        }
    };
    let config = Config::default();
    let settings = Settings {
        keymap: config.keymap().unwrap(),
        charset: Charset::Unicode,
    };
    let start = Start {
        settings,
        theme: ThemeName::Dark,
        size: (160, 50),
        has_mouse: false,
        interval: Duration::from_secs(1),
        top: StorePath::root(),
        speed: 1.0,
    };
    let mut app = App::new(start, &config);
    let (now, count) = (snapshot.now, snapshot.devices.len());
    app.update(Event::Snapshot(snapshot), now);
    let key = KeyEvent::new(KeyCode::Char('2'), KeyModifiers::NONE);
    app.update(Event::Key(key), now);
    app.tick(handle.clock().now());
    (app, count)
}

/// Milliseconds of a frame.
fn draw(app: &App) -> f64 {
    let begin = Instant::now();
    for _ in 0..FRAMES {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 160, 50));
        std::hint::black_box(view::draw(app, &mut buffer));
    }
    begin.elapsed().as_secs_f64() * 1000.0 / f64::from(FRAMES)
}

pub(crate) fn measure(rounds: usize) {
    let (few, few_rows) = screen("datacenter:8");
    let (many, many_rows) = screen("datacenter");
    println!("a frame of the devices, 160x50, median of {rounds}");
    let mut pairs = Vec::new();
    for _ in 0..rounds {
        pairs.push((draw(&few), draw(&many)));
    }
    row(
        &format!("with {few_rows} devices"),
        median(pairs.iter().map(|pair| pair.0)),
        "ms",
        None,
    );
    row(
        &format!("with {many_rows} devices"),
        median(pairs.iter().map(|pair| pair.1)),
        "ms",
        Some(5.0),
    );
    row(
        "  against few",
        median(pairs.iter().map(|(few, many)| many / few)),
        "x",
        Some(2.0),
    );
}
