//! What a timeline can do.

use std::time::Duration;

use xenbus::demo::{Host, Scenario};
use xenbus::{Client, Operations, StorePath};

use super::{client, wait_for_tree};

fn start(timeline: &str) -> (Host, Client) {
    let yaml = format!(
        "time: stepped
domains:
  - name: server
    driver-domain: true
  - name: a
    disks:
      - {{ vdev: xvda, target: /dev/vg0/a, backend: server }}
      - {{ vdev: xvdb, target: /dev/vg0/b }}
    vifs: [{{}}]
timeline:
{timeline}"
    );
    let host = Host::start(&Scenario::parse(&yaml).unwrap()).unwrap();
    let client = client(&host, 0);
    (host, client)
}

fn wait_for_value(client: &Client, path: &str, wanted: Option<&str>) {
    let path = StorePath::parse(path).unwrap();
    wait_for_tree(client, &format!("{path} = {wanted:?}"), |nodes| {
        let value = nodes
            .value(&path)
            .known()
            .map(|value| String::from_utf8_lossy(value).into_owned());
        if value.as_deref() == wanted {
            Ok(())
        } else {
            Err(format!("{value:?}"))
        }
    });
}

fn advance(host: &Host, seconds: u64) {
    host.advance(Duration::from_secs(seconds)).unwrap();
    assert!(host.trouble().is_none(), "{:?}", host.trouble());
}

#[test]
fn nothing_happens_before_its_time_and_everything_in_order() {
    let (host, client) = start(
        "  - { at: 3, do: write, path: /x, value: third }
  - { at: 2, do: write, path: /x, value: second, perms: 'r0' }
  - { at: 1, every: 1, do: write, path: /n, value: '1' }
  - { at: 2, do: remove, path: /n }
",
    );
    let x = StorePath::parse("/x").unwrap();
    assert!(!client.exists(&x).unwrap());
    advance(&host, 2);
    assert_eq!(client.read(&x).unwrap(), b"second");
    assert_eq!(client.perms(&x).unwrap().to_string(), "r0");
    advance(&host, 1);
    assert_eq!(client.read(&x).unwrap(), b"third");
    assert!(client.exists(&StorePath::parse("/n").unwrap()).unwrap());
}

#[test]
fn a_crashed_guest_is_removed_or_made_again() {
    let (host, client) = start(
        "  - { at: 1, do: crash, domain: a, then: restart }\n  - { at: 2, do: crash, domain: a }\n",
    );
    advance(&host, 1);
    wait_for_value(&client, "/local/domain/3/device/vbd/51712/state", Some("4"));
    advance(&host, 1);
    wait_for_value(&client, "/local/domain/3", None);
    wait_for_value(&client, "/local/domain/0/backend/vbd/3/51728", None);
}

#[test]
fn a_driver_domain_that_dies_takes_its_backends_with_it() {
    let (host, client) = start("  - { at: 1, do: die, domain: server }\n");
    advance(&host, 1);
    wait_for_value(&client, "/local/domain/1", None);
    wait_for_value(&client, "/local/domain/2/device/vbd/51712/state", Some("6"));
    wait_for_value(&client, "/local/domain/2/device/vbd/51728/state", Some("4"));
}

#[test]
fn a_faulty_device_heals() {
    let (host, client) = start(
        "  - { at: 1, do: unplug, domain: a, device: xvdb }
  - { at: 1, do: fault, domain: a, device: xvda, fault: unplug-ignored }
  - { at: 2, do: plug, domain: a, device: xvdb }
  - { at: 3, do: unplug, domain: a, device: xvda }
  - { at: 4, do: heal, domain: a, device: xvda }
",
    );
    advance(&host, 1);
    wait_for_value(&client, "/local/domain/2/device/vbd/51728", None);
    advance(&host, 1);
    wait_for_value(&client, "/local/domain/2/device/vbd/51728/state", Some("4"));
    advance(&host, 1);
    wait_for_value(
        &client,
        "/local/domain/1/backend/vbd/2/51712/state",
        Some("5"),
    );
    wait_for_value(&client, "/local/domain/2/device/vbd/51712/state", Some("4"));
    advance(&host, 1);
    wait_for_value(&client, "/local/domain/2/device/vbd/51712/state", Some("6"));
    wait_for_value(
        &client,
        "/local/domain/1/backend/vbd/2/51712/state",
        Some("6"),
    );
}

#[test]
fn hotplug_scripts_that_fail_are_run_again_when_healed() {
    let yaml = "time: stepped
domains:
  - name: a
    disks: [{ vdev: xvda, target: /dev/vg0/a, fault: hotplug-fails }]
    vifs: [{ fault: hotplug-hangs }]
timeline:
  - { at: 1, do: heal, domain: a, device: xvda }
  - { at: 1, do: heal, domain: a, device: vif0, fault: hotplug-hangs }
";
    let host = Host::start(&Scenario::parse(yaml).unwrap()).unwrap();
    let client = client(&host, 0);
    let disk = "/local/domain/0/backend/vbd/1/51712";
    wait_for_value(&client, &format!("{disk}/state"), Some("2"));
    wait_for_value(&client, &format!("{disk}/hotplug-status"), Some("error"));
    wait_for_value(&client, "/local/domain/1/device/vif/0/state", Some("4"));
    wait_for_value(&client, "/local/domain/0/backend/vif/1/0/state", Some("2"));
    advance(&host, 1);
    wait_for_value(&client, &format!("{disk}/state"), Some("4"));
    wait_for_value(&client, &format!("{disk}/hotplug-error"), None);
    wait_for_value(&client, "/local/domain/0/backend/vif/1/0/state", Some("4"));
}

#[test]
fn every_fault_that_keeps_a_device_from_connecting_can_be_healed() {
    for fault in [
        "no-backend-driver",
        "no-frontend-driver",
        "hotplug-hangs",
        "hotplug-fails",
        "backend-hangs",
        "backend-initialised",
        "frontend-hangs",
    ] {
        let yaml = format!(
            "time: stepped
domains:
  - {{name: server, driver-domain: true}}
  - name: a
    disks:
      - {{vdev: xvda, target: /dev/vg0/a, fault: {fault}}}
      - {{vdev: xvdb, target: /dev/vg0/b, backend: server, fault: {fault}}}
timeline:
  - {{at: 1, do: heal, domain: a, device: xvda}}
  - {{at: 1, do: heal, domain: a, device: xvdb, fault: {fault}}}
"
        );
        let host = Host::start(&Scenario::parse(&yaml).unwrap()).unwrap();
        let client = client(&host, 0);
        let home = "/local/domain/2/device/vbd";
        for disk in ["51712", "51728"] {
            let state = StorePath::parse(format!("{home}/{disk}/state")).unwrap();
            assert_ne!(client.read(&state).unwrap(), b"4", "{fault}");
        }
        advance(&host, 1);
        for disk in ["51712", "51728"] {
            wait_for_value(&client, &format!("{home}/{disk}/state"), Some("4"));
        }
    }
}

#[test]
fn time_that_passes_by_itself_cannot_be_moved() {
    let host = Host::start(&Scenario::find("quiet").unwrap()).unwrap();
    let error = host
        .advance(Duration::from_secs(1))
        .unwrap_err()
        .to_string();
    assert!(error.contains("time: stepped"), "{error}");
}
