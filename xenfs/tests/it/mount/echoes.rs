//! Own and others' changes of the same nodes, one after the other at random: who listens to their directory hears each
//! once, and sees what is there.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{XattrFlags, setxattr};
use xenbus::Operations as _;
use xenbus_harness::requires_fuse;
use xenfs::settings::Settings;

use super::inotify::{Listener, told_of};
use super::rig::{Chance, Mount, path};
use crate::stores::{Store, for_each_store};

/// The nodes, in `t`.
const NAMES: [&str; 2] = ["x", "y"];
const VALUES: [&str; 2] = ["1", "2"];
const PERMS: [&str; 2] = ["n0", "n0,r5"];

/// A node as it is now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Node {
    directory: bool,
    /// Which value; `None`: empty.
    value: Option<usize>,
    perms: usize,
    /// What it has below: `c`, and its value.
    child: Option<usize>,
    /// The value was set through the mount, and nobody has changed it since.
    own_value: bool,
    /// So were the permissions.
    own_perms: bool,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Of a file here, of any node there.
    Write(usize),
    WriteChild(usize),
    Mkdir,
    Remove,
    RemoveChild,
    Perms(usize),
    /// To the other name.
    Rename,
}

/// Everybody who may do it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Who {
    /// A program, through the mount.
    Here,
    /// Another client of the store.
    There,
}

/// A step that can be done, if `chance` finds one.
fn choose(chance: &mut Chance, nodes: &[Option<Node>; 2], at: usize) -> Option<(Who, Step)> {
    let who = match chance.below(2) {
        0 => Who::Here,
        _ => Who::There,
    };
    let (here, node) = (who == Who::Here, nodes[at]);
    let directory = node.is_some_and(|node| node.directory);
    let value = usize::from(chance.below(2) == 0);
    let step = match chance.below(12) {
        0..4 if !(here && directory) => Step::Write(value),
        4..6 if !here || directory => Step::WriteChild(value),
        6 if node.is_none() => Step::Mkdir,
        7 if node?.child.is_some() => Step::RemoveChild,
        8 if !here || !directory || node?.child.is_none() && node?.value.is_none() => {
            node.map(|_| Step::Remove)?
        }
        9 => Step::Perms(1 - node?.perms),
        10 if here => match (node?, nodes[1 - at]) {
            (_, None) => Step::Rename,
            (from, Some(to)) if !from.directory && !to.directory => Step::Rename,
            _ => return None,
        },
        _ => return None,
    };
    Some((who, step))
}

fn take(mount: &Mount, who: Who, step: Step, at: usize) -> io::Result<()> {
    let (node, file) = (format!("/t/{}", NAMES[at]), mount.file("t").join(NAMES[at]));
    let child = format!("{node}/c");
    // A process of its own: any that is started here just then would hold the file open.
    let write = |below: &str, value: usize| {
        mount.sh(&format!("echo {} > t/{}{below}", VALUES[value], NAMES[at]));
    };
    match (who, step) {
        (Who::Here, Step::Write(value)) => write("", value),
        (Who::Here, Step::WriteChild(value)) => write("/c", value),
        (Who::Here, Step::Mkdir) => fs::create_dir(file)?,
        (Who::Here, Step::Remove) if file.is_dir() => fs::remove_dir(file)?,
        (Who::Here, Step::Remove) => fs::remove_file(file)?,
        (Who::Here, Step::RemoveChild) => fs::remove_file(file.join("c"))?,
        (Who::Here, Step::Perms(perms)) => {
            let (name, value) = ("user.xenstore.perms", PERMS[perms].as_bytes());
            setxattr(file, name, value, XattrFlags::empty())?;
        }
        (_, Step::Rename) => fs::rename(file, mount.file("t").join(NAMES[1 - at]))?,
        (Who::There, Step::Write(value)) => mount.put(&node, VALUES[value]),
        (Who::There, Step::WriteChild(value)) => mount.put(&child, VALUES[value]),
        (Who::There, Step::Mkdir) => mount.store.mkdir(&path(&node)).unwrap(),
        (Who::There, Step::Remove) => mount.store.rm(&path(&node)).unwrap(),
        (Who::There, Step::RemoveChild) => mount.store.rm(&path(&child)).unwrap(),
        (Who::There, Step::Perms(perms)) => mount.perms(&node, PERMS[perms]),
    }
    Ok(())
}

/// A line of `inotifywait`.
fn line(event: &str, directory: bool, at: usize) -> String {
    let directory = if directory { ",ISDIR" } else { "" };
    format!("{event}{directory} ./t/{}", NAMES[at])
}

fn written(at: usize) -> [String; 3] {
    ["OPEN", "MODIFY", "CLOSE_WRITE,CLOSE"].map(|event| line(event, false, at))
}

