//! Watches.

use xenbus::client::{Client, Operations as _};
use xenbus::watch::{Watch, WatchEvent};
use xenbus_harness::for_each_daemon;

use crate::peer::{client_of, path, soon};

fn next(watch: &Watch) -> WatchEvent {
    watch.next_until(soon()).unwrap().expect("an event in time")
}

/// Makes sure that everything before it has been told: gives the events up to that of a marker.
fn events_until_marker(client: &Client, watch: &Watch, marker: &str) -> Vec<WatchEvent> {
    client.write(&path(marker), b"").unwrap();
    let mut events = Vec::new();
    loop {
        match next(watch) {
            WatchEvent::Changed(changed) if changed.as_str() == marker => return events,
            event => events.push(event),
        }
    }
}

#[test]
fn a_watch_tells_its_start_and_what_changes_at_and_below_its_path() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let watch = client.watch(&path("/w")).unwrap();
        assert_eq!(next(&watch), WatchEvent::Initial);
        client.write(&path("/w/a/b"), b"1").unwrap();
        assert_eq!(next(&watch), WatchEvent::Changed(path("/w/a/b")));
        client.write(&path("/wx"), b"1").unwrap();
        client.rm(&path("/w/a")).unwrap();
        assert_eq!(
            events_until_marker(&client, &watch, "/w/z"),
            [WatchEvent::Changed(path("/w/a"))]
        );
    });
}

#[test]
fn a_daemon_that_comes_back_gives_lost_then_reset_then_events_again() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let watch = client.watch(&path("/w")).unwrap();
        assert_eq!(next(&watch), WatchEvent::Initial);
        daemon.kill();
        assert_eq!(next(&watch), WatchEvent::Lost);
        daemon.restart();
        assert_eq!(next(&watch), WatchEvent::Reset);
        client.write(&path("/w/a"), b"1").unwrap();
        assert_eq!(next(&watch), WatchEvent::Changed(path("/w/a")));
    });
}
