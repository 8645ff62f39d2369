//! Without a screen.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use xenbus::device::diagnosis::rows;
use xstop::column::{DEVICES, DOMAINS, FINDINGS, RINGS};

use crate::host::{Running, Served, printed, said, xstop};

/// How long anything may take before a test says that it never comes.
const DEADLINE: Duration = Duration::from_secs(20);

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn json_has_every_column_and_what_is_not_known_is_null() {
    let served = Served::start("small");
    let text = printed(served.xstop().args(["--once", "-o", "json"]));
    assert_eq!(text.lines().count(), 1);
    let sample = json(&text);
    assert_eq!(
        (&sample["format"], &sample["version"]),
        (&"xstop".into(), &1.into())
    );
    let device = sample["devices"]
        .as_array()
        .unwrap()
        .iter()
        .find(|device| device["class"] == "vbd" && device["backend"] == "Domain-0")
        .unwrap();
    for column in DEVICES {
        assert!(device.get(column.id).is_some(), "{}", column.id);
    }
    for column in DOMAINS {
        assert!(
            sample["domains"][0].get(column.id).is_some(),
            "{}",
            column.id
        );
    }
    // Counters were read once: they are there, and their rates are not known.
    assert!(device["counters"]["rd_req"].is_u64(), "{device}");
    assert_eq!(device["requests"], Value::Null);
    assert_eq!(device["front_state"], "Connected");
    let ring = &device["ring_list"][0];
    let of_device = ["domid", "domain", "class", "index", "device"];
    for column in RINGS
        .iter()
        .filter(|column| !of_device.contains(&column.id))
    {
        assert!(ring.get(column.id).is_some(), "{}", column.id);
    }
    assert_eq!(ring["entries"], 32);
    assert_eq!(device["back_history"][0]["state"], "Connected");
}

#[test]
fn rates_are_known_from_the_second_sample_on() {
    let served = Served::start("busy");
    let text = printed(
        served
            .xstop()
            .args(["-b", "-n", "4", "-d", "1", "-o", "json"]),
    );
    let samples: Vec<Value> = text.lines().map(json).collect();
    assert_eq!(samples.len(), 4);
    let rates = |sample: &Value| {
        let devices = sample["devices"].as_array().unwrap();
        let rates = devices
            .iter()
            .filter_map(|device| device["requests"].as_f64());
        rates.collect::<Vec<f64>>()
    };
    assert_eq!(rates(&samples[0]), [0.0; 0]);
    // Where the files were written since the first.
    assert!(!rates(&samples[1]).is_empty());
    let later = rates(&samples[3]);
    assert!(later.len() > 50, "{later:?}");
    assert!(later.iter().any(|rate| *rate > 1.0));
}

#[test]
fn csv_has_one_head_and_every_column() {
    let served = Served::start("small");
    for (table, columns) in [
        ("domains", DOMAINS.len()),
        ("devices", DEVICES.len()),
        ("rings", RINGS.len()),
        ("findings", FINDINGS.len()),
    ] {
        let args = ["-b", "-n", "2", "-d", "0.2", "-o", "csv", "--table", table];
        let text = printed(served.xstop().args(args));
        let heads = text.lines().filter(|line| line.starts_with("time,"));
        assert_eq!(heads.count(), 1, "{table}");
        let head = text.lines().next().unwrap();
        assert_eq!(head.split(',').count(), columns + 1, "{table}");
    }
}

