use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use xenbus::client::{Client, ClientOptions, Operations};
use xenbus::counters::{Fill, Occupancy};
use xenbus::demo::{Host, Scenario};
use xenbus::device::history::Moment;
use xenbus::device::layout::Unit;
use xenbus::device::{DeviceId, Reading};
use xenbus::mirror::Mirrored;
use xenbus::tree::Field;
use xenbus::{DomId, StorePath};

use super::line::SampleLine;
use super::value::Node;
use super::*;
use crate::collect::{Command, Handle, Options, Recorder as _, Update, start};
use crate::model::{RingUse, Sample, Snapshot, UseSource};

const PATIENCE: Duration = Duration::from_secs(20);

fn wait(
    updates: &Receiver<Update>,
    what: &str,
    wanted: impl Fn(&Snapshot) -> bool,
) -> Arc<Snapshot> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match updates.recv_timeout(left) {
            Ok(Update::Snapshot(snapshot)) if wanted(&snapshot) => return snapshot,
            Ok(Update::Snapshot(_)) => {}
            Ok(Update::Fatal(why)) => panic!("{what}: {why}"),
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

fn play(path: &Path, speed: f64) -> (Handle, Receiver<Update>) {
    let (sender, updates) = channel();
    let handle = replay(path, speed, move |update| drop(sender.send(update))).unwrap();
    (handle, updates)
}

fn refused(path: &Path) -> String {
    replay(path, 1.0, |_| {}).unwrap_err().to_string()
}

/// What both a live host and its recording show.
fn shown(snapshot: &Snapshot) -> Vec<String> {
    let devices = snapshot.devices.iter().map(|row| {
        let device = &row.device;
        let states = (device.front_seen(), device.back_seen());
        format!("{} {states:?} {:?}", device.id, row.rings())
    });
    let domains = snapshot.domains.iter();
    domains
        .map(|row| format!("{:?}", row.domain))
        .chain(devices)
        .collect()
}

#[test]
fn a_recording_shows_what_was_seen_and_can_be_sought_in() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("recording");
    let host = Host::start(&Scenario::find("quiet").unwrap()).unwrap();
    let client =
        || Client::with_connector(host.connector(DomId::DOM0), ClientOptions::default()).unwrap();
    let (sender, updates) = channel();
    let options = Options {
        recorder: Some(Box::new(
            Writer::create(&path, Duration::from_secs(1000)).unwrap(),
        )),
        ..Options::default()
    };
    let handle = start(client(), options, move |update| drop(sender.send(update))).unwrap();
    let first = wait(&updates, "everything", |s| s.link.loading.is_none());
    let name = StorePath::parse("/local/domain/1/name").unwrap();
    client().write(&name, b"renamed \x1b\xff").unwrap();
    let is_renamed = |s: &Snapshot| s.log.iter().any(|row| row.path == name);
    let last = wait(&updates, "the new name", is_renamed);
    drop(handle);

    let (handle, updates) = play(&path, 1000.0);
    let again = wait(&updates, "the new name again", is_renamed);
    assert_eq!(shown(&again), shown(&last));
    assert!(again.link.is_replay);
    assert_eq!(
        again.log.iter().last().unwrap().change,
        last.log.iter().last().unwrap().change
    );
    let value = |handle: &Handle| {
        let nodes = handle.nodes().unwrap();
        nodes[&name].value.known().cloned().unwrap()
    };
    assert_eq!(value(&handle), b"renamed \x1b\xff");
    // Nodes that the model has no use for are there, too.
    let uuid = StorePath::parse("/tool/xenstored").unwrap();
    assert!(handle.nodes().unwrap().contains_key(&uuid));

    handle.send(Command::Speed(0.0));
    handle.send(Command::Seek(Duration::ZERO));
    let begin = handle.timeline().unwrap().begin;
    let back = wait(&updates, "the beginning", |s| s.now == begin);
    assert_eq!(shown(&back), shown(&first));
    assert_ne!(value(&handle), b"renamed \x1b\xff");
    handle.send(Command::Seek(Duration::MAX));
    let end = wait(&updates, "the end", |s| s.now > begin);
    assert_eq!(shown(&end), shown(&last));
}

