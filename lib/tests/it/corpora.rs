//! The committed corpora of the fuzz targets, replayed.

#[expect(
    unreachable_pub,
    reason = "the fuzz targets, which are crates of their own, include this file"
)]
mod targets;

use std::path::PathBuf;

#[test]
fn the_corpora_of_the_fuzz_targets_hold_no_surprise() {
    let corpora = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let there = || {
        let is_there = corpora.is_dir();
        is_there
            .then_some(())
            .ok_or_else(|| "they are not part of the package".to_owned())
    };
    if !xenbus_harness::requires("the corpora of lib/fuzz", there) {
        return;
    }
    for (name, target) in targets::TARGETS {
        let files = std::fs::read_dir(corpora.join(name)).unwrap();
        let mut inputs: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for input in inputs {
            // The last one shown is the one that fails.
            eprintln!("{}", input.display());
            target(&std::fs::read(input).unwrap());
        }
        target(b"");
    }
}
