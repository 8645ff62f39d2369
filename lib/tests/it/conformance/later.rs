//! What stores of Xen 4.22 and later have more. No such daemon is packaged: our own stands in, by its rules.

use std::sync::Arc;

use xenbus::client::{Client, ClientOptions};
use xenbus::id::DomId;
use xenbus::store::{Personality, Server, StoreOptions};
use xenbus::transport::ring::Features;
use xenbus::watch::WatchOptions;
use xenbus::wire::Op;
use xenbus::{ErrorKind, Operations, WatchEvent};

use crate::support::{Raw, path, soon};

fn server() -> Server {
    Server::start(StoreOptions::of(Personality::C4_22)).unwrap()
}

fn client(server: &Server, domid: u32) -> Client {
    Client::with_connector(server.connector(DomId(domid)), ClientOptions::default()).unwrap()
}

#[test]
fn features_and_quotas_are_found_read_and_set() {
    let server = server();
    let client = client(&server, 0);
    assert!(client.has_features().unwrap());
    let features = Features(client.feature(None).unwrap());
    assert!(features.has(Features::ERROR | Features::WATCH_DEPTH | Features::ANY_DOMAIN));
    assert!(!features.has(Features::RECONNECTION));
    let error = client.feature(Some(DomId(77))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let names = client.quota_names().unwrap();
    for name in ["nodes", "watches", "transactions", "node-size", "path-max"] {
        assert!(
            names.iter().any(|known| known == name),
            "{name} in {names:?}"
        );
    }
    assert_eq!(client.quota(None, "nodes").unwrap(), 1000);
    client.set_quota(None, "nodes", 1500).unwrap();
    assert_eq!(client.quota(None, "nodes").unwrap(), 1500);
    assert!(client.quota(None, "bogus").is_err());
}

#[test]
fn a_domain_sees_its_features_and_no_quotas() {
    let server = server();
    server.create_domain(DomId(1));
    server.introduce(DomId(1)).unwrap();
    let mut raw = Raw::new(Arc::clone(&server.connector(DomId(1))));
    assert_eq!(raw.ask(Op::GET_FEATURE, "1\0"), "14|");
    assert_eq!(raw.ask(Op::GET_QUOTA, "nodes\0"), "!EACCES");
    assert!(client(&server, 1).has_features().unwrap());
}

#[test]
fn the_store_itself_keeps_the_depth_of_a_watch() {
    let server = server();
    let (mut watcher, mut other) = (
        Raw::new(server.connector(DomId::DOM0)),
        Raw::new(server.connector(DomId::DOM0)),
    );
    for depth in ["0", "1"] {
        assert_eq!(
            watcher.ask(Op::WATCH, format!("/dep\0{depth}\0{depth}\0")),
            "OK|"
        );
    }
    watcher.events();
    for node in ["/dep", "/dep/a", "/dep/a/b"] {
        other.ask(Op::WRITE, format!("{node}\0v"));
    }
    let mut events = watcher.events();
    events.sort();
    assert_eq!(events, ["/dep/a|1|", "/dep|0|", "/dep|1|"]);
    assert_eq!(watcher.ask(Op::WATCH, "/dep\0t\0-1\0"), "!EINVAL");
}

#[test]
fn the_clients_watch_of_a_depth_tells_the_same_as_with_an_older_store() {
    let server = server();
    let client = client(&server, 0);
    let mut options = WatchOptions::default();
    options.depth = Some(1);
    let watch = client.watch_with(&path("/dep"), options).unwrap();
    assert_eq!(watch.next_until(soon()).unwrap(), Some(WatchEvent::Initial));
    for node in ["/dep/a/b", "/dep/a", "/dep"] {
        client.write(&path(node), b"v").unwrap();
    }
    for node in ["/dep/a", "/dep"] {
        let told = watch.next_until(soon()).unwrap();
        assert_eq!(told, Some(WatchEvent::Changed(path(node))));
    }
}

#[test]
fn the_special_names_have_permissions_that_can_be_read() {
    let server = server();
    let client = client(&server, 0);
    let release = client.perms(&xenbus::StorePath::release_domain()).unwrap();
    assert_eq!(release.to_string(), "n0,r32757");
    let introduce = client
        .perms(&xenbus::StorePath::introduce_domain())
        .unwrap();
    assert_eq!(introduce.to_string(), "n0");
}
