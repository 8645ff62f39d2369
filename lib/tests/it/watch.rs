//! Watches: on real daemons, and against peers that follow a script.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use xenbus::client::{Client, Operations as _};
use xenbus::error::{Error, ErrorKind};
use xenbus::watch::{Watch, WatchEvent, WatchOptions};
use xenbus::wire::Op;
use xenbus_harness::for_each_daemon;

use crate::peer::{PATIENCE, Peer, client_of, client_with, eventually, path, soon, strings_in};

fn next(watch: &Watch) -> WatchEvent {
    watch.next_until(soon()).unwrap().expect("an event in time")
}

fn changed(text: &str) -> WatchEvent {
    WatchEvent::Changed(path(text))
}

/// Everything that is told before the change of a marker.
fn events_until_marker(client: &Client, watch: &Watch, marker: &str) -> Vec<WatchEvent> {
    client.write(&path(marker), b"").unwrap();
    std::iter::repeat_with(|| next(watch))
        .take_while(|event| *event != changed(marker))
        .collect()
}

#[test]
fn a_watch_tells_its_start_and_what_changes_at_and_below_its_path() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let watch = client.watch(&path("/w")).unwrap();
        assert_eq!(next(&watch), WatchEvent::Initial);
        client.write(&path("/w/a/b"), b"1").unwrap();
        assert_eq!(next(&watch), changed("/w/a/b"));
        client.write(&path("/wx"), b"1").unwrap();
        client.rm(&path("/w/a")).unwrap();
        assert_eq!(
            events_until_marker(&client, &watch, "/w/z"),
            [changed("/w/a")]
        );
    });
}

#[test]
fn overlapping_watches_each_get_their_event_because_tokens_differ() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let watches = ["/", "/w", "/w/a", "/w"].map(|name| client.watch(&path(name)).unwrap());
        for watch in &watches {
            assert_eq!(next(watch), WatchEvent::Initial);
        }
        client.write(&path("/w/a"), b"1").unwrap();
        for watch in &watches {
            assert_eq!(next(watch), changed("/w/a"));
        }
    });
}

#[test]
fn removing_a_parent_fires_a_watch_below_with_its_own_path() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        client.write(&path("/p/q/r"), b"1").unwrap();
        let watch = client.watch(&path("/p/q/r")).unwrap();
        assert_eq!(next(&watch), WatchEvent::Initial);
        client.rm(&path("/p")).unwrap();
        assert_eq!(next(&watch), changed("/p/q/r"));
    });
}

#[test]
fn relative_and_special_paths_are_watched_as_they_are() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let relative = client.watch(&path("rel")).unwrap();
        let introduced = client.watch(&path("@introduceDomain")).unwrap();
        assert_eq!(next(&relative), WatchEvent::Initial);
        assert_eq!(next(&introduced), WatchEvent::Initial);
        client.write(&path("/local/domain/0/rel/x"), b"1").unwrap();
        assert_eq!(next(&relative), changed("rel/x"));
        let _guest = daemon.introduce(7);
        assert_eq!(next(&introduced), changed("@introduceDomain"));
    });
}

#[test]
fn what_a_transaction_changed_is_told_with_its_commit_and_an_abort_tells_nothing() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let watch = client.watch(&path("/w")).unwrap();
        assert_eq!(next(&watch), WatchEvent::Initial);
        let aborted = client.begin().unwrap();
        aborted.write(&path("/w/no"), b"").unwrap();
        aborted.abort().unwrap();
        let committed = client.begin().unwrap();
        committed.write(&path("/w/yes"), b"").unwrap();
        committed.commit().unwrap();
        assert_eq!(next(&watch), changed("/w/yes"));
    });
}

