use std::process::{Command, Stdio};

use super::*;

struct Fake(io::Result<Vec<(&'static str, u64)>>);

impl DriverStats for Fake {
    fn statistics(&self, _: &str) -> io::Result<Vec<(String, u64)>> {
        match &self.0 {
            Ok(all) => Ok(all
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect()),
            Err(error) => Err(error.kind().into()),
        }
    }
}

/// What `ethtool -S` printed for the interface of a guest on a real host.
const VIF: [(&str, u64); 5] = [
    ("rx_gso_checksum_fixup", 0),
    ("tx_zerocopy_sent", 55),
    ("tx_zerocopy_success", 0),
    ("tx_zerocopy_fail", 55),
    ("tx_frag_overflow", 0),
];

#[test]
fn a_backend_tells_its_five_numbers_and_another_driver_none() {
    let stats = VifStats::read(&Fake(Ok(VIF.to_vec())), "vif1.0");
    let stats = stats.known().unwrap();
    assert_eq!(stats.tx_zerocopy_sent, Reading::Known(55));
    assert_eq!(stats.tx_frag_overflow, Reading::Known(0));
    let some = VifStats::read(&Fake(Ok(VIF[..2].to_vec())), "vif1.0");
    let some = some.known().unwrap();
    assert_eq!(some.tx_zerocopy_fail, Reading::Missing);
    let other = Fake(Ok(vec![("peer_ifindex", 7)]));
    assert_eq!(VifStats::read(&other, "eth0"), Reading::Missing);
    let gone = Fake(Err(io::ErrorKind::NotFound.into()));
    assert_eq!(VifStats::read(&gone, "vif1.0"), Reading::Missing);
    let denied = Fake(Err(io::ErrorKind::PermissionDenied.into()));
    assert_eq!(VifStats::read(&denied, "vif1.0"), Reading::Denied);
}

#[test]
fn an_answer_of_any_kind_is_taken_within_its_room() {
    for count in [0, 1, 7, u32::MAX] {
        let mut bytes = vec![b'x'; 100];
        bytes[4..8].copy_from_slice(&count.to_ne_bytes());
        bytes[8..12].copy_from_slice(&count.to_ne_bytes());
        let most = usize::try_from(count).unwrap();
        assert_eq!(names(&bytes).len(), most.min(2));
        assert_eq!(numbers(&bytes).len(), most.min(11));
    }
    assert!(names(&[]).is_empty() && numbers(&[]).is_empty());
}

#[test]
fn an_interface_without_statistics_is_an_error_and_so_is_none() {
    let kernel = KernelStats::open().unwrap();
    for interface in ["lo", "nosuchif", "", "a name that is too long", "nul\0"] {
        assert!(kernel.statistics(interface).is_err(), "{interface:?}");
    }
}

/// Two interfaces that are one cable, until they are dropped.
struct Veth(String);

impl Veth {
    /// None where interfaces may not be made.
    fn new() -> Option<Self> {
        let name = format!("xt{}", std::process::id() % 10_000_000);
        let peer = format!("{name}p");
        let arguments = ["link", "add", &name, "type", "veth", "peer", "name", &peer];
        ip(&arguments).then_some(Self(name))
    }
}

impl Drop for Veth {
    fn drop(&mut self) {
        ip(&["link", "del", &self.0]);
    }
}

fn ip(arguments: &[&str]) -> bool {
    let status = Command::new("ip")
        .args(arguments)
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn the_numbers_of_a_real_driver_are_those_that_ethtool_tells() {
    let Some(veth) = Veth::new() else {
        eprintln!("skipped: no network interface can be made here");
        return;
    };
    let kernel = KernelStats::open().unwrap();
    let all = kernel.statistics(&veth.0).unwrap();
    let peer = format!("/sys/class/net/{}p/ifindex", veth.0);
    let peer: u64 = std::fs::read_to_string(peer)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let found = all.iter().find(|(name, _)| name == "peer_ifindex");
    assert_eq!(found.map(|(_, value)| *value), Some(peer), "{all:?}");
    // No backend of a guest.
    assert_eq!(VifStats::read(&kernel, &veth.0), Reading::Missing);
}
