//! What Xen's hotplug scripts write into a backend's directory when they have connected it to the outside.

/// Keys and values, in the order of writing.
pub(super) type Keys = Vec<(&'static str, String)>;

/// `/etc/xen/scripts/block`: an image gets a loop device, a block device is taken as it is.
pub(super) fn block(params: &[u8]) -> Keys {
    let params = String::from_utf8_lossy(params);
    // The same target gives the same number, in a range of minors.
    let minor = params
        .bytes()
        .fold(0_u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte))
        % 256;
    let (node, major) = if params.starts_with("/dev/") {
        (params.into_owned(), 253)
    } else {
        (format!("/dev/loop{minor}"), 7)
    };
    vec![
        ("node", node.clone()),
        ("physical-device", format!("{major:x}:{minor:x}")),
        ("physical-device-path", node),
        ("hotplug-status", "connected".into()),
    ]
}

/// `/etc/xen/scripts/vif-bridge`.
pub(super) fn vif() -> Keys {
    vec![("hotplug-status", "connected".into())]
}
