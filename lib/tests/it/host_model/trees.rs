//! Whole trees of both daemons.

use std::time::{Duration, Instant};

use xenbus::client::{Client, ClientOptions};
use xenbus::device::domain::{DomainKind, Vcpus};
use xenbus::device::layout::Capacity;
use xenbus::device::ring::{PageReference, Place};
use xenbus::device::{
    Circumstances, DeviceId, Host, Reading, Seen, Several, XenbusState, diagnose, explain,
};
use xenbus::mirror::{Mirror, MirrorOptions};
use xenbus::store::{Server, StoreOptions};
use xenbus::tree::{Snapshot, WalkOptions};
use xenbus::{DomId, Operations, StorePath};

use super::{Nodes, brief, shown, tree};

const C: &str = include_str!("../fixtures/host_model/tree-c.txt");
const OXENSTORED: &str = include_str!("../fixtures/host_model/tree-oxenstored.txt");
const PVH: &str = include_str!("../fixtures/host_model/tree-pvh.txt");

#[test]
fn both_daemons_trees_give_a_healthy_host() {
    for text in [C, OXENSTORED] {
        let host = Host::read(&tree(text));
        assert_eq!(host.domains.len(), 3);
        for device in host.devices.values() {
            assert!(device.notes.is_empty(), "{:?}", device.notes);
            if device.id.kind() != "console" {
                let connected = Seen::State(XenbusState::CONNECTED);
                let states = (device.front_seen(), device.back_seen());
                assert_eq!(states, (connected, connected));
            }
        }
        let findings = diagnose(&host, None, &Circumstances::default());
        assert_eq!(brief(&findings), []);
    }
}

/// A host without numbers that each run gives anew: domids, references, ports, times.
fn digest(host: &Host) -> Vec<String> {
    let name = |id: DomId| host.domains[&id].name.to_string();
    let domains = host.domains.values().map(|domain| {
        let xenbus::device::Domain {
            kind,
            memory_target,
            memory_max,
            vcpus,
            has_run,
            ..
        } = &**domain;
        let ring = domain.store_ring.as_ref().map(|ring| ring.capacity);
        let name = &domain.name;
        format!("{name} {kind} {memory_target} {memory_max} {vcpus:?} {has_run} {ring:?}")
    });
    let devices = host.devices.values().map(|device| {
        let back = device.back.known().unwrap();
        let rings: Vec<String> = device
            .front
            .known()
            .unwrap()
            .rings
            .list
            .iter()
            .map(|ring| {
                let (role, place, capacity) = (&ring.role, &ring.place, ring.capacity);
                format!("{role} {place:?} {capacity:?} {}", ring.is_complete())
            })
            .collect();
        format!(
            "{} {}/{} {} {}|{} by {} {:?} {rings:?} {}",
            name(device.id.domain()),
            device.id.kind(),
            device.id.index(),
            device.label(),
            device.front_seen(),
            device.back_seen(),
            name(back.domain),
            back.hotplug,
            device.toolstack.known().is_some(),
        )
    });
    domains.chain(devices).collect()
}

#[test]
fn the_same_guests_look_the_same_in_both_daemons() {
    let c = digest(&Host::read(&tree(C)));
    assert_eq!(c, digest(&Host::read(&tree(OXENSTORED))));
    assert_eq!(c.len(), 3 + 8, "{c:#?}");
    assert_eq!(
        c[4],
        "g1 vbd/51712 xvda Connected|Connected by Domain-0 Known(Connected) \
         [\"requests Queue(0) Requests(32) true\"] true"
    );
}

#[test]
fn domains_are_what_xl_says_they_are() {
    let host = Host::read(&tree(C));
    let two = &host.domains[&DomId(2)];
    assert_eq!(two.name.to_string(), "g2");
    assert_eq!(two.uuid.to_string(), "1280ac96-b42f-459c-a777-ca5169e49522");
    assert_eq!(two.kind, Reading::Known(DomainKind::Pv));
    assert_eq!(two.memory_target, Reading::Known(128 * 1024));
    let vcpus = Vcpus {
        online: 2,
        total: 2,
    };
    assert_eq!(two.vcpus, Reading::Known(vcpus));
    assert_eq!(two.tty.to_string(), "/dev/pts/1");
    assert_eq!(
        two.started,
        Reading::Known(Duration::from_millis(1_795_347_078_670))
    );
    assert!(two.has_run);
    assert_eq!(host.roles.store, Reading::Known(DomId(0)));
}

