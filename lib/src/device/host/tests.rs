use super::*;

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

fn tree(keys: &[(&str, &str)]) -> BTreeMap<StorePath, Vec<u8>> {
    keys.iter()
        .map(|(key, value)| (path(key), value.as_bytes().to_vec()))
        .collect()
}

const DISK: &[(&str, &str)] = &[
    ("/local/domain/0/name", "Domain-0"),
    ("/local/domain/3/name", "web"),
    (
        "/local/domain/3/device/vbd/51712/backend",
        "/local/domain/1/backend/qdisk/3/51712",
    ),
    ("/local/domain/3/device/vbd/51712/backend-id", "1"),
    ("/local/domain/3/device/vbd/51712/state", "4"),
    (
        "/local/domain/1/backend/qdisk/3/51712/frontend",
        "/local/domain/3/device/vbd/51712",
    ),
    ("/local/domain/1/backend/qdisk/3/51712/state", "2"),
    ("/local/domain/1/backend/qdisk/3/51712/online", "1"),
];

#[test]
fn a_frontend_finds_its_backend_of_another_kind_in_a_driver_domain() {
    let host = Host::read(&tree(DISK));
    assert_eq!(host.devices.len(), 1);
    let device = &host.devices[&DeviceId::new(DomId(3), "vbd", "51712")];
    assert_eq!(device.front_seen(), Seen::State(XenbusState::CONNECTED));
    assert_eq!(device.back_seen(), Seen::State(XenbusState::INIT_WAIT));
    let back = device.back.known().unwrap();
    assert_eq!((back.domain, back.kind.as_str()), (DomId(1), "qdisk"));
    assert_eq!(device.label(), "xvda");
    assert_eq!(host.roles.control, Some(DomId(0)));
    assert_eq!(host.devices_of(DomId(3)).count(), 1);
    assert_eq!(host.devices_of(DomId(1)).count(), 0);
}

#[test]
fn reading_one_device_again_gives_what_reading_everything_gives() {
    let mut nodes = tree(DISK);
    let mut host = Host::read(&nodes);
    let id = DeviceId::new(DomId(3), "vbd", "51712");
    nodes.insert(
        path("/local/domain/1/backend/qdisk/3/51712/state"),
        b"4".to_vec(),
    );
    host.refresh_device(&nodes, &id);
    let all = Host::read(&nodes);
    assert_eq!(format!("{:?}", host.devices), format!("{:?}", all.devices));
    nodes.retain(|path, _| !path.as_str().contains("51712"));
    host.refresh_device(&nodes, &id);
    assert!(host.devices.is_empty());
}

#[test]
fn devices_that_only_one_source_knows_are_devices() {
    for (key, value) in [
        ("/local/domain/3/device/vbd/51712/state", "1"),
        ("/local/domain/0/backend/vbd/3/51712/state", "2"),
        ("/libxl/3/device/vbd/51712/params", "x"),
    ] {
        let host = Host::read(&tree(&[(key, value)]));
        let ids: Vec<_> = host.devices.keys().cloned().collect();
        assert_eq!(ids, [DeviceId::new(DomId(3), "vbd", "51712")], "{key}");
        assert!(host.domains.contains_key(&DomId(3)));
    }
    let none = tree(&[("/local/domain/3/device/suspend/event-channel", "")]);
    assert!(Host::read(&none).devices.is_empty());
}

/// A tree as a guest may list it.
struct Guest(BTreeMap<StorePath, Reading<Vec<u8>>>);
impl Nodes for Guest {
    fn value(&self, at: &StorePath) -> Reading<std::borrow::Cow<'_, [u8]>> {
        self.0.value(at)
    }
    fn children(&self, at: &StorePath) -> Reading<Vec<String>> {
        match at.as_str() {
            "/local/domain" => Reading::Known(vec!["3".into()]),
            other if other.starts_with("/local/domain/3") => self.0.children(at),
            _ => Reading::Denied,
        }
    }
}

#[test]
fn in_a_guest_the_backend_is_read_where_the_frontend_says() {
    let mut nodes: BTreeMap<StorePath, Reading<Vec<u8>>> = tree(DISK)
        .into_iter()
        .map(|(path, value)| (path, Reading::Known(value)))
        .collect();
    // Nobody but the owner may list these.
    for hidden in ["/local", "/local/domain/1", "/local/domain/1/backend"] {
        nodes.insert(path(hidden), Reading::Denied);
    }
    let host = Host::read(&Guest(nodes.clone()));
    let device = host.devices.values().next().unwrap();
    assert_eq!(device.back_seen(), Seen::State(XenbusState::INIT_WAIT));

    // A missing absolute path looks like a forbidden one to a guest of C xenstored.
    nodes.retain(|path, _| !path.as_str().contains("/backend/qdisk"));
    nodes.insert(
        path("/local/domain/1/backend/qdisk/3/51712"),
        Reading::Denied,
    );
    let host = Host::read(&Guest(nodes));
    let device = host.devices.values().next().unwrap();
    assert_eq!(device.back_seen(), Seen::Hidden);
}

#[test]
fn the_toolstacks_entry_decides_between_backends() {
    let mut nodes = tree(DISK);
    nodes.extend(tree(&[
        ("/local/domain/2/backend/vbd/3/51712/state", "6"),
        (
            "/libxl/3/device/vbd/51712/backend",
            "/local/domain/2/backend/vbd/3/51712",
        ),
    ]));
    let host = Host::read(&nodes);
    let device = host.devices.values().next().unwrap();
    assert_eq!(device.back.known().unwrap().domain, DomId(2));
    assert_eq!(device.rivals.len(), 1);
    nodes.remove(&path("/libxl/3/device/vbd/51712/backend"));
    let host = Host::read(&nodes);
    let device = host.devices.values().next().unwrap();
    assert_eq!(device.back.known().unwrap().domain, DomId(1));
}
