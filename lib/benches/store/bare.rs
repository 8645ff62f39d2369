//! What answers without being a store: how much of a row is the round trip itself.
//!
//! One thread, one client at a time, two system calls for each request, and nothing looked up: no server that sleeps
//! while it has nothing to do can take fewer.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use xenbus::wire::{HEADER_SIZE, Header, Op};

use crate::compare;
use crate::raw::request;
use crate::rows::ROWS;
use crate::subject::Subject;

pub(crate) const NAME: &str = "bare";

/// The rows of one client that waits for every answer.
const SHOWN: [&str; 2] = ["read, sequential", "transaction"];

/// Rows beside the same round trips with nothing behind them.
pub(crate) fn measure(rounds: usize) {
    let mut subjects = vec![Subject::bare()];
    subjects.extend(Subject::all());
    crate::print_head(&subjects);
    for row in ROWS.iter().filter(|row| SHOWN.contains(&row.name)) {
        compare(row.name, &mut subjects, rounds, row.measure);
    }
}

/// Answers until standard input ends.
pub(crate) fn serve(socket: &str) {
    let listener = UnixListener::bind(socket).unwrap();
    println!("ready");
    std::thread::spawn(move || {
        for client in listener.incoming() {
            answer(client.unwrap());
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn answer(mut client: UnixStream) {
    let mut buffer = vec![0; 32 * 1024];
    // A client that waits for every answer sends one request at a time, and short ones come in one piece.
    while let Ok(count) = client.read(&mut buffer)
        && let Some(head) = buffer[..count].first_chunk::<HEADER_SIZE>()
    {
        let op = Header::from_bytes(head).op;
        let payload: &[u8] = match op {
            Op::READ => b"a value of 20 bytes.",
            Op::TRANSACTION_START => b"1\0",
            _ => b"OK\0",
        };
        client.write_all(&request(op, 0, payload)).unwrap();
    }
}
