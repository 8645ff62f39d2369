//! The shipped scenarios that are not broken.

use xenbus::demo::{Host, Scenario};
use xenbus::device::{self, Circumstances, Severity, XenbusState, diagnosis};
use xenbus::tree::{Snapshot, WalkOptions};
use xenbus::{DomId, Operations, StorePath};

use super::client;

fn start(name: &str) -> Host {
    Host::start(&Scenario::find(name).unwrap()).unwrap()
}

fn model(host: &Host) -> device::Host {
    let client = client(host, 0);
    let all = Snapshot::take(&client, &StorePath::root(), WalkOptions::full()).unwrap();
    device::Host::read(&all)
}

fn connected(model: &device::Host) -> usize {
    let both = |device: &device::Device| {
        [device.front_seen(), device.back_seen()]
            .iter()
            .all(|seen| seen.state() == Some(XenbusState::CONNECTED))
    };
    model.devices.values().filter(|device| both(device)).count()
}

fn worries(model: &device::Host) -> Vec<String> {
    diagnosis::diagnose(model, None, &Circumstances::default())
        .iter()
        .filter(|finding| finding.severity > Severity::Info)
        .map(|finding| format!("{} {:?}", finding.id, finding.subject))
        .collect()
}

#[test]
fn hosts_that_are_not_broken_have_nothing_to_be_diagnosed() {
    for (name, devices) in [("small", 12), ("quiet", 3), ("dom0less", 6), ("busy:3", 17)] {
        let model = model(&start(name));
        assert_eq!(connected(&model), devices, "{name}");
        assert_eq!(worries(&model), [""; 0], "{name}");
    }
}

#[test]
fn a_host_without_domain_0_has_none_and_its_domains_lack_what_the_hypervisor_does_not_write() {
    let host = start("dom0less");
    let client = client(&host, 0);
    let path = |text: &str| StorePath::parse(text).unwrap();
    let mut domains = client.directory(&path("/local/domain")).unwrap();
    domains.sort();
    assert_eq!(domains, ["1", "2", "3", "4", "5"]);
    assert!(!client.exists(&path("/libxl")).unwrap());
    assert!(!client.exists(&path("/local/domain/2/name")).unwrap());
    let vm = client.read(&path("/local/domain/2/vm")).unwrap();
    assert!(vm.starts_with(b"vm/"), "{vm:?}");
    let model = model(&host);
    assert_eq!(model.roles.control, None);
    assert_eq!(model.roles.store.known(), Some(&DomId(5)));
    let disk = model
        .devices_of(DomId(2))
        .find(|d| d.class.name == "vbd")
        .unwrap();
    assert_eq!(disk.back.known().unwrap().domain, DomId(1));
}

#[test]
fn a_scaled_host_has_as_many_guests_or_nodes_as_are_asked_for() {
    let scenario = Scenario::find("busy:60").unwrap();
    let guests = scenario
        .domains
        .iter()
        .filter(|d| d.name.starts_with("guest-"));
    let prebuilt: Vec<bool> = guests.map(|domain| domain.prebuilt).collect();
    assert_eq!(prebuilt.len(), 60);
    assert_eq!(prebuilt.iter().filter(|prebuilt| **prebuilt).count(), 20);

    let host = start("datacenter:20000nodes");
    let nodes = Snapshot::take(&client(&host, 0), &StorePath::root(), WalkOptions::names())
        .unwrap()
        .nodes()
        .len();
    assert!((19_000..24_000).contains(&nodes), "{nodes}");
}

#[test]
fn all_classes_of_devices_connect_with_their_rings() {
    let classes = [
        "vkbd",
        "vfb",
        "console",
        "9pfs",
        "pvcalls",
        "vscsi",
        "vusb",
        "vtpm",
        "pci",
        "vsnd",
        "vdispl",
        "vcamera",
        "virtio",
        "virtio_disk",
        "vuart",
        "invented",
    ];
    let devices: String = classes
        .map(|class| format!("{{class: {class}}}, "))
        .concat();
    for prebuilt in [false, true] {
        let yaml = format!("domains: [{{name: a, prebuilt: {prebuilt}, devices: [{devices}]}}]");
        let host = Host::start(&Scenario::parse(&yaml).unwrap()).unwrap();
        let model = model(&host);
        assert_eq!(worries(&model), [""; 0]);
        for class in classes {
            let of_class = |device: &device::Device| device.id.kind() == class;
            let device = model
                .devices
                .values()
                .find(|d| of_class(d) && !d.id.is_primary_console());
            let device = device.unwrap_or_else(|| panic!("{class} is missing"));
            assert_eq!(device.notes, [], "{class}");
            let Some(front) = device.front.known() else {
                panic!("{class}: {:?}", device.front)
            };
            let rings = &front.rings.list;
            let expected = device
                .class
                .rings
                .len()
                .max(usize::from(class == "invented"));
            assert_eq!(rings.len(), expected, "{class}");
            assert!(
                rings.iter().all(device::ring::Ring::is_complete),
                "{class}: {rings:?}"
            );
        }
        assert!(host.trouble().is_none());
    }
}
