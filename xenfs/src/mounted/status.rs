//! `.xenfs/status`: how the mount is, as JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use xenbus::Operations as _;
use xenbus::client::Request;
use xenbus::path::PHANTOM_NODES;
use xenbus::wire::Op;
use xenbus::{Client, StorePath};

use super::Mounted;

/// Where the mount comes from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// What the first column of /proc/mounts shows.
    pub source: String,
}

impl Mounted {
    /// The text of the status file.
    pub(super) fn status(&self) -> Vec<u8> {
        let store = self.main.client().store();
        let address = store.address();
        let stats = self.main.stats();
        let stale_since = stats
            .stale_since()
            .and_then(|since| SystemTime::now().checked_sub(since.elapsed()));
        let helper = stats.helper.get();
        let told = json!({
            "source": self.origin.source,
            "address": address,
            "transport": transport(&address),
            "daemon": self.daemon(store, &address),
            "privileged": self.main.is_privileged(),
            "mounted_since": seconds(self.main.mounted()),
            "requests": stats.requests.get(),
            "open_files": self.main.open_files(),
            "nodes": self.main.inodes().count(),
            "transactions": self.transactions.count(),
            "stale_since": stale_since.map(seconds),
            "events": stats.events.get(),
            "events_per_second": stats.events_per_second(),
            "event_losses": stats.lost.get(),
            "event_streams": stats.streams.get(),
            "replay": {
                "helper": (helper != 0).then_some(helper),
                "restarts": stats.helpers.get(),
                "queue": stats.queue.get(),
                "replayed": stats.replayed.get(),
                "failed": stats.failed.get(),
            },
        });
        let mut text = format!("{told:#}").into_bytes();
        text.push(b'\n');
        text
    }

    /// Which kind of daemon answers: oxenstored lists two nodes in the root that are none. A guest may not look, and a
    /// store that is away does not tell.
    fn daemon(&self, store: &Client, address: &str) -> Value {
        if transport(address) == "memory" {
            return "embedded".into();
        }
        if self.main.check().is_err() {
            return Value::Null;
        }
        let root = StorePath::root();
        match store.submit(Request::path(Op::DIRECTORY, &root)).wait() {
            Ok(names) if PHANTOM_NODES.iter().any(|phantom| is_in(&names, phantom)) => {
                "oxenstored".into()
            }
            Ok(_) => "xenstored".into(),
            Err(_) => Value::Null,
        }
    }
}

fn is_in(names: &[u8], name: &str) -> bool {
    names
        .split(|byte| *byte == 0)
        .any(|other| other == name.as_bytes())
}

/// By which way the store is reached.
fn transport(address: &str) -> &'static str {
    match address.split_once(':').map(|(kind, _)| kind) {
        Some("unix") => "socket",
        Some("dev") => "device",
        _ => "memory",
    }
}

fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    // Milliseconds are enough, and short to read.
    (since.as_secs_f64() * 1000.0).round() / 1000.0
}
