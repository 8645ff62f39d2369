//! The life of two guests, event by event.

use std::collections::BTreeMap;
use std::time::Duration;

use xenbus::device::{
    Circumstances, Concern, DeviceId, History, Host, Moment, Run, Seen, Severity, diagnose,
};
use xenbus::{DomId, StorePath};

use super::{Nodes, path, shown};

const LIFE: &str = include_str!("../fixtures/host_model/life.txt");

/// What happened, and when.
enum Event {
    Write(StorePath, Vec<u8>),
    Remove(StorePath),
    Release,
    Other,
}

fn events() -> Vec<(Moment, Event)> {
    LIFE.lines()
        .map(|line| {
            let mut words = line.splitn(4, ' ');
            let seconds: f64 = words.next().unwrap().parse().unwrap();
            let event = match (words.next().unwrap(), words.next().unwrap()) {
                ("write", at) => {
                    let value = words.next().unwrap_or_default();
                    Event::Write(path(at), value.as_bytes().to_vec())
                }
                ("rm", at) => Event::Remove(path(at)),
                ("event", "@releaseDomain") => Event::Release,
                ("event", _) => Event::Other,
                other => panic!("{other:?}"),
            };
            (Moment(Duration::from_secs_f64(seconds)), event)
        })
        .collect()
}

/// Replays everything and looks after each event.
fn replay(mut look: impl FnMut(Moment, &Nodes, Option<&StorePath>)) {
    let mut nodes = Nodes::new();
    nodes.insert(path("/local/domain/0/name"), b"Domain-0".to_vec());
    for (now, event) in events() {
        let changed = match event {
            Event::Write(at, value) => {
                nodes.insert(at.clone(), value);
                Some(at)
            }
            Event::Remove(at) => {
                nodes.retain(|path, _| !path.is_within(&at));
                Some(at)
            }
            Event::Release | Event::Other => None,
        };
        look(now, &nodes, changed.as_ref());
    }
}

#[test]
fn states_move_as_they_did() {
    let mut seen: BTreeMap<DeviceId, (Vec<Seen>, Vec<Seen>)> = BTreeMap::new();
    replay(|_, nodes, _| {
        let host = Host::read(nodes);
        for (id, (front, back)) in &mut seen {
            if !host.devices.contains_key(id) {
                for log in [front, back] {
                    log.extend((log.last() != Some(&Seen::Absent)).then_some(Seen::Absent));
                }
            }
        }
        for device in host.devices.values() {
            let (front, back) = seen.entry(device.id.clone()).or_default();
            for (log, now) in [(front, device.front_seen()), (back, device.back_seen())] {
                log.extend((log.last() != Some(&now)).then_some(now));
            }
        }
    });
    let story = |kind: &str, index: &str, domain| {
        let (front, back) = &seen[&DeviceId::new(DomId(domain), kind, index)];
        let text = |log: &[Seen]| {
            let words: Vec<String> = log
                .iter()
                .map(|seen| seen.state().map_or("-".into(), |state| state.0.to_string()))
                .collect();
            words.join("")
        };
        (text(front), text(back))
    };
    let told = |front: &str, back: &str| (front.to_owned(), back.to_owned());
    // "-" is "absent" or "no state yet": a directory exists before its keys.
    assert_eq!(story("vbd", "51712", 3), told("--134-", "--246-"));
    assert_eq!(story("vif", "0", 3), told("--14-", "--246-"));
    assert_eq!(story("vif", "1", 3), told("--146-", "--2456-"));
    assert_eq!(story("vbd", "268441856", 3), told("--1346-", "--2456-"));
    assert_eq!(story("vbd", "51712", 4), told("--1-", "--26-"));
    assert_eq!(story("vif", "0", 4), told("--1-", "--26-"));
}

#[test]
fn reading_only_what_changed_gives_the_same_model_after_every_event() {
    let mut host = Host::default();
    let mut partial = 0;
    replay(|now, nodes, changed| {
        let all = Host::read(nodes);
        if host.domains.is_empty() {
            host = Host::read(nodes);
        } else if let Some(path) = changed
            && host.refresh(nodes, path) != Concern::Everything
        {
            partial += 1;
        }
        assert_eq!(shown(&host), shown(&all), "at {now:?}: {changed:?}");
    });
    assert!(partial > 150, "{partial}");
}

/// The worst of each finding, about each device or domain, in a replay where `runs` says how a domain is.
fn findings(
    runs: impl Fn(Moment) -> BTreeMap<DomId, Run>,
) -> BTreeMap<(&'static str, u32), Severity> {
    let mut history = History::default();
    let mut worst = BTreeMap::new();
    history.observe(&Host::default(), Moment::default());
    let mut last: Option<Host> = None;
    replay(|now, nodes, _| {
        let circumstances = Circumstances {
            now,
            runs: runs(now),
            ..Circumstances::default()
        };
        let host = Host::read(nodes);
        // What was there until now has become oldest at this moment.
        for (host, is_new) in [(last.as_ref(), false), (Some(&host), true)] {
            let Some(host) = host else { continue };
            if is_new {
                history.observe(host, now);
            }
            for finding in diagnose(host, Some(&history), &circumstances) {
                let place = (finding.id, finding.subject.domain().0);
                let severity = worst.entry(place).or_insert(finding.severity);
                *severity = (*severity).max(finding.severity);
            }
        }
        last = Some(host);
    });
    worst
}

#[test]
fn an_ordinary_life_raises_no_alarm() {
    let worst = findings(|_| BTreeMap::new());
    let of_three: Vec<_> = worst
        .iter()
        .filter(|((_, domain), _)| *domain == 3)
        .collect();
    // The guest's kernel took some seconds to come up.
    assert_eq!(of_three, [(&("guest-driver-missing", 3), &Severity::Info)]);
}

#[test]
fn a_crashed_guest_that_is_kept_is_a_remark_once_it_is_known_to_have_crashed() {
    let crash = Moment(Duration::from_secs(75));
    let run = |now: Moment| {
        if now < crash {
            Run::Running
        } else {
            Run::Halted
        }
    };
    let known = findings(|now| [(DomId(4), run(now))].into());
    let of_four: Vec<_> = known
        .iter()
        .filter(|((_, domain), _)| *domain == 4)
        .collect();
    assert_eq!(of_four, [(&("guest-driver-missing", 4), &Severity::Info)]);
    // Nobody told us: a guest that has run and does nothing about its devices.
    let unknown = findings(|_| BTreeMap::new());
    assert_eq!(unknown[&("guest-driver-missing", 4)], Severity::Warning);
}
