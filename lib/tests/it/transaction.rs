//! Transactions.

use std::sync::mpsc;

use xenbus::client::Operations as _;
use xenbus::error::{Error, ErrorKind};
use xenbus::transaction::Transaction;
use xenbus::wire::Op;
use xenbus_harness::for_each_daemon;

use crate::peer::{PATIENCE, client_of, client_with, path};

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

#[test]
fn an_error_of_the_closure_aborts_and_is_returned() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let error = client
            .transaction(|transaction| {
                transaction.write(&path("/t"), b"1")?;
                transaction.read(&path("/missing"))
            })
            .unwrap_err();
        assert!(error.is_not_found(), "{error}");
        assert!(!client.exists(&path("/t")).unwrap());
    });
}

#[test]
fn a_transaction_is_lost_with_its_connection() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let [one, two] = [(); 2].map(|()| client.begin().unwrap());
        one.write(&path("/t"), b"1").unwrap();
        daemon.restart();
        assert!(matches!(one.read(&path("/t")), Err(Error::TransactionLost)));
        assert!(matches!(one.commit(), Err(Error::TransactionLost)));
        // Which is what an abort wants.
        two.abort().unwrap();
        // Its number means nothing on the new connection.
        let again = client.begin().unwrap();
        again.write(&path("/t"), b"2").unwrap();
        again.commit().unwrap();
        assert_eq!(client.read(&path("/t")).unwrap(), b"2");
    });
}

#[test]
fn a_commit_under_way_when_the_connection_breaks_is_not_called_uncommitted() {
    let client = client_with(PATIENCE, |_, mut peer| {
        let start = peer.next().unwrap();
        peer.reply(&start, b"1\0");
        // Takes the commit and dies.
        drop(peer.next());
    });
    let error = client.begin().unwrap().commit().unwrap_err();
    assert!(
        matches!(
            error,
            Error::Disconnected {
                op: Op::TRANSACTION_END,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_hundred_dropped_transactions_leave_none_open() {
    for_each_daemon(|daemon| {
        let _guest = daemon.introduce(3);
        let client = client_of(daemon);
        for _ in 0..100 {
            drop(client.begin().unwrap());
        }
        // oxenstored ends by itself only when no transaction is open.
        client.begin().unwrap().commit().unwrap();
    });
}

#[test]
fn a_drop_sends_the_abort_and_a_commit_that_changed_nothing_is_followed_by_one() {
    let (seen, requests) = mpsc::channel();
    let client = client_with(PATIENCE, move |_, mut peer| {
        while let Some(request) = peer.next() {
            seen.send((request.header.op, request.header.tx_id.0, request.first()))
                .unwrap();
            match (request.header.op, &*request.first()) {
                (Op::TRANSACTION_START, _) => peer.reply(&request, b"9\0"),
                // The one answer after which the daemons still have the transaction.
                (_, "T") => peer.error(&request, b"EINVAL\0"),
                _ => peer.reply(&request, b"OK\0"),
            }
        }
    });
    let expect = |op: Op, id: u32, how: &str| {
        assert_eq!(
            requests.recv_timeout(PATIENCE).unwrap(),
            (op, id, how.to_owned())
        );
    };
    drop(client.begin().unwrap());
    expect(Op::TRANSACTION_START, 0, "");
    expect(Op::TRANSACTION_END, 9, "F");
    client.begin().unwrap().commit().unwrap_err();
    expect(Op::TRANSACTION_START, 0, "");
    expect(Op::TRANSACTION_END, 9, "T");
    expect(Op::TRANSACTION_END, 9, "F");
}

#[test]
fn endless_conflicts_are_given_up() {
    let client = client_with(PATIENCE, move |_, mut peer| {
        while let Some(request) = peer.next() {
            match request.header.op {
                Op::TRANSACTION_START => peer.reply(&request, b"9\0"),
                _ => peer.error(&request, b"EAGAIN\0"),
            }
        }
    });
    let mut runs = 0;
    let error = client
        .transaction(|_| {
            runs += 1;
            Ok(())
        })
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Conflict {
                attempts: Transaction::ATTEMPTS
            }
        ),
        "{error}"
    );
    assert_eq!(runs, Transaction::ATTEMPTS);
}

#[test]
fn an_unknown_transaction_is_an_error_of_the_store() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let mut stale = None;
        client
            .transaction(|transaction| {
                stale = Some(transaction.id());
                Ok(())
            })
            .unwrap();
        assert_ne!(stale.unwrap().0, 0);
        // C says ENOENT, oxenstored EIO; numbers start anew on each connection, and ours are never sent elsewhere.
        let error = client.raw(Op::TRANSACTION_END, b"T\0").unwrap_err();
        assert!(error.errno().is_some(), "{error}");
    });
}
