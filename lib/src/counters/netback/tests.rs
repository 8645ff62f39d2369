use proptest::prelude::*;

use super::*;

const LIMITED: &str = "Queue 1
TX: nr_ents 256
req prod 145 (3) cons 144 (2) event 146 (4)
rsp prod 142 (base) pvt 143 (1) event 143 (1)
pending prod 401 pending cons 145 nr_pending_reqs 2
dealloc prod 44 dealloc cons 43 dealloc_queue 1

RX: nr_ents 256
req prod 680 (256) cons 424 (0) event 1 (-423)
rsp prod 424 (base) pvt 424 (0) event 425 (1)

NAPI state: 1f NAPI weight: 64 TX queue len 5
Credit timer_pending: 1, credit: 62500, usec: 50000
remaining: 62040, expires: 0, now: 4294915132

Rx internal queue: len 1514 max 524288 pkts 1 stopped
";

#[test]
fn every_number_of_a_queue_is_read() {
    let queue = NetbackQueue::parse(LIMITED.as_bytes()).unwrap();
    let tx = queue.tx.unwrap();
    assert_eq!(queue.queue, 1);
    assert_eq!((tx.req_prod, tx.req_cons, tx.req_event), (145, 144, 146));
    assert_eq!((tx.rsp_prod, tx.rsp_pvt, tx.rsp_event), (142, 143, 143));
    assert_eq!(tx.in_flight(), Fill::Used { used: 3, of: 256 });
    assert_eq!(
        queue.rx.unwrap().posted(),
        Fill::Used { used: 256, of: 256 }
    );
    assert_eq!((queue.pending, queue.dealloc), (Some(2), Some(1)));
    assert_eq!((queue.napi.state, queue.napi.tx_queue), (0x1f, 5));
    assert_eq!(queue.credit.bytes, Some(62500));
    assert!(queue.credit.is_waiting && queue.rx_queue.is_stopped);
}

#[test]
fn rings_that_are_not_connected_are_left_out() {
    let text = LIMITED.split_once("NAPI").unwrap().1;
    let queue = NetbackQueue::parse(format!("Queue 0\nNAPI{text}").as_bytes()).unwrap();
    assert_eq!((queue.tx, queue.rx, queue.pending), (None, None, None));
}

#[test]
fn no_limit_is_no_number() {
    for unlimited in ["18446744073709551615", "4294967295"] {
        let text = LIMITED.replace("credit: 62500", &format!("credit: {unlimited}"));
        assert_eq!(
            NetbackQueue::parse(text.as_bytes()).unwrap().credit.bytes,
            None
        );
    }
}

#[test]
fn a_cut_text_is_refused_wherever_it_is_cut() {
    let end = LIMITED.find("stopped").unwrap() + "stopped".len();
    for at in 0..end {
        assert!(
            NetbackQueue::parse(&LIMITED.as_bytes()[..at]).is_err(),
            "{at}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_no_panic(bytes: Vec<u8>) {
        drop(NetbackQueue::parse(&bytes));
    }

    #[test]
    fn a_text_with_other_numbers_is_no_panic(at in 0..LIMITED.len(), put in "[0-9a-z() ,:-]{0,30}") {
        let mut text = LIMITED.to_owned();
        text.replace_range(at..at, &put);
        drop(NetbackQueue::parse(text.as_bytes()));
    }
}
