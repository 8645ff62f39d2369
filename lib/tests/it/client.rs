//! The client's requests: on real daemons, and against peers that follow a script.
//!
//! What the daemons demand of any client, and the test of each (`w` = `watch`, `t` = `transaction`, `o` =
//! `client::operations`, `r` = `client::recovery`, `h` = `hostile`):
//!
//! | rule | test |
//! | --- | --- |
//! | no empty payload | o `no_payload_is_ever_empty_before_the_store_is_known_to_be_c` |
//! | no payload over 4096 bytes | `errors_name_operation_path_and_way_out`, and 4080 in `device` |
//! | replies over 4096 bytes; lists in parts | o `a_list_of_any_length_…`, h `a_reply_may_be_as_long_as_a_mebibyte` |
//! | events before or after the reply | w `events_before_between_and_after_replies_…` |
//! | events merged or doubled; distinct tokens | w `overlapping_watches_…` |
//! | events after UNWATCH | w `events_before_between_and_after_replies_…` |
//! | removing a parent | w `removing_a_parent_fires_a_watch_below_with_its_own_path` |
//! | transactions belong to a connection; EINVAL leaves them open | t `a_transaction_is_lost_…`, `a_drop_sends_…` |
//! | conflicts | t `a_conflict_is_told_and_the_closure_runs_again`, `endless_conflicts_are_given_up` |
//! | error names | h `an_error_reply_is_read_whatever_its_name` |
//! | no half-close | `the_connection_is_never_half_closed` |
//! | always read while writing, few in flight | `a_peer_that_does_not_read_while_it_writes_is_drained` |
//! | pipelining | `ten_thousand_requests_…`, `replies_are_matched_by_number_whatever_their_order` |
//! | a backlog of 1 | r `a_store_that_never_accepts_runs_into_the_deadline_of_connect` |
//! | numbers are read loosely | o `numbers_and_paths_that_a_store_would_misread_are_refused_here` |
//! | probing | o `a_refusal_of_the_probe_proves_…`, `an_operation_that_the_store_lacks_…` |

mod operations;
mod recovery;

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use xenbus::client::{Client, Operations as _, Request};
use xenbus::error::{Error, ErrorKind};
use xenbus::tap::{Direction, Tap};
use xenbus::wire::{Header, Op};
use xenbus_harness::for_each_daemon;

use crate::peer::{PATIENCE, Scripted, client_of, client_with, options, path};

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
fn many_threads_share_a_client_and_the_lead_is_handed_on() {
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
fn replies_are_matched_by_number_whatever_their_order() {
    let client = client_with(PATIENCE, |_, mut peer| {
        let requests: Vec<_> = (0..5).map(|_| peer.next().unwrap()).collect();
        for request in requests.iter().rev() {
            peer.reply(request, request.first().as_bytes());
        }
        peer.until_gone();
    });
    let pending: Vec<_> = ["/a", "/b", "/c", "/d", "/e"]
        .map(|name| (name, client.submit_read(&path(name))))
        .into();
    for (name, pending) in pending {
        assert_eq!(pending.wait().unwrap(), name.as_bytes());
    }
}

#[test]
fn a_peer_that_does_not_read_while_it_writes_is_drained() {
    const REQUESTS: usize = 2000;
    // Every answer is longer than what the socket holds together with the others, and the next request is read only
    // when it is written: a client that only writes stops here for good.
    let client = client_with(PATIENCE, |_, mut peer| {
        while let Some(request) = peer.next() {
            peer.reply(&request, &vec![7; 20_000]);
        }
    });
    let value = [1; 4000];
    let pending: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let payload = [&b"/v\0"[..], &value].concat();
            client.submit(Request::raw(Op::READ, &payload))
        })
        .collect();
    for pending in pending {
        assert_eq!(pending.wait().unwrap().len(), 20_000);
    }
}

#[test]
fn the_connection_is_never_half_closed() {
    let (ended, ends) = mpsc::channel();
    let client = client_with(PATIENCE, move |_, mut peer| {
        let request = peer.next().unwrap();
        peer.stream
            .set_read_timeout(Some(Duration::from_millis(30)))
            .unwrap();
        let mut byte = [0];
        // An end of file would be Ok(0).
        let more = std::io::Read::read(&mut peer.stream, &mut byte);
        ended.send(more.is_ok()).unwrap();
        peer.reply(&request, b"late");
        peer.stream.set_read_timeout(None).unwrap();
        peer.until_gone();
    });
    assert_eq!(client.read(&path("/a")).unwrap(), b"late");
    assert!(!ends.recv().unwrap());
}

#[test]
fn a_request_is_sent_though_nobody_waits_for_its_answer() {
    let (seen, requests) = mpsc::channel();
    let client = client_with(PATIENCE, move |_, mut peer| {
        while let Some(request) = peer.next() {
            seen.send(request.first()).unwrap();
            peer.reply(&request, b"OK\0");
        }
    });
    drop(client.submit_write(&path("/dropped"), b"1"));
    let kept = client.submit_write(&path("/kept"), b"1");
    kept.flush();
    let arrived: Vec<String> = (0..2)
        .map(|_| requests.recv_timeout(PATIENCE).unwrap())
        .collect();
    assert_eq!(arrived, ["/dropped", "/kept"]);
    kept.wait().unwrap();
}