/// What a step makes of the nodes, and what is told of it in their directory.
fn expect(nodes: &mut [Option<Node>; 2], who: Who, step: Step, at: usize) -> Vec<String> {
    let before = nodes[at];
    let directory = before.is_some_and(|node| node.directory);
    match step {
        Step::Write(value) => {
            let node = nodes[at].get_or_insert_default();
            node.own_value = who == Who::Here || node.own_value && node.value == Some(value);
            node.value = Some(value);
            let made = before.is_none().then(|| line("CREATE", false, at));
            let written = (!directory).then(|| written(at));
            made.into_iter()
                .chain(written.into_iter().flatten())
                .collect()
        }
        Step::WriteChild(value) => {
            let node = nodes[at].get_or_insert_default();
            (node.directory, node.child) = (true, Some(value));
            let gone = before.map(|_| line("DELETE", false, at));
            let made = line("CREATE", true, at);
            let told = gone.into_iter().chain([made]);
            told.take(if directory { 0 } else { 2 }).collect()
        }
        Step::Mkdir => {
            nodes[at] = Some(Node {
                directory: who == Who::Here,
                ..Node::default()
            });
            vec![line("CREATE", who == Who::Here, at)]
        }
        Step::Remove => {
            nodes[at] = None;
            vec![line("DELETE", directory, at)]
        }
        Step::RemoveChild => {
            nodes[at].as_mut().unwrap().child = None;
            Vec::new()
        }
        Step::Perms(perms) => {
            let node = nodes[at].as_mut().unwrap();
            (node.perms, node.own_perms) = (perms, who == Who::Here);
            vec![line("ATTRIB", directory, at)]
        }
        Step::Rename => {
            let mut node = nodes[at].take().unwrap();
            (node.own_value, node.own_perms) = (true, true);
            nodes[1 - at] = Some(node);
            let from = line("MOVED_FROM", directory, at);
            vec![from, line("MOVED_TO", directory, 1 - at)]
        }
    }
}

/// The nodes as the mount shows them.
fn shown(mount: &Mount, at: usize) -> Option<(bool, String, String)> {
    let file = mount.file("t").join(NAMES[at]);
    let kind = fs::metadata(&file).ok()?;
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    Some(if kind.is_dir() {
        (true, read(file.join(".value")), read(file.join("c")))
    } else {
        (false, read(file), String::new())
    })
}

fn play(store: &Store, seed: u64, steps: usize) {
    let mount = Mount::with(store, &Settings::default());
    drop(mount.store.rm(&path("/t")));
    mount.put("/t/end", "");
    mount.quiet();
    let listener = Listener::new(&mount, &[], &["./t"]);
    let mut chance = Chance(seed);
    let mut nodes = [None; 2];
    let mut done = Vec::new();
    while done.len() < steps {
        let at = usize::from(chance.below(2) == 0);
        let Some((who, step)) = choose(&mut chance, &nodes, at) else {
            continue;
        };
        done.push((who, step, NAMES[at]));
        let before = nodes[at];
        let expected = expect(&mut nodes, who, step, at);
        let told = told_of(&mount, &listener, || take(&mount, who, step, at).unwrap());
        // Nothing can tell a write of what is there already from the echo of what was just set here.
        let is_same = |node: Node| {
            (node.own_value || node.own_perms)
                && matches!(step, Step::Write(value) if node.value == Some(value))
        };
        if !(told.is_empty() && who == Who::There && before.is_some_and(is_same)) {
            assert_eq!(told, expected, "seed {seed}: {done:#?}");
        }
        if let (Step::Rename, Some(node)) = (step, &mut nodes[1 - at]) {
            // What replaces another file may keep that one's.
            let perms = mount.perms_of(&format!("/t/{}", NAMES[1 - at]));
            node.perms = usize::from(perms == PERMS[1]);
        }
        let content =
            |value: Option<usize>| value.map_or(String::new(), |at| format!("{}\n", VALUES[at]));
        for (at, node) in nodes.iter().enumerate() {
            let expected =
                node.map(|node| (node.directory, content(node.value), content(node.child)));
            assert_eq!(shown(&mount, at), expected, "seed {seed}: {done:#?}");
        }
        // Looking was told, too.
        told_of(&mount, &listener, || ());
    }
}

#[test]
fn every_change_of_others_is_told_whatever_was_done_here_before() {
    if !requires_fuse() {
        return;
    }
    let (rounds, steps) = match std::env::var_os("XENBUS_LONG") {
        Some(_) => (20, 400),
        None => (2, 60),
    };
    for_each_store(|store| {
        for seed in 1..=rounds {
            play(store, seed, steps);
        }
    });
}

#[test]
fn a_change_is_seen_although_others_write_the_node_here_all_the_time() {
    let owners = Settings {
        owner_base: Some(100_000),
        ..Settings::default()
    };
    if !requires_fuse() {
        return;
    }
    for_each_store(|store| {
        let _guest = store.domain(5);
        let mount = &Mount::with(store, &owners);
        mount.put("/t/x", "0");
        mount.quiet();
        let owner = || fs::metadata(mount.file("t/x")).unwrap().uid();
        assert_eq!(owner(), 100_000);
        let stop = AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        fs::write(mount.file("t/x"), "1").unwrap();
                    }
                });
            }
            let seen = [5, 0, 5, 0, 5].into_iter().all(|domid| {
                mount.perms("/t/x", &format!("n{domid}"));
                let deadline = Instant::now() + Duration::from_secs(20);
                let is_seen = || owner() == 100_000 + domid;
                while !is_seen() && Instant::now() < deadline {}
                is_seen()
            });
            stop.store(true, Ordering::Relaxed);
            seen
        });
        assert!(seen);
    });
}
