//! The client's requests: on real daemons, and against peers that follow a script.

use std::time::Duration;

use xenbus::client::Operations as _;
use xenbus::error::ErrorKind;
use xenbus_harness::for_each_daemon;

use crate::peer::{PATIENCE, client_of, client_with, path};

#[test]
fn a_value_written_is_read_back_from_each_daemon() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let every_byte: Vec<u8> = (0..=255).collect();
        client.write(&path("/t/a"), &every_byte).unwrap();
        client.mkdir(&path("/t/b")).unwrap();
        assert_eq!(client.read(&path("/t/a")).unwrap(), every_byte);
        assert_eq!(client.directory(&path("/t")).unwrap(), ["a", "b"]);
        client.rm(&path("/t")).unwrap();
        let error = client.read(&path("/t/a")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    });
}

#[test]
fn ten_thousand_requests_under_way_are_answered_each_with_its_own() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let writes: Vec<_> = (0..10_000)
            .map(|n| client.submit_write(&path(&format!("/n/{n}")), n.to_string().as_bytes()))
            .collect();
        for write in writes {
            write.wait().unwrap();
        }
        let reads: Vec<_> = (0..10_000)
            .map(|n| client.submit_read(&path(&format!("/n/{n}"))))
            .collect();
        for (n, read) in reads.into_iter().enumerate() {
            assert_eq!(read.wait().unwrap(), n.to_string().as_bytes());
        }
    });
}

#[test]
fn many_threads_share_a_client_and_get_their_own_answers() {
    let client = client_with(PATIENCE, |_, peer| peer.echo());
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let client = client.clone();
            scope.spawn(move || {
                for n in 0..500 {
                    let name = format!("/{thread}/{n}");
                    if n % 7 == 0 {
                        let many: Vec<_> =
                            (0..40).map(|_| client.submit_read(&path(&name))).collect();
                        for pending in many {
                            assert_eq!(pending.wait().unwrap(), name.as_bytes());
                        }
                    }
                    assert_eq!(client.read(&path(&name)).unwrap(), name.as_bytes());
                }
            });
        }
    });
}

#[test]
fn a_peer_that_never_answers_runs_into_the_deadline() {
    let client = client_with(Duration::from_millis(50), |_, peer| peer.until_gone());
    let error = client.read(&path("/a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("read /a"), "{error}");
}
