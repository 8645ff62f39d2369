//! Network interfaces of backends: `/sys/class/net`.

use std::collections::BTreeMap;

use super::backend::{node_name, present};
use super::file::Root;
use crate::device::reading::Reading;

const INTERFACES: &str = "sys/class/net";

/// Traffic of a guest's network interface, **as the guest sees it**: what the backend's interface transmits is what
/// the guest receives.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NetStats {
    /// Bytes that the guest received.
    pub rx_bytes: Reading<u64>,
    /// Packets that the guest received.
    pub rx_packets: Reading<u64>,
    /// Packets for the guest that were lost.
    pub rx_dropped: Reading<u64>,
    /// Packets for the guest that failed.
    pub rx_errors: Reading<u64>,
    /// Bytes that the guest sent.
    pub tx_bytes: Reading<u64>,
    /// Packets that the guest sent.
    pub tx_packets: Reading<u64>,
    /// Packets of the guest that were lost.
    pub tx_dropped: Reading<u64>,
    /// Packets of the guest that failed.
    pub tx_errors: Reading<u64>,
}

impl NetStats {
    pub(super) fn read(root: &Root, interface: &str) -> Reading<Self> {
        let numbers = root.numbers(&format!("{INTERFACES}/{interface}/statistics"));
        let number = |name| numbers.get(name);
        let stats = Self {
            rx_bytes: number("tx_bytes"),
            rx_packets: number("tx_packets"),
            rx_dropped: number("tx_dropped"),
            rx_errors: number("tx_errors"),
            tx_bytes: number("rx_bytes"),
            tx_packets: number("rx_packets"),
            tx_dropped: number("rx_dropped"),
            tx_errors: number("rx_errors"),
        };
        present(stats, |stats| {
            vec![
                &stats.rx_bytes,
                &stats.rx_packets,
                &stats.rx_dropped,
                &stats.rx_errors,
                &stats.tx_bytes,
                &stats.tx_packets,
                &stats.tx_dropped,
                &stats.tx_errors,
            ]
        })
    }
}

/// Names of interfaces by the backend that they belong to.
pub(super) fn by_node_name(root: &Root) -> BTreeMap<String, String> {
    let Reading::Known(names) = root.names(INTERFACES) else {
        return BTreeMap::new();
    };
    names
        .into_iter()
        .filter_map(|name| {
            let node = node_name(root, &format!("{INTERFACES}/{name}/device/nodename"))?;
            Some((node, name))
        })
        .collect()
}
