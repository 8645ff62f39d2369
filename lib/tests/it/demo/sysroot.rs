//! The files and ring pages of a simulated host, read as those of a real one.

use std::time::Duration;

use xenbus::counters::{Fill, Index, Occupancy, Root, sample_device};
use xenbus::demo::{Host, Scenario};
use xenbus::device::{self, Reading};
use xenbus::tree::{Snapshot, WalkOptions};
use xenbus::{DomId, StorePath};

use super::client;

const STEPPED: &str = "
time: stepped
domains:
  - name: a
    disks:
      - { vdev: xvda, target: /dev/vg0/a, queues: 2 }
      - { vdev: xvdb, target: /dev/vg0/b }
    vifs:
      - { queues: 2, split-event-channels: true, rate: '62500,50000' }
    devices: [{ class: vkbd }, { class: 9pfs }]
traffic:
  - { device: vbd, reads: 100, writes: 50, size: 8192, fill: 0.5 }
  - { device: vif, received: 200, sent: 40, size: 1000, fill: 0.25 }
  - { device: 9pfs, received: 1000, sent: 1000, fill: 0.5 }
timeline:
  - { at: 20, do: stall, domain: a, device: xvda }
  - { at: 20, do: wrap, domain: a, device: vif0 }
  - { at: 20, do: lie, domain: a, device: xvdb }
  - { at: 30, do: flow, domain: a, device: xvda }
  - { at: 40, do: restart, domain: a, device: xvda }
  - { at: 50, do: unplug, domain: a, device: vif0 }
";

const DISK: &str = "backend/vbd/1/51712";
const NET: &str = "backend/vif/1/0";

struct Rig {
    host: Host,
    root: Root,
    _directory: tempfile::TempDir,
}

impl Rig {
    fn start(yaml: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut host = Host::start(&Scenario::parse(yaml).unwrap()).unwrap();
        host.keep_sysroot(directory.path()).unwrap();
        Self {
            host,
            root: Root::new(directory.path()),
            _directory: directory,
        }
    }

    fn advance(&self, seconds: u64) {
        self.host.advance(Duration::from_secs(seconds)).unwrap();
    }

    fn reads(&self) -> u64 {
        let index = Index::build(&self.root);
        let block = index.backend(&self.root, DISK).block();
        *block.known().unwrap().reads.known().unwrap()
    }

    /// The rings of a device, by what its label says.
    fn rings(&self, kind: &str, index: &str) -> Vec<Occupancy> {
        let client = client(&self.host, 0);
        let all = Snapshot::take(&client, &StorePath::root(), WalkOptions::full()).unwrap();
        let model = device::Host::read(&all);
        let id = device::DeviceId::new(DomId(1), kind, index);
        let indices = self.host.ring_indices();
        let sampled = sample_device(&*indices, &model.devices[&id]);
        sampled.iter().map(|ring| *ring.known().unwrap()).collect()
    }

    fn in_flight(&self, kind: &str, index: &str) -> Vec<Fill> {
        let rings = self.rings(kind, index);
        let used = |ring: &Occupancy| match ring {
            Occupancy::Requests { in_flight, .. } => *in_flight,
            Occupancy::Duplex { into_guest, .. } => *into_guest,
        };
        rings.iter().map(used).collect()
    }
}

#[test]
fn counters_move_with_the_traffic_and_with_what_happens_to_it() {
    let rig = Rig::start(STEPPED);
    assert_eq!(rig.reads(), 0);
    rig.advance(10);
    assert_eq!(rig.reads(), 1000);

    let index = Index::build(&rig.root);
    let disk = index.backend(&rig.root, DISK);
    assert_eq!(disk.state().to_string(), "Connected");
    assert_eq!(disk.physical_device().to_string(), "fd:28");
    let block = disk.block();
    assert_eq!(
        block.known().unwrap().sectors_written,
        Reading::Known(500 * 16)
    );
    let net = index.backend(&rig.root, NET);
    let stats = net.net();
    let stats = stats.known().unwrap();
    assert_eq!(
        stats.rx_bytes,
        Reading::Known(2_000_000),
        "as the guest sees it"
    );
    assert_eq!(stats.tx_packets, Reading::Known(400));
    let queues = net.netback();
    let queues = queues.known().unwrap();
    assert_eq!(queues.len(), 2);
    let tx = queues[1].tx.unwrap();
    assert_eq!(
        (tx.rsp_prod, tx.in_flight()),
        (200, Fill::Used { used: 64, of: 256 })
    );
    assert_eq!(queues[1].rx.unwrap().rsp_prod, 1000);
    assert_eq!(queues[0].credit.bytes, Some(62_500));

    // Nothing is answered from 20 s to 30 s, and everything begins anew at 40 s.
    rig.advance(15);
    assert_eq!(rig.reads(), 2000);
    let full = Fill::Used { used: 32, of: 32 };
    assert_eq!(rig.in_flight("vbd", "51712"), [full, full]);
    assert!(matches!(
        rig.in_flight("vbd", "51728")[..],
        [Fill::Impossible { of: 32, .. }]
    ));
    let near_the_end = rig.rings("vif", "0");
    assert!(
        matches!(near_the_end[0], Occupancy::Requests { rsp_prod, .. } if rsp_prod.wrapping_add(1000) < 2000)
    );
    rig.advance(10);
    assert_eq!(rig.reads(), 2500);
    assert_eq!(
        rig.in_flight("vbd", "51712"),
        [Fill::Used { used: 16, of: 32 }; 2]
    );
    rig.advance(10);
    assert_eq!(rig.reads(), 500);
}

#[test]
fn ring_pages_of_all_forms_can_be_looked_into() {
    let rig = Rig::start(STEPPED);
    rig.advance(1);
    let half = Fill::Used {
        used: 1 << 19,
        of: 1 << 20,
    };
    assert_eq!(rig.in_flight("9pfs", "0"), [half]);
    assert_eq!(rig.in_flight("vkbd", "0"), [Fill::Used { used: 0, of: 51 }]);
}

#[test]
fn files_of_a_device_go_with_it() {
    let rig = Rig::start(STEPPED);
    let there = |rig: &Rig| Index::build(&rig.root).node_names().any(|name| name == NET);
    assert!(there(&rig));
    rig.advance(60);
    assert!(!there(&rig));
    let left = rig.root.as_path().join("sys/class/net/vif1.0");
    assert!(!left.exists());
}