#[test]
fn what_is_no_recording_is_said_to_be_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let put = |text: &str| std::fs::write(&path, text).unwrap();
    assert!(refused(&directory.path().join("no")).contains("No such file"));
    put("");
    assert!(refused(&path).contains("is empty"));
    put("hello\n");
    assert!(refused(&path).contains("xstop-recording"));
    put("{\"format\":\"xstop-recording\",\"version\":99,\"epoch\":0,\"program\":\"x\"}\n");
    assert!(refused(&path).contains("version 99"));
    put("{\"format\":\"xstop-recording\",\"version\":1,\"epoch\":0,\"program\":\"x\"}\n");
    assert!(refused(&path).contains("ends before"));
}

#[test]
fn a_recording_that_was_cut_plays_up_to_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let mut file = std::fs::File::create(&path).unwrap();
    let lines = [
        r#"{"format":"xstop-recording","version":1,"epoch":0,"program":"x"}"#,
        r#"{"t":0,"nodes":{"/local/domain/3/name":"three"}}"#,
        r#"{"t":0,"complete":true,"from the future":[1]}"#,
        r#"{"t":5,"path":"/local/domain/3/name","value":"third"}"#,
        r#"{"t":9,"path":"/local/dom"#,
    ];
    file.write_all(lines.join("\n").as_bytes()).unwrap();
    let (handle, updates) = play(&path, 1e6);
    assert_eq!(
        handle.timeline().map(|timeline| timeline.end),
        Some(Moment(Duration::from_secs(5)))
    );
    wait(&updates, "the last change", |s| {
        s.name_of(DomId(3)) == "third"
    });
}

#[test]
fn samples_come_back_as_they_were() {
    let mut sample = Sample {
        interface: Some("vif3.0".into()),
        ..Sample::default()
    };
    sample.add("rx_bytes", None, u64::MAX);
    sample.add("tx_pending", Some(1), 3);
    let occupancies = [
        Reading::Known(Occupancy::Requests {
            in_flight: Fill::between(5, 9, 32),
            req_prod: 9,
            rsp_prod: 5,
        }),
        Reading::Known(Occupancy::Duplex {
            unit: Unit::Bytes,
            into_guest: Fill::Impossible {
                claimed: 2000,
                of: 1024,
            },
            from_guest: Some(Fill::between(0, 7, 2048)),
        }),
        Reading::Denied,
    ];
    sample.rings = occupancies
        .map(|occupancy| RingUse {
            occupancy,
            source: UseSource::Page,
        })
        .into_iter()
        .chain([RingUse::UNKNOWN])
        .collect();
    for id in [
        DeviceId::new(DomId(3), "vif", "0"),
        DeviceId::primary_console(DomId(3)),
    ] {
        let text = serde_json::to_string(&SampleLine::of(&id, &sample)).unwrap();
        let line: SampleLine = serde_json::from_str(&text).unwrap();
        assert_eq!(line.read(), (id, sample.clone()));
    }
}

/// Takes so many bytes.
struct Full(usize);
impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => self.0 = left,
            None => return Err(std::io::ErrorKind::StorageFull.into()),
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_said_and_does_no_harm() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    assert!(Writer::new(Box::new(full), Duration::ZERO).is_err());
    let mut writer = Writer::new(Box::new(Full(200)), Duration::ZERO).unwrap();
    let trouble = writer.trouble();
    let node = Arc::new(Mirrored {
        path: StorePath::parse("/a").unwrap(),
        value: Field::Known(vec![b'x'; 4000]),
        perms: Field::Unasked,
        listed: true,
        more: false,
    });
    for _ in 0..10 {
        writer.nodes(&mut [Arc::clone(&node)].iter(), Moment::default());
    }
    writer.flush();
    assert!(trouble.get().unwrap().contains("storage space"));
}

proptest! {
    #[test]
    fn nodes_come_back_as_they_were(value: Option<Vec<u8>>, listed: bool) {
        let path = StorePath::parse("/a").unwrap();
        let node = Mirrored {
            path: path.clone(),
            value: value.map_or(Field::Denied, Field::Known),
            perms: Field::Unasked,
            listed,
            more: false,
        };
        let line = Line {
            path: Some("/a".into()),
            value: Some(Node::from(&node)),
            ..Line::default()
        };
        let text = serde_json::to_string(&line).unwrap();
        prop_assert!(!text.contains('\n'));
        let line: Line = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(line.value.unwrap().at(path).unwrap(), node);
    }
}
