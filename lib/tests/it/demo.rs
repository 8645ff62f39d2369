//! The simulated host.

mod broken;
mod manual;
mod shipped;
mod sysroot;
mod timeline;

use std::time::{Duration, Instant};

use xenbus::client::{Client, ClientOptions};
use xenbus::demo::{Host, Scenario};
use xenbus::mirror::{Mirror, MirrorOptions, Mirrored};
use xenbus::tree::{Snapshot, WalkOptions};
use xenbus::{DomId, Operations, StorePath};

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

fn client(host: &Host, domid: u32) -> Client {
    Client::with_connector(host.connector(DomId(domid)), ClientOptions::default()).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn small() -> Host {
    Host::start(&Scenario::find("small").unwrap()).unwrap()
}

/// Waits until the store shows what `wanted` asks for.
fn wait_for(client: &Client, what: &str, wanted: impl Fn(xenbus::mirror::View<'_>) -> bool) {
    let mirror = Mirror::start(client, &StorePath::root(), MirrorOptions::default()).unwrap();
    let changes = mirror.subscribe(100_000, None);
    mirror.wait_fresh(soon()).unwrap();
    let deadline = soon();
    while !mirror.look(&wanted) {
        if changes.next_until(deadline).is_none() {
            let states: Vec<String> = mirror.look(|view| {
                let nodes = view.subtree(&path("/local/domain"));
                let states = nodes.filter(|node| node.path.name() == Some("state"));
                let shown = |node: &Mirrored| format!("{} {:?}", node.path, node.value);
                states.map(|node| shown(node)).collect()
            });
            panic!("{what} did not happen in time: {states:#?}");
        }
    }
}

/// Waits until nothing is missing in the tree any more.
fn wait_for_tree(
    client: &Client,
    what: &str,
    missing: impl Fn(&dyn xenbus::device::Nodes) -> Result<(), String>,
) {
    let mirror = Mirror::start(client, &StorePath::root(), MirrorOptions::default()).unwrap();
    let changes = mirror.subscribe(100_000, None);
    mirror.wait_fresh(soon()).unwrap();
    let deadline = soon();
    while let Err(missing) = mirror.look(|view| missing(&view)) {
        let event = changes.next_until(deadline);
        assert!(event.is_some(), "{what} did not happen in time: {missing}");
    }
}

/// One line per node, as `xenstore-ls -f -p` prints it.
fn listing(snapshot: &Snapshot) -> Vec<String> {
    let line = |node: &xenbus::tree::Node| {
        let value = String::from_utf8_lossy(node.value.known().unwrap()).into_owned();
        format!(
            "{} = \"{value}\"   ({})",
            node.path,
            node.perms.known().unwrap()
        )
    };
    snapshot.nodes().iter().map(line).collect()
}

#[test]
fn every_device_is_connected_at_both_ends_when_the_host_is_there() {
    let host = small();
    let client = client(&host, 0);
    let all = Snapshot::take(&client, &path("/local/domain"), WalkOptions::full()).unwrap();
    let mut pairs = 0;
    for node in all.nodes() {
        let elements: Vec<_> = node.path.elements().collect();
        if let [_, _, _, "backend", "vbd" | "vif", _, _, "frontend"] = elements[..] {
            pairs += 1;
            let back = node.path.parent().unwrap();
            let front = path(str::from_utf8(node.value.known().unwrap()).unwrap());
            for end in [&back, &front] {
                let state = all.get(&end.child("state").unwrap()).unwrap();
                assert_eq!(state.value.known().unwrap(), b"4", "{end}");
            }
            let linked = all.get(&front.child("backend").unwrap()).unwrap();
            assert_eq!(linked.value.known().unwrap(), back.as_bytes());
        }
    }
    assert_eq!(pairs, 12);
    assert!(host.trouble().is_none());
}

/// Nodes of a running guest on a real host (Xen 4.17, `xenstore-ls -f -p`), with the numbers of the small scenario.
const REAL: &str = r#"
/local = ""   (n0)
/local/domain = ""   (n0)
/local/domain/0 = ""   (n0)
/local/domain/0/control/feature-suspend = "1"   (n0)
/local/domain/0/domid = "0"   (n0)
/local/domain/0/name = "Domain-0"   (n0)
/local/domain/0/backend = ""   (n0)
/local/domain/0/backend/vbd = ""   (n0)
/local/domain/0/backend/vbd/3 = ""   (n0)
/local/domain/0/backend/vbd/3/51712 = ""   (n0,r3)
/local/domain/0/backend/vbd/3/51712/frontend = "/local/domain/3/device/vbd/51712"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/params = "/dev/vg0/db"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/script = "/etc/xen/scripts/block"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/frontend-id = "3"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/online = "1"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/removable = "0"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/bootable = "1"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/state = "4"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/dev = "xvda"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/type = "phy"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/mode = "w"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/device-type = "disk"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/discard-enable = "1"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/specification = "xen"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/feature-max-indirect-segments = "256"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/max-ring-page-order = "4"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/hotplug-status = "connected"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/feature-flush-cache = "1"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/discard-granularity = "4096"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/feature-persistent = "1"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/sectors = "20971520"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/info = "0"   (n0,r3)
/local/domain/0/backend/vbd/3/51712/sector-size = "512"   (n0,r3)
/local/domain/0/backend/vbd/3/51744/mode = "r"   (n0,r3)
/local/domain/0/backend/vbd/3/51744/feature-barrier = "0"   (n0,r3)
/local/domain/0/backend/vbd/3/51744/info = "4"   (n0,r3)
/local/domain/0/backend/console/3/0 = ""   (n0,r3)
/local/domain/0/backend/console/3/0/frontend = "/local/domain/3/console"   (n0,r3)
/local/domain/0/backend/console/3/0/state = "1"   (n0,r3)
/local/domain/0/backend/console/3/0/protocol = "vt100"   (n0,r3)
/local/domain/0/backend/vif/3/1 = ""   (n0,r3)
/local/domain/0/backend/vif/3/1/state = "4"   (n0,r3)
/local/domain/0/backend/vif/3/1/script = "/etc/xen/scripts/vif-bridge"   (n0,r3)
/local/domain/0/backend/vif/3/1/mac = "00:16:3e:00:01:03"   (n0,r3)
/local/domain/0/backend/vif/3/1/rate = "62500,50000"   (n0,r3)
/local/domain/0/backend/vif/3/1/handle = "1"   (n0,r3)
/local/domain/0/backend/vif/3/1/hotplug-status = "connected"   (n0,r3)
/local/domain/0/backend/vif/3/1/feature-rx-flip = "0"   (n0,r3)
/local/domain/0/backend/vif/3/1/feature-split-event-channels = "1"   (n0,r3)
/local/domain/0/backend/vif/3/1/feature-ctrl-ring = "1"   (n0,r3)
/local/domain/0/data = ""   (n0)
/local/domain/1/backend = ""   (n0,r1)
/local/domain/1/backend/vif/3 = ""   (n0,r1)
/local/domain/1/backend/vif/3/0 = ""   (n1,r3)
/local/domain/1/backend/vif/3/0/state = "4"   (n1,r3)
/local/domain/1/backend/vif/3/0/hotplug-status = "connected"   (n1,r3)
/local/domain/1/backend/vif/3/0/feature-sg = "1"   (n1,r3)
/local/domain/3 = ""   (n0,r3)
/local/domain/3/name = "db"   (n0,r3)
/local/domain/3/cpu = ""   (n0,r3)
/local/domain/3/cpu/0 = ""   (n0,r3)
/local/domain/3/cpu/3/availability = "online"   (n0,r3)
/local/domain/3/memory/static-max = "4194304"   (n0,r3)
/local/domain/3/memory/videoram = "0"   (n0,r3)
/local/domain/3/device = ""   (n0,r3)
/local/domain/3/device/suspend = ""   (n0,r3)
/local/domain/3/device/suspend/event-channel = ""   (n3)
/local/domain/3/device/vbd = ""   (n0,r3)
/local/domain/3/device/vbd/51712 = ""   (n3,r0)
/local/domain/3/device/vbd/51712/backend = "/local/domain/0/backend/vbd/3/51712"   (n3,r0)
/local/domain/3/device/vbd/51712/backend-id = "0"   (n3,r0)
/local/domain/3/device/vbd/51712/state = "4"   (n3,r0)
/local/domain/3/device/vbd/51712/virtual-device = "51712"   (n3,r0)
/local/domain/3/device/vbd/51712/trusted = "1"   (n3,r0)
/local/domain/3/device/vbd/51712/protocol = "x86_64-abi"   (n3,r0)
/local/domain/3/device/vbd/51712/feature-persistent = "1"   (n3,r0)
/local/domain/3/device/vbd/51728/multi-queue-num-queues = "2"   (n3,r0)
/local/domain/3/device/vbd/51728/queue-1 = ""   (n3,r0)
/local/domain/3/device/vif = ""   (n0,r3)
/local/domain/3/device/vif/0 = ""   (n3,r1)
/local/domain/3/device/vif/0/backend = "/local/domain/1/backend/vif/3/0"   (n3,r1)
/local/domain/3/device/vif/0/mtu = "1500"   (n0,r3)
/local/domain/3/device/vif/0/request-rx-copy = "1"   (n3,r1)
/local/domain/3/control = ""   (n0,r3)
/local/domain/3/control/shutdown = ""   (n3)
/local/domain/3/control/feature-poweroff = "1"   (n3)
/local/domain/3/control/sysrq = ""   (n3)
/local/domain/3/control/platform-feature-xs_reset_watches = "1"   (n0,r3)
/local/domain/3/data = ""   (n3)
/local/domain/3/drivers = ""   (n3)
/local/domain/3/error = ""   (n3)
/local/domain/3/domid = "3"   (n0,r3)
/local/domain/3/store = ""   (n0,r3)
/local/domain/3/store/port = "1"   (n0,r3)
/local/domain/3/console = ""   (n0,r3)
/local/domain/3/console/backend = "/local/domain/0/backend/console/3/0"   (n0,r3)
/local/domain/3/console/backend-id = "0"   (n3,r0)
/local/domain/3/console/limit = "1048576"   (n0,r3)
/local/domain/3/console/type = "xenconsoled"   (n0,r3)
/local/domain/3/console/output = "pty"   (n0,r3)
/local/domain/3/console/port = "2"   (n0,r3)
/local/pool/0/name = "Pool-0"   (n0)
/vm = ""   (n0)
/libxl = ""   (n0)
/libxl/3/device/vbd/51712 = ""   (n0)
/libxl/3/device/vbd/51712/backend = "/local/domain/0/backend/vbd/3/51712"   (n0)
/libxl/3/device/vbd/51712/state = "1"   (n0)
/libxl/3/device/vif/1/hotplug-status = ""   (n0)
/libxl/3/device/console/0/frontend = "/local/domain/3/console"   (n0)
/libxl/3/type = "pv"   (n0)
/libxl/3/dm-version = "qemu_xen"   (n0)
"#;

#[test]
fn the_tree_has_the_layout_values_and_permissions_of_a_real_host() {
    let host = small();
    let all = Snapshot::take(&client(&host, 0), &StorePath::root(), WalkOptions::full()).unwrap();
    let lines = listing(&all);
    for real in REAL.lines().filter(|line| !line.is_empty()) {
        let node = real.split(' ').next().unwrap();
        let ours = lines
            .iter()
            .find(|line| line.split(' ').next() == Some(node));
        assert_eq!(ours.map(String::as_str), Some(real));
    }
    // The uuid is made up: /local/domain/N/vm says where the machine's own directory is.
    let vm = all.get(&path("/local/domain/3/vm")).unwrap();
    let vm = path(str::from_utf8(vm.value.known().unwrap()).unwrap());
    for key in [
        "name",
        "uuid",
        "image/ostype",
        "image/cmdline",
        "start_time",
    ] {
        let node = all.get(&vm.join(key).unwrap()).unwrap();
        assert_eq!(node.perms.known().unwrap().to_string(), "n0,r3", "{key}");
    }
}

#[test]
fn frontends_publish_their_rings_as_their_drivers_do() {
    let host = small();
    let client = client(&host, 0);
    let names = |at: &str| client.directory(&path(at)).unwrap();
    let vif = names("/local/domain/2/device/vif/0");
    assert!(!vif.contains(&"tx-ring-ref".to_owned()));
    assert_eq!(
        names("/local/domain/2/device/vif/0/queue-1"),
        [
            "tx-ring-ref",
            "rx-ring-ref",
            "event-channel-tx",
            "event-channel-rx"
        ]
    );
    assert_eq!(
        names("/local/domain/2/device/vbd/51712/queue-1"),
        ["ring-ref", "event-channel"]
    );
    let single = names("/local/domain/4/device/vif/0");
    for key in ["tx-ring-ref", "rx-ring-ref", "event-channel"] {
        assert!(single.contains(&key.to_owned()), "{key}");
    }
}

#[test]
fn a_guest_reads_what_it_may_and_nothing_else() {
    let host = small();
    let guest = client(&host, 3);
    assert_eq!(guest.read(&path("name")).unwrap(), b"db");
    let backend = path("/local/domain/0/backend/vbd/3/51712/sectors");
    assert_eq!(guest.read(&backend).unwrap(), b"20971520");
    guest.write(&path("data/note"), b"mine").unwrap();
    for forbidden in ["/local/domain/4/name", "/libxl/3/type", "/local/domain"] {
        let error = guest.read(&path(forbidden)).unwrap_err();
        assert_eq!(error.kind(), xenbus::ErrorKind::Denied, "{forbidden}");
    }
    let error = guest.write(&path("name"), b"root").unwrap_err();
    assert_eq!(error.kind(), xenbus::ErrorKind::Denied);
}

#[test]
fn a_guest_that_is_told_to_reboot_comes_back_under_another_number() {
    let host = small();
    let client = client(&host, 0);
    let uuid = client.read(&path("/local/domain/4/vm")).unwrap();
    client
        .write(&path("/local/domain/4/control/shutdown"), b"reboot")
        .unwrap();
    wait_for(&client, "the reboot", |view| {
        view.get(&path("/local/domain/4")).is_none()
            && view.value(&path("/local/domain/5/name")) == Some(b"build")
            && view.value(&path("/local/domain/5/device/vif/0/state")) == Some(b"4")
            && view.value(&path("/local/domain/0/backend/vif/5/0/state")) == Some(b"4")
    });
    assert_eq!(client.read(&path("/local/domain/5/vm")).unwrap(), uuid);
    for gone in [
        "/libxl/4",
        "/local/domain/0/backend/vbd/4",
        "/local/domain/0/backend/console/4",
    ] {
        assert!(!client.exists(&path(gone)).unwrap(), "{gone}");
    }
    assert!(host.trouble().is_none(), "{:?}", host.trouble());
}

#[test]
fn a_driver_domain_that_comes_back_serves_its_guests_again() {
    let host = small();
    let client = client(&host, 0);
    client
        .write(&path("/local/domain/1/control/shutdown"), b"reboot")
        .unwrap();
    wait_for(&client, "the new backend", |view| {
        ["2", "3"].iter().all(|guest| {
            let back = format!("/local/domain/5/backend/vif/{guest}/0");
            let front = path(&format!("/local/domain/{guest}/device/vif/0"));
            view.value(&path(&format!("{back}/state"))) == Some(b"4")
                && view.value(&front.child("state").unwrap()) == Some(b"4")
                && view.value(&front.child("backend").unwrap()) == Some(back.as_bytes())
        })
    });
    assert!(host.trouble().is_none(), "{:?}", host.trouble());
}

#[test]
fn a_guest_that_powers_off_leaves_nothing_behind() {
    let host = small();
    let client = client(&host, 0);
    client
        .write(&path("/local/domain/3/control/shutdown"), b"poweroff")
        .unwrap();
    wait_for(&client, "the end of the guest", |view| {
        let mut left = view.subtree(&StorePath::root()).filter(|node| {
            let elements: Vec<_> = node.path.elements().collect();
            matches!(
                elements[..],
                ["local", "domain", "3", ..] | ["libxl", "3", ..]
            ) || matches!(elements[..], [_, _, _, "backend", _, "3", ..])
        });
        left.next().is_none()
    });
}

#[test]
fn what_the_scenario_says_happens_again_and_again() {
    let yaml = "
domains:
  - { name: a, memory: 1000, disks: [{vdev: xvda, target: /a}, {vdev: xvdb, target: /b}] }
life:
  - { every: 0.1, what: agent, domain: a }
  - { every: 0.1, what: memory, domain: a }
  - { every: 0.1, what: replug, domain: a, device: xvdb }
";
    let host = Host::start(&Scenario::parse(yaml).unwrap()).unwrap();
    let client = client(&host, 0);
    wait_for(&client, "the agent's report", |view| {
        view.value(&path("/local/domain/1/data/os_name")).is_some()
    });
    wait_for(&client, "a new memory target", |view| {
        let target = view.value(&path("/local/domain/1/memory/target"));
        target.is_some_and(|target| target != b"1024000")
    });
    let disk = path("/local/domain/1/device/vbd/51728");
    wait_for(&client, "the unplugging", |view| view.get(&disk).is_none());
    wait_for(&client, "the plugging", |view| {
        view.value(&disk.child("state").unwrap()) == Some(b"4")
    });
    assert!(host.trouble().is_none(), "{:?}", host.trouble());
}

#[test]
fn a_host_that_somebody_plays_havoc_with_lives_on() {
    let host = small();
    let client = client(&host, 0);
    client.rm(&path("/local/domain/3")).unwrap();
    client.rm(&path("/local/domain/0/backend/vif")).unwrap();
    client
        .write(
            &path("/local/domain/2/device/vbd/51712/state"),
            b"nonsense\xff",
        )
        .unwrap();
    client
        .write(&path("/local/domain/2/device/vif/7/state"), b"1")
        .unwrap();
    client
        .write(&path("/local/domain/2/control/shutdown"), b"reboot")
        .unwrap();
    wait_for(&client, "the reboot", |view| {
        view.value(&path("/local/domain/5/device/vbd/51712/state")) == Some(b"4")
    });
}

#[test]
fn dropping_a_host_ends_all_its_threads() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    // Other tests of this process start threads, too: a process of its own sees only its own.
    if std::env::var_os("DEMO_THREADS").is_none() {
        let name = "demo::dropping_a_host_ends_all_its_threads";
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--test-threads=1"])
            .env("DEMO_THREADS", "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let before = threads();
    let host = small();
    let client = client(&host, 0);
    assert!(threads() > before);
    let start = Instant::now();
    drop(host);
    assert!(start.elapsed() < Duration::from_secs(5));
    drop(client);
    // The threads of clients end on their own, soon after.
    let deadline = soon();
    while threads() > before {
        assert!(Instant::now() < deadline, "threads are left");
        std::thread::yield_now();
    }
}