#[test]
fn a_depth_is_kept_where_the_store_cannot_do_it() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let mut options = WatchOptions::default();
        let watches = [0, 1].map(|depth| {
            options.depth = Some(depth);
            client.watch_with(&path("/w"), options.clone()).unwrap()
        });
        for watch in &watches {
            assert_eq!(next(watch), WatchEvent::Initial);
        }
        for name in ["/w/a/b", "/w/a", "/w"] {
            client.write(&path(name), b"").unwrap();
        }
        assert_eq!(next(&watches[0]), changed("/w"));
        assert_eq!(
            [next(&watches[1]), next(&watches[1])],
            [changed("/w/a"), changed("/w")]
        );
    });
}

#[test]
fn a_store_that_knows_depth_is_told_it_and_another_is_asked_again_without() {
    for knows in [true, false] {
        let (seen, requests) = mpsc::channel();
        let client = client_with(PATIENCE, move |_, mut peer| {
            while let Some(request) = peer.next() {
                let strings = strings_in(&request.payload);
                seen.send((request.header.op, strings)).unwrap();
                if strings == 3 && !knows {
                    peer.error(&request, b"EINVAL\0");
                } else {
                    peer.reply(&request, b"OK\0");
                }
            }
        });
        let mut options = WatchOptions::default();
        options.depth = Some(2);
        client.watch_with(&path("/w"), options).unwrap().close();
        let watched: Vec<_> = (0..if knows { 1 } else { 2 })
            .map(|_| requests.recv_timeout(PATIENCE).unwrap())
            .collect();
        let expected = [(Op::WATCH, 3), (Op::WATCH, 2)];
        assert_eq!(watched, expected[..watched.len()]);
    }
}

#[test]
fn a_full_queue_says_how_much_it_dropped_and_goes_on() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let mut options = WatchOptions::default();
        options.queue = 3;
        let watch = client.watch_with(&path("/w"), options).unwrap();
        let control = client.watch(&path("/w")).unwrap();
        for n in 0..10 {
            client.write(&path(&format!("/w/{n}")), b"").unwrap();
        }
        // The other watch has seen everything, so this one's queue has been offered everything but its last event.
        let all = events_until_marker(&client, &control, "/w/z");
        assert_eq!(all.len(), 11);
        let mut told = 0;
        loop {
            match next(&watch) {
                WatchEvent::Overflow(dropped) => {
                    assert!(dropped >= 8, "{dropped}");
                    break;
                }
                _ => told += 1,
            }
        }
        assert_eq!(told, 3);
        let rest = events_until_marker(&client, &watch, "/w/again");
        assert!(rest.len() <= 1, "{rest:?}");
    });
}

#[test]
fn events_before_between_and_after_replies_are_all_told_and_late_ones_of_an_ended_watch_are_not() {
    let client = client_with(PATIENCE, |_, mut peer: Peer| {
        let Some(first) = peer.next() else { return };
        let one = first.second();
        peer.event("/w", &one);
        peer.event("/w/before", &one);
        peer.reply(&first, b"OK\0");
        peer.event("/w/between", &one);
        let Some(second) = peer.next() else { return };
        let two = second.second();
        assert_ne!(one, two);
        peer.reply(&second, b"OK\0");
        peer.event("/w", &two);
        peer.event("/w/after", &one);
        // The end of the second watch.
        let Some(end) = peer.next() else { return };
        peer.event("/w/late", &two);
        peer.reply(&end, b"OK\0");
        peer.event("/w/last", &one);
        peer.until_gone();
    });
    let first = client.watch(&path("/w")).unwrap();
    let second = client.watch(&path("/w")).unwrap();
    assert_eq!(next(&second), WatchEvent::Initial);
    second.close();
    for event in [
        WatchEvent::Initial,
        changed("/w/before"),
        changed("/w/between"),
        changed("/w/after"),
        changed("/w/last"),
    ] {
        assert_eq!(next(&first), event);
    }
    assert!(matches!(
        second.next_until(soon()),
        Err(Error::Refused { .. })
    ));
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
        assert_eq!(next(&watch), changed("/w/a"));
    });
}

