//! Transcripts of sessions, which are documentation as well: the same on every store.
//!
//! `TRYCMD=overwrite cargo test -p xsh transcripts` writes what is printed now.

use xenbus_harness::for_each_daemon;

use crate::process::Serve;

fn on(socket: &std::path::Path, glob: &str) {
    let cases = trycmd::TestCases::new();
    cases
        .env("XENSTORED_PATH", socket.to_str().unwrap())
        .env("RUST_BACKTRACE", "0")
        .env("LC_ALL", "C");
    // Paths of transcripts are relative to the crate.
    cases.case(glob);
    cases.run();
}

/// Nodes of one's own for each transcript: they run side by side.
const EVERYWHERE: &str = "tests/it/transcripts/*.trycmd";

#[test]
fn transcripts_are_true_on_the_embedded_store() {
    on(Serve::start(&[]).socket(), EVERYWHERE);
}

#[test]
fn transcripts_are_true_on_the_simulated_host() {
    on(
        std::path::Path::new("/nonexistent"),
        "tests/it/transcripts/demo/*.trycmd",
    );
}

#[test]
fn transcripts_are_true_on_the_real_daemons() {
    for_each_daemon(|daemon| on(daemon.socket(), EVERYWHERE));
}
