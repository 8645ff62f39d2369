//! Transactions.

use xenbus::client::Operations as _;
use xenbus::error::ErrorKind;
use xenbus_harness::for_each_daemon;

use crate::peer::{client_of, path};

#[test]
fn a_commit_shows_everything_and_an_abort_nothing() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let transaction = client.begin().unwrap();
        transaction.write(&path("/t/a"), b"1").unwrap();
        assert!(!client.exists(&path("/t/a")).unwrap());
        assert_eq!(transaction.read(&path("/t/a")).unwrap(), b"1");
        transaction.commit().unwrap();
        assert_eq!(client.read(&path("/t/a")).unwrap(), b"1");
        let transaction = client.begin().unwrap();
        transaction.write(&path("/t/a"), b"2").unwrap();
        transaction.abort().unwrap();
        drop(client.begin().unwrap());
        assert_eq!(client.read(&path("/t/a")).unwrap(), b"1");
    });
}

#[test]
fn a_conflict_is_told_and_the_closure_runs_again() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        client.write(&path("/n"), b"1").unwrap();
        let transaction = client.begin().unwrap();
        transaction.read(&path("/n")).unwrap();
        transaction.write(&path("/n"), b"2").unwrap();
        client.write(&path("/n"), b"3").unwrap();
        let error = transaction.commit().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let mut runs = 0;
        client
            .transaction(|transaction| {
                runs += 1;
                let old = transaction.read(&path("/n"))?;
                if runs == 1 {
                    client.write(&path("/n"), b"4").unwrap();
                }
                transaction.write(&path("/n"), &[&old[..], b"+"].concat())
            })
            .unwrap();
        assert_eq!(client.read(&path("/n")).unwrap(), b"4+");
        assert_eq!(runs, 2);
    });
}