#[test]
fn rings_of_several_queues_are_shown_where_xl_prints_minus_one() {
    let host = Host::read(&tree(C));
    let rings = |kind, index| {
        let device = &host.devices[&DeviceId::new(DomId(2), kind, index)];
        let list = &device.front.known().unwrap().rings.list;
        list.iter()
            .map(|ring| {
                let [PageReference::Grant(page)] = ring.references[..] else {
                    panic!("{ring:?}")
                };
                let Place::Queue(queue) = ring.place else {
                    panic!("{ring:?}")
                };
                let port = *ring.channel.known().unwrap();
                (ring.role.to_string(), queue, page, port, ring.capacity)
            })
            .collect::<Vec<_>>()
    };
    let row = |role: &str, queue, page, port, entries| {
        (
            role.to_owned(),
            queue,
            page,
            port,
            Capacity::Requests(entries),
        )
    };
    assert_eq!(
        rings("vbd", "51712"),
        [row("requests", 0, 8, 15, 32), row("requests", 1, 9, 16, 32)]
    );
    assert_eq!(
        rings("vif", "0"),
        [
            row("tx", 0, 1035, 17, 256),
            row("tx", 1, 1037, 19, 256),
            row("rx", 0, 1036, 18, 256),
            row("rx", 1, 1038, 20, 256),
        ]
    );
}

#[test]
fn a_guest_sees_its_own_devices_without_any_false_alarm() {
    // What the guest may not read, C xenstored answers with EACCES, whether or not it is there.
    let mut nodes: std::collections::BTreeMap<StorePath, Reading<Vec<u8>>> = tree(PVH)
        .into_iter()
        .map(|(path, value)| (path, Reading::Known(value)))
        .collect();
    for kind in ["vbd/5/51712", "vif/5/0", "console/5/0"] {
        let back = super::path(&format!("/local/domain/0/backend/{kind}"));
        nodes.insert(back, Reading::Denied);
    }
    let host = Host::read(&nodes);
    assert_eq!(host.devices.len(), 3);
    for device in host.devices.values() {
        assert_eq!(device.back_seen(), Seen::Hidden);
    }
    let findings = diagnose(&host, None, &Circumstances::default());
    let of_guest: Vec<_> = findings
        .iter()
        .filter(|finding| finding.subject.domain() == DomId(5))
        .collect();
    assert!(of_guest.is_empty(), "{of_guest:?}");
}

#[test]
fn a_map_a_snapshot_and_a_mirror_give_the_same_model() {
    let nodes: Nodes = tree(C);
    let server = Server::start(StoreOptions::default()).unwrap();
    let connector = server.connector(DomId(0));
    let client = Client::with_connector(connector, ClientOptions::default()).unwrap();
    for (path, value) in &nodes {
        client.write(path, value).unwrap();
    }
    let expected = shown(&Host::read(&nodes));
    let top = StorePath::root();
    let snapshot = Snapshot::take(&client, &top, WalkOptions::default()).unwrap();
    assert_eq!(shown(&Host::read(&snapshot)), expected);
    let mirror = Mirror::start(&client, &top, MirrorOptions::default()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    mirror.wait_fresh(deadline).unwrap();
    assert_eq!(mirror.look(|view| shown(&Host::read(&view))), expected);
}

#[test]
fn every_key_of_a_real_host_is_explained_and_no_value_is_called_unreadable() {
    for text in [C, OXENSTORED, PVH] {
        for (path, value) in tree(text) {
            let phantom = path.name().is_some_and(|name| name.starts_with('@'));
            if phantom || path.depth() < 2 {
                continue;
            }
            let Some(explanation) = explain(&path, Some(&value)) else {
                panic!("{path} has no explanation");
            };
            let says = explanation.says.unwrap_or_default();
            assert!(!says.contains("unreadable"), "{path}: {says}");
        }
    }
}

#[test]
fn a_simulated_host_is_healthy_and_so_are_its_guests_own_views() {
    let host = xenbus::demo::Host::start(&xenbus::demo::Scenario::find("quiet").unwrap()).unwrap();
    let snapshot = |domid, top: &str| {
        let connector = host.connector(domid);
        let client = Client::with_connector(connector, ClientOptions::default()).unwrap();
        Snapshot::take(&client, &super::path(top), WalkOptions::default()).unwrap()
    };
    let all = snapshot(DomId(0), "/");
    let model = Host::read(&all);
    let findings = diagnose(&model, None, &Circumstances::default());
    assert_eq!(brief(&findings), []);
    let guests: Vec<DomId> = model.devices.keys().map(DeviceId::domain).collect();
    assert!(!guests.is_empty());
    for guest in guests {
        let home = snapshot(guest, &format!("/local/domain/{guest}"));
        let own = Host::read(&home);
        assert_eq!(
            own.devices_of(guest).count(),
            model.devices_of(guest).count()
        );
        for device in own.devices_of(guest) {
            assert_eq!(device.back_seen(), Seen::Hidden, "{}", device.id);
            assert_eq!(device.front_seen(), model.devices[&device.id].front_seen());
        }
        let findings = diagnose(&own, None, &Circumstances::default());
        assert_eq!(brief(&findings), []);
        // With what the guest may read of its backends, the model is whole.
        let back = own.devices_of(guest).find_map(|device| {
            let front = device.front.known()?;
            let path = front.backend.known()?.as_str();
            (device.id.kind() != "console").then(|| (device.id.clone(), snapshot(guest, path)))
        });
        if let Some((id, back)) = back {
            let both = Host::read(&Several(vec![&home, &back]));
            assert_eq!(
                both.devices[&id].back_seen(),
                model.devices[&id].back_seen()
            );
        }
    }
}
