//! From nothing to the whole model.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Instant;

use xenbus::client::{Client, ClientOptions};
use xenbus::transport::socket::SocketConnector;
use xstop::collect::{Options, Update, start};

use super::bare::{Asked, replay};
use super::host::Host;
use super::{median, row};

/// Seconds until the first picture with domains, and until everything is known.
fn load(socket: &Path, asked: Option<Arc<Asked>>) -> (f64, f64) {
    let begin = Instant::now();
    let mut options = ClientOptions::default();
    options.tap = asked.map(|asked| asked as _);
    let connector = Arc::new(SocketConnector::new(socket));
    let client = Client::with_connector(connector, options).unwrap();
    let (sender, updates) = channel();
    let handle = start(client, Options::default(), move |update| {
        drop(sender.send((Instant::now(), update)));
    })
    .unwrap();
    let mut first = None;
    for (at, update) in updates {
        let Update::Snapshot(snapshot) = update else {
            panic!("{update:?}");
        };
        if snapshot.domains.len() > 1 {
            first.get_or_insert(at);
        }
        if snapshot.link.loading.is_none() {
            drop(handle);
            let first = first.unwrap().duration_since(begin).as_secs_f64();
            return (first, at.duration_since(begin).as_secs_f64());
        }
    }
    panic!("the collector has ended");
}

pub(crate) fn measure(what: &str, host: &Host, rounds: usize) {
    let asked = Arc::new(Asked::default());
    load(&host.socket, Some(Arc::clone(&asked)));
    let requests = asked.readings();
    println!(
        "{what}: {} requests make the model, median of {rounds}",
        requests.len()
    );
    let few = &requests[..3000.min(requests.len())];
    let (mut firsts, mut completes, mut bares, mut fews, mut batches) =
        (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..rounds {
        let (first, complete) = load(&host.socket, None);
        let bare = replay(&host.socket, &requests).as_secs_f64();
        let few = replay(&host.socket, few).as_secs_f64();
        let batch = batch(host);
        firsts.push((first, few));
        completes.push((complete, bare));
        batches.push((batch, complete));
        bares.push(bare);
        fews.push(few);
    }
    let ratio = |pairs: &[(f64, f64)]| median(pairs.iter().map(|(ours, other)| ours / other));
    let mine = |pairs: &[(f64, f64)]| 1000.0 * median(pairs.iter().map(|(ours, _)| *ours));
    row("bare: 3,000 requests", 1000.0 * median(fews), "ms", None);
    row("first useful picture", mine(&firsts), "ms", None);
    row(
        "  against 3,000 bare requests",
        ratio(&firsts),
        "x",
        Some(1.0),
    );
    row(
        "bare: all requests of the model",
        1000.0 * median(bares),
        "ms",
        None,
    );
    row("the complete model", mine(&completes), "ms", None);
    row(
        "  against its bare requests",
        ratio(&completes),
        "x",
        Some(1.25),
    );
    row(
        "xstop --once -o json, a whole process",
        mine(&batches),
        "ms",
        None,
    );
    row(
        "  against the complete model",
        ratio(&batches),
        "x",
        Some(1.2),
    );
    if let Some(listing) = list(host) {
        let complete = median(completes.iter().map(|(ours, _)| *ours));
        row(
            "xenstore-ls -fp of the same store",
            1000.0 * listing,
            "ms",
            None,
        );
        row(
            "  the complete model against it",
            complete / listing,
            "x",
            Some(0.333),
        );
    }
}

/// Seconds of a whole process that prints everything.
fn batch(host: &Host) -> f64 {
    let begin = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_xstop"))
        .args(["--once", "-o", "json", "--connect"])
        .arg(format!("unix:{}", host.socket.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    begin.elapsed().as_secs_f64()
}

/// Seconds of the program that lists everything, if it is there.
fn list(host: &Host) -> Option<f64> {
    let program = xenbus_harness::requires_tool("xenstore-ls")?;
    let begin = Instant::now();
    let status = Command::new(program)
        .arg("-fp")
        .env("XENSTORED_PATH", &host.socket)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    Some(begin.elapsed().as_secs_f64())
}