#[test]
fn asynchronous_callers_get_their_answers_in_order_from_one_thread() {
    let client = client_with(PATIENCE, |_, peer| peer.echo());
    let (answers, given) = mpsc::channel();
    for n in 0..1000 {
        let answers = answers.clone();
        let request = Request::path(Op::READ, &path(&format!("/{n}")));
        client.submit_with(request, move |answer| {
            let thread = std::thread::current().id();
            answers.send((answer.unwrap(), thread)).unwrap();
        });
    }
    let all: Vec<_> = (0..1000)
        .map(|_| given.recv_timeout(PATIENCE).unwrap())
        .collect();
    for (n, (answer, thread)) in all.iter().enumerate() {
        assert_eq!(*answer, format!("/{n}").as_bytes());
        assert_eq!(*thread, all[0].1);
    }
    drop((client, answers));
    // The thread ends with the client, and with it the last sender.
    assert!(given.recv_timeout(PATIENCE).is_err());
}

type Line = (u32, Direction, Op, Vec<u8>);

#[derive(Default)]
struct Recorder {
    seen: Mutex<Vec<Line>>,
}

impl Tap for Recorder {
    fn message(&self, connection: u32, direction: Direction, header: Header, payload: &[u8]) {
        assert_eq!(header.len as usize, payload.len());
        let line = (connection, direction, header.op, payload.to_vec());
        self.seen.lock().unwrap().push(line);
    }
}

#[test]
fn a_tap_sees_every_message_in_both_directions() {
    let recorder = Arc::new(Recorder::default());
    let mut tapped = options(PATIENCE);
    tapped.tap = Some(Arc::clone(&recorder) as Arc<dyn Tap>);
    let scripted = Scripted::new(|_, mut peer| {
        let request = peer.next().unwrap();
        peer.error(&request, b"ENOENT\0");
        peer.until_gone();
    });
    let client = Client::with_connector(scripted, tapped).unwrap();
    client.read(&path("/a")).unwrap_err();
    assert_eq!(
        *recorder.seen.lock().unwrap(),
        [
            (1, Direction::Sent, Op::READ, b"/a\0".to_vec()),
            (1, Direction::Received, Op::ERROR, b"ENOENT\0".to_vec()),
        ]
    );
}

/// Runs one test of this program by itself with an environment, and gives what it printed.
fn run_alone(test: &str, variable: &str, value: &str) -> String {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(variable, value)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_client_reads_one_node_for_the_tests_that_run_this_one_alone() {
    let client = Client::with_connector(Scripted::new(|_, peer| peer.echo()), options(PATIENCE));
    match client {
        Ok(client) => assert_eq!(client.read(&path("/traced")).unwrap(), b"/traced"),
        Err(error) => eprintln!("{error}"),
    }
}

#[test]
fn xenbus_trace_prints_the_messages() {
    let test = "client::a_client_reads_one_node_for_the_tests_that_run_this_one_alone";
    let trace = run_alone(test, "XENBUS_TRACE", "1");
    assert!(
        trace.contains("c1 > READ") && trace.contains("c1 < READ"),
        "{trace}"
    );
    assert!(trace.contains(r#""/traced\x00""#), "{trace}");
    let refused = run_alone(test, "XENBUS_TRACE", "\x1bmaybe");
    assert!(
        refused.contains("XENBUS_TRACE: it is '\\x1bmaybe'"),
        "{refused}"
    );
    assert_eq!(run_alone(test, "XENBUS_TRACE", "0"), "");
}

#[test]
fn a_long_wait_for_a_transaction_is_noticed_once_and_goes_on() {
    let (told, notices) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let mut patient = options(PATIENCE);
    patient.notice_after = Duration::from_millis(20);
    patient.notice = Some(Arc::new(move |op, after| {
        told.send((op, after)).unwrap();
    }));
    let scripted = Scripted::new(move |_, mut peer| {
        let request = peer.next().unwrap();
        released.lock().unwrap().recv().unwrap();
        peer.reply(&request, b"7\0");
        peer.until_gone();
    });
    let client = Client::with_connector(scripted, patient).unwrap();
    std::thread::scope(|scope| {
        let begun = scope.spawn(|| client.begin().unwrap().id());
        let (op, after) = notices.recv_timeout(PATIENCE).unwrap();
        assert_eq!(
            (op, after),
            (Op::TRANSACTION_START, Duration::from_millis(20))
        );
        release.send(()).unwrap();
        assert_eq!(begun.join().unwrap().0, 7);
    });
    assert!(notices.try_recv().is_err());
}

#[test]
fn errors_name_operation_path_and_way_out() {
    let client = client_with(Duration::from_millis(50), |_, peer| peer.until_gone());
    let error = client.read(&path("/a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let text = error.to_string();
    assert!(
        text.contains("read /a") && text.contains("raise the timeout"),
        "{text}"
    );
    let error = client.write(&path("/v"), &[0; 4094]).unwrap_err();
    assert!(matches!(
        error,
        Error::TooLong {
            length: 4097,
            max: 4096,
            ..
        }
    ));
    assert!(error.to_string().contains("write /v"), "{error}");
}