#[test]
fn a_watch_that_the_new_daemon_refuses_ends_with_its_answer_and_the_others_go_on() {
    let client = client_with(PATIENCE, |number, mut peer| {
        for _ in 0..2 {
            let Some(request) = peer.next() else { return };
            if number >= 2 && request.first() == "/refused" {
                peer.error(&request, b"EACCES\0");
            } else {
                peer.reply(&request, b"OK\0");
                peer.event(&request.first(), &request.second());
            }
        }
        if number >= 2 {
            peer.until_gone();
        }
        // The first watch connection ends here.
    });
    let [good, refused] = ["/good", "/refused"].map(|name| client.watch(&path(name)).unwrap());
    assert_eq!(next(&good), WatchEvent::Initial);
    assert_eq!(next(&good), WatchEvent::Lost);
    assert_eq!(next(&good), WatchEvent::Reset);
    assert_eq!(next(&refused), WatchEvent::Initial);
    assert_eq!(next(&refused), WatchEvent::Lost);
    let error = refused.next_until(soon()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
}

#[test]
fn a_watch_set_while_the_daemon_is_away_waits_for_it() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let old = client.watch(&path("/old")).unwrap();
        assert_eq!(next(&old), WatchEvent::Initial);
        daemon.kill();
        assert_eq!(next(&old), WatchEvent::Lost);
        std::thread::scope(|scope| {
            let new = scope.spawn(|| client.watch(&path("/new")).unwrap());
            daemon.restart();
            assert_eq!(next(&new.join().unwrap()), WatchEvent::Initial);
        });
    });
}

#[test]
fn a_reset_by_hand_sets_the_watches_again() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let watch = client.watch(&path("/w")).unwrap();
        assert_eq!(next(&watch), WatchEvent::Initial);
        client.reset_watches().unwrap();
        assert_eq!(next(&watch), WatchEvent::Reset);
        client.write(&path("/w/a"), b"").unwrap();
        assert_eq!(next(&watch), changed("/w/a"));
    });
}

#[test]
fn a_watch_does_not_outlive_its_client_and_wakes_when_it_goes() {
    let (gone, ended) = mpsc::channel();
    let client = client_with(PATIENCE, move |_, mut peer| {
        while let Some(request) = peer.next() {
            peer.reply(&request, b"OK\0");
        }
        gone.send(()).unwrap();
    });
    let watch = client.watch(&path("/w")).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| watch.next().unwrap_err());
        drop(client);
        let error = waiter.join().unwrap();
        assert!(error.to_string().contains("the client is gone"), "{error}");
    });
    // Both connections are closed.
    for _ in 0..2 {
        ended.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn many_watches_are_set_ended_and_leave_nothing_behind() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let watches: Vec<Watch> = (0..300)
            .map(|n| client.watch(&path(&format!("/m/{n}"))).unwrap())
            .collect();
        for watch in &watches {
            assert_eq!(next(watch), WatchEvent::Initial);
        }
        drop(watches);
        let watch = client.watch(&path("/m")).unwrap();
        assert_eq!(next(&watch), WatchEvent::Initial);
        client.write(&path("/m/1"), b"").unwrap();
        assert_eq!(next(&watch), changed("/m/1"));
        assert_eq!(watch.try_next().unwrap(), None);
        assert_eq!(watch.next_until(Instant::now()).unwrap(), None);
    });
}

#[test]
fn a_slow_consumer_never_holds_up_the_others() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let (_slow, quick) = (
            client.watch(&path("/w")).unwrap(),
            client.watch(&path("/w")).unwrap(),
        );
        assert_eq!(next(&quick), WatchEvent::Initial);
        let other = client_of(daemon);
        // Fewer than 1024 events: oxenstored drops what is beyond without a word, and may never answer their cause.
        let writes: Vec<_> = (0..400)
            .map(|n| other.submit_write(&path(&format!("/w/{n}")), b""))
            .collect();
        for write in writes {
            write.wait().unwrap();
        }
        let mut last = None;
        eventually("the last event", || {
            last = quick
                .next_until(Instant::now() + Duration::from_millis(50))
                .unwrap()
                .or(last.take());
            last == Some(changed("/w/399"))
        });
    });
}
