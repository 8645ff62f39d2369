//! What `.events` tells of random changes, put together.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;

use proptest::prelude::*;
use rustix::fs::OFlags;
use xenbus_harness::requires_fuse;

use super::model::{fresh, runner, take_all};
use super::rig::Mount;
use crate::ops::model::{in_store, shared_steps};
use crate::stores::for_each_store;

/// What the lines of `.events` have told until now: paths and values.
struct Told {
    lines: File,
    nodes: BTreeMap<String, String>,
}

impl Told {
    fn new(mount: &Mount) -> Self {
        let mut options = File::options();
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let options = options.read(true).custom_flags(flags);
        Self {
            lines: options.open(mount.file(".events")).unwrap(),
            nodes: BTreeMap::new(),
        }
    }

    /// Takes the lines that are there.
    fn listen(&mut self) -> Result<(), TestCaseError> {
        let mut text = String::new();
        let end = self.lines.read_to_string(&mut text).unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::WouldBlock);
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let name = line["path"].as_str().unwrap().to_owned();
            if !["/a", "/b"].iter().any(|top| name.starts_with(top)) {
                continue;
            }
            let known = self.nodes.contains_key(&name);
            let value = line["value"].as_str().map(str::to_owned);
            let fits = match (line["kind"].as_str().unwrap(), value) {
                ("created", Some(value)) => self.nodes.insert(name, value).is_none(),
                ("modified", Some(value)) => self.nodes.insert(name, value).is_some(),
                ("removed", None) => self.nodes.remove(&name).is_some(),
                _ => false,
            };
            prop_assert!(fits, "known: {known}: {line}");
        }
        Ok(())
    }
}

#[test]
fn the_lines_of_events_tell_what_the_store_has_also_after_bursts_of_changes() {
    if !requires_fuse() {
        return;
    }
    for_each_store(|store| {
        let tried = runner().run(&shared_steps(), |steps| {
            let mount = fresh(store);
            let mut told = Told::new(&mount);
            for burst in steps.chunks(5) {
                take_all(&mount, burst);
                told.listen()?;
                let nodes = in_store(&mount.store);
                prop_assert_eq!(&told.nodes, &nodes, "{:?}", burst);
            }
            Ok(())
        });
        tried.unwrap();
    });
}
