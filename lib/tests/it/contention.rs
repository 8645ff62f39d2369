//! Transactions in each other's way: nothing is lost and nothing is done twice.

use xenbus::{Client, ErrorKind, Operations, Result};

use crate::support::{Store, for_each_store, path};

const CLIENTS: usize = 8;
const COUNTERS: usize = 3;

/// Transactions of each client.
fn rounds() -> usize {
    if std::env::var_os("XENBUS_LONG").is_some() {
        500
    } else {
        25
    }
}

#[test]
fn eight_clients_add_to_shared_counters_and_nothing_is_lost_or_done_twice() {
    for_each_store(|store| {
        prepare(store);
        run((0..CLIENTS).map(|_| store.client()).collect());
        check(store);
    });
}

#[test]
fn eight_threads_with_one_client_add_to_shared_counters_as_well() {
    for_each_store(|store| {
        prepare(store);
        run(vec![store.client(); CLIENTS]);
        check(store);
    });
}

#[test]
fn domains_over_their_rings_and_the_privileged_add_to_shared_counters() {
    for_each_store(|store| {
        let guests: Vec<_> = (1..=4).map(|domid| store.introduce(domid)).collect();
        prepare(store);
        let mut raw = store.raw();
        for node in (0..COUNTERS)
            .map(counter)
            .chain((0..CLIENTS).map(|client| format!("/log/{client}")))
        {
            let answer = raw.ask(xenbus::wire::Op::SET_PERMS, format!("{node}\0b0\0"));
            assert_eq!(answer, "OK|");
        }
        let clients = guests.iter().map(crate::support::Guest::client);
        let privileged = (0..CLIENTS - guests.len()).map(|_| store.client());
        run(clients.chain(privileged).collect());
        check(store);
    });
}

fn counter(number: usize) -> String {
    format!("/counters/{number}")
}

fn prepare(store: &Store) {
    let client = store.client();
    for number in 0..COUNTERS {
        client.write(&path(&counter(number)), b"0").unwrap();
    }
    for number in 0..CLIENTS {
        client.mkdir(&path(&format!("/log/{number}"))).unwrap();
    }
}

/// Every client adds, in each of its transactions, 1 to one counter and 2 to another, and logs that it did.
fn run(clients: Vec<Client>) {
    std::thread::scope(|scope| {
        for (number, client) in clients.into_iter().enumerate() {
            scope.spawn(move || {
                for round in 0..rounds() {
                    while let Err(error) = add(&client, number, round) {
                        // Given up: nothing was committed.
                        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                    }
                }
            });
        }
    });
}

fn add(client: &Client, number: usize, round: usize) -> Result<()> {
    let one = path(&counter((number + round) % COUNTERS));
    let two = path(&counter((number + round + 1) % COUNTERS));
    // Not all in one directory: a domain's is full after some hundred names.
    let log = path(&format!("/log/{number}/{}/{round}", round / 100));
    client.transaction(|transaction| {
        for (node, more) in [(&one, 1), (&two, 2)] {
            let value = String::from_utf8(transaction.read(node)?).unwrap();
            let sum = value.parse::<usize>().unwrap() + more;
            transaction.write(node, sum.to_string().as_bytes())?;
        }
        // Not there yet, or the transaction was done before.
        assert!(!transaction.exists(&log)?, "{log} is done twice");
        transaction.write(&log, format!("{one} {two}").as_bytes())
    })
}

fn check(store: &Store) {
    let client = store.client();
    let mut expected = [0; COUNTERS];
    for number in 0..CLIENTS {
        for round in 0..rounds() {
            let log = format!("/log/{number}/{}/{round}", round / 100);
            assert!(client.exists(&path(&log)).unwrap(), "{log}");
            expected[(number + round) % COUNTERS] += 1;
            expected[(number + round + 1) % COUNTERS] += 2;
        }
    }
    for (number, expected) in expected.into_iter().enumerate() {
        let value = client.read(&path(&counter(number))).unwrap();
        assert_eq!(String::from_utf8(value).unwrap(), expected.to_string());
    }
}
