//! Debian's Prometheus looks at a host.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::host::{Running, Served, printed, said, tool, write};

const PATIENCE: Duration = Duration::from_mins(1);

/// An alert of the kind that the manual shows.
const RULES: &str = r#"
groups:
  - name: xen
    rules:
      - alert: XenDeviceStuck
        expr: xstop_finding{severity="critical"} == 1
        labels: { severity: page }
        annotations:
          summary: "{{ $labels.domain }} {{ $labels.class }} {{ $labels.device }}: {{ $labels.finding }}"
      - alert: XenStoreOutOfReach
        expr: xstop_up == 0
"#;

/// The body of an answer, and its head.
fn get(address: &str, path: &str, accept: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

/// Asks Prometheus until its answer is as wanted. Its bodies may come in chunks: what is between braces is the answer.
fn ask(address: &str, path: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    let mut last = None;
    while Instant::now() < deadline {
        if let Some((_, body)) = get(address, path, "application/json")
            && let (Some(from), Some(to)) = (body.find('{'), body.rfind('}'))
            && let Ok(answer) = serde_json::from_str::<Value>(&body[from..=to])
        {
            if wanted(&answer["data"]) {
                return answer["data"].clone();
            }
            last = Some(answer);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("{what}: {last:?}");
}

#[test]
fn prometheus_scrapes_a_host_and_an_alert_fires_for_what_is_broken() {
    let (Some(prometheus), Some(promtool)) = (tool("prometheus"), tool("promtool")) else {
        return;
    };
    let served = Served::start("broken");
    let mut exporter = Running::start(
        served
            .xstop()
            .arg("--openmetrics=127.0.0.1:0")
            .stdout(Stdio::piped()),
    );
    let line = exporter.line();
    let target = line
        .strip_prefix("metrics at http://")
        .and_then(|line| line.strip_suffix("/metrics"))
        .unwrap_or_else(|| panic!("{line}"))
        .to_owned();

    // The older form, as a program without wishes gets it, has nothing to complain about.
    let (head, body) = get(&target, "/metrics", "*/*").unwrap();
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    check(&promtool, &body);
    assert!(!body.contains("# EOF"));
    let (head, body) = get(&target, "/metrics", "application/openmetrics-text").unwrap();
    assert!(head.contains("application/openmetrics-text"), "{head}");
    assert!(body.ends_with("# EOF\n"));
    assert!(get(&target, "/other", "*/*").unwrap().0.contains("404"));

    let rules = served.file("rules.yml");
    write(&rules, RULES);
    let rules_said = Command::new(&promtool)
        .arg("check")
        .arg("rules")
        .arg(&rules)
        .output();
    let rules_said = rules_said.unwrap();
    assert!(rules_said.status.success(), "{}", said(&rules_said));
    let config = served.file("prometheus.yml");
    write(
        &config,
        &format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: [rules.yml]\n\
             scrape_configs:\n  - job_name: xen\n    static_configs: [{{ targets: ['{target}'] }}]\n"
        ),
    );
    // The port is free for a moment: that is as good as it gets.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let own = port.to_string();
    let _prometheus = Running::start(
        Command::new(prometheus)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                served.file("data").display()
            ))
            .arg(format!("--web.listen-address={own}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    let query = |query: &str| format!("/api/v1/query?query={query}");
    let sample = ask(
        &own,
        &query(
            "xstop_device_state%7Bdomain%3D%22sound%22%2Cclass%3D%22vbd%22%2Cend%3D%22front%22%7D",
        ),
        "the state of a healthy disk",
        |data| {
            data["result"]
                .as_array()
                .is_some_and(|list| list.len() == 1)
        },
    );
    assert_eq!(sample["result"][0]["value"][1], "4");
    assert_eq!(sample["result"][0]["metric"]["device"], "xvda");
    let entries = ask(
        &own,
        &query("sum(xstop_ring_entries%7Bdomain%3D%22sound%22%2Cclass%3D%22vbd%22%7D)"),
        "the entries of its rings",
        |data| {
            data["result"]
                .as_array()
                .is_some_and(|list| !list.is_empty())
        },
    );
    // Two queues of four pages each.
    assert_eq!(entries["result"][0]["value"][1], "256");
    let alerts = ask(&own, "/api/v1/alerts", "the alert", |data| {
        data["alerts"]
            .as_array()
            .is_some_and(|list| list.iter().any(|alert| alert["state"] == "firing"))
    });
    let alerts = alerts["alerts"].as_array().unwrap();
    let hotplug = alerts
        .iter()
        .find(|alert| alert["labels"]["finding"] == "hotplug-failed")
        .unwrap_or_else(|| panic!("{alerts:?}"));
    assert_eq!(
        hotplug["annotations"]["summary"],
        "stuck vbd xvdb: hotplug-failed"
    );
    assert!(
        alerts
            .iter()
            .all(|alert| alert["labels"]["alertname"] == "XenDeviceStuck")
    );
}

/// Lets `promtool` look at metrics.
fn check(promtool: &std::path::Path, text: &str) {
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{}",
        said(&output)
    );
}

#[test]
fn a_file_for_a_textfile_collector_is_whole_and_clean() {
    let Some(promtool) = tool("promtool") else {
        return;
    };
    let served = Served::start("busy");
    let file = served.file("xen.prom");
    let to = format!("--openmetrics={}", file.display());
    printed(served.xstop().args([&to, "--once"]));
    let text = std::fs::read_to_string(&file).unwrap();
    check(&promtool, &text);
    for family in [
        "xstop_up 1",
        "xstop_device_read_bytes_total{",
        "xstop_device_rx_bytes_total{",
        "xstop_ring_used{",
        "xstop_device_state_age_seconds{",
    ] {
        assert!(text.contains(family), "{family}");
    }
    // Only the file itself is left.
    let names: Vec<_> = std::fs::read_dir(file.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().contains("xstop"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}