#[test]
fn text_is_for_people_and_a_reader_that_has_enough_is_no_error() {
    let served = Served::start("small");
    let text = printed(served.xstop().args(["--once"]));
    for word in ["DOMAIN", "xvda", "Connected", "no findings", "5 domains"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let mut many = Running::start(
        served
            .xstop()
            .args(["-b", "-d", "0.1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    assert!(many.line().starts_with("time "));
    drop(many.0.stdout.take());
    let status = many.0.wait().unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn a_check_ends_as_a_monitoring_plugin_does() {
    let healthy = Served::start("small");
    let broken = Served::start("broken");
    let run = |served: &Served, check: &str| {
        let output = served
            .xstop()
            .arg(check)
            .args(["-d", "0.1"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        (output.status.code().unwrap(), text)
    };
    let (code, text) = run(&healthy, "--check");
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("XSTOP OK - 5 domains"), "{text}");
    let (code, text) = run(&broken, "--check");
    assert_eq!(code, 2, "{text}");
    assert!(text.starts_with("XSTOP CRITICAL - "), "{text}");
    assert!(text.contains("hotplug-failed") && text.contains("    next: "));
    assert_eq!(text.lines().next().unwrap().matches('|').count(), 1);
    let (code, text) = run(&broken, "--check=finding:=both-closing");
    assert_eq!(code, 1, "{text}");
    assert!(
        text.starts_with("XSTOP WARNING - 0 critical, 1 warning: leaving vbd xvdc"),
        "{text}"
    );
    let (code, text) = run(&broken, "--check=domain:sound");
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(&broken, "--check=nosuchfield:x");
    assert_eq!(code, 3, "{text}");
    assert!(text.starts_with("XSTOP UNKNOWN - "), "{text}");
    for args in [
        &["--check", "--connect=unix:/nowhere/at/all"][..],
        &["--check", "--what"],
    ] {
        let output = xstop().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    }
}

#[test]
fn the_broken_host_shows_every_pattern_of_states() {
    let served = Served::start("broken");
    let start = Instant::now();
    // The host's drivers shake hands meanwhile.
    let sample = loop {
        let sample = json(&printed(served.xstop().args(["--once", "-o", "json"])));
        let shown: BTreeSet<&str> = sample["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["finding"].as_str().unwrap())
            .collect();
        let missing: Vec<&str> = rows()
            .iter()
            .map(|row| row.id)
            .filter(|id| !shown.contains(id))
            .collect();
        if missing.is_empty() {
            break sample;
        }
        assert!(start.elapsed() < DEADLINE, "{missing:?} of {shown:?}");
    };
    let findings = sample["findings"].as_array().unwrap();
    for finding in findings {
        assert!(!finding["explanation"].as_str().unwrap().is_empty());
        assert!(!finding["next"].as_str().unwrap().is_empty());
        assert!(
            !finding["evidence"].as_array().unwrap().is_empty(),
            "{finding}"
        );
    }
}

#[test]
fn a_recording_is_looked_at_as_a_host_is() {
    let served = Served::start("broken");
    let file = served.file("recording");
    let args = ["-b", "-n", "2", "-d", "0.5", "-o", "json", "--record"];
    let text = printed(served.xstop().args(args).arg(&file));
    let live = json(text.lines().last().unwrap());
    let again = json(&printed(
        xstop()
            .args(["--once", "-o", "json", "--replay"])
            .arg(&file),
    ));
    for key in ["domains", "devices"] {
        let ids = |sample: &Value| {
            let rows = sample[key].as_array().unwrap();
            let row = |row: &Value| {
                let of = |name: &str| row.get(name).cloned().unwrap_or_default();
                [
                    "domid",
                    "name",
                    "class",
                    "index",
                    "front_state",
                    "back_state",
                    "finding",
                ]
                .map(of)
            };
            // One of this domain's devices flips all the time.
            let steady = rows.iter().filter(|row| row["domain"] != "leaving");
            steady.map(row).collect::<Vec<_>>()
        };
        assert_eq!(ids(&live), ids(&again));
    }
    let counters = |sample: &Value| sample["devices"][1]["counters"].clone();
    assert!(counters(&again)["rd_req"].is_u64(), "{}", counters(&again));
    let output = xstop()
        .args(["--check", "--replay"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    // A file is never written over.
    let output = served
        .xstop()
        .args(["--once", "--record"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}
