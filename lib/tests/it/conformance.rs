//! Every operation, error and watch rule, on our own store and on the real daemons alike.

mod administration;
mod directories;
mod guests;
mod later;
mod messages;
mod nodes;
mod outages;
mod paths;
mod permissions;
mod transactions;
mod watches;

use xenbus::wire::Op;

use crate::support::{Raw, Store};

/// A request, and the answer of C (and our own store) and of oxenstored.
type Row<'a> = (Op, &'a [u8], &'a str, &'a str);

/// Asks one question after the other.
fn ask_all(store: &Store, raw: &mut Raw, rows: &[Row<'_>]) {
    for (op, payload, c, ocaml) in rows {
        let asked = crate::support::shown(payload);
        let answer = raw.ask(*op, payload);
        assert_eq!(answer, store.kind().pick(*c, *ocaml), "{op} {asked}");
    }
}
