//! Rings of Linux' network backend: `/sys/kernel/debug/xen-netback/<interface>/io_ring_q<N>`.
//!
//! The format is that of `xenvif_read_io_ring` (`drivers/net/xen-netback/xenbus.c`). Writing to these files triggers an
//! interrupt: they are only ever opened for reading.

use super::file::Root;
use super::indices::Fill;
use crate::device::reading::{BadValue, Reading};
use crate::device::ring::MAX_QUEUES;

const DIRECTORY: &str = "sys/kernel/debug/xen-netback";

/// One queue of a network backend.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NetbackQueue {
    /// Its number.
    pub queue: u32,
    /// The ring from guest to backend; none while it is not connected.
    pub tx: Option<NetbackRing>,
    /// Requests that the backend has taken and not finished.
    pub pending: Option<u32>,
    /// Grants that wait to be given back.
    pub dealloc: Option<u32>,
    /// The ring from backend to guest; none while it is not connected.
    pub rx: Option<NetbackRing>,
    /// How the queue is polled.
    pub napi: Napi,
    /// The limit on what the guest sends.
    pub credit: Credit,
    /// Packets for the guest that wait for its buffers.
    pub rx_queue: RxQueue,
}

/// Indices of a ring, as the backend sees them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NetbackRing {
    /// Entries.
    pub entries: u32,
    /// Requests that the guest has put in; the guest writes this.
    pub req_prod: u32,
    /// Requests that the backend has taken out.
    pub req_cons: u32,
    /// At which request the backend wants to be woken.
    pub req_event: u32,
    /// Responses that the guest may see.
    pub rsp_prod: u32,
    /// Responses that the backend has put in.
    pub rsp_pvt: u32,
    /// At which response the guest wants to be woken; the guest writes this.
    pub rsp_event: u32,
}

impl NetbackRing {
    /// Requests that were put in and not answered. On the ring from guest to backend: how full it is.
    pub fn in_flight(&self) -> Fill {
        Fill::between(self.rsp_prod, self.req_prod, self.entries)
    }

    /// Requests that were put in and not taken. On the ring from backend to guest: buffers that the guest offers.
    pub fn posted(&self) -> Fill {
        Fill::between(self.req_cons, self.req_prod, self.entries)
    }
}

/// How a queue is polled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Napi {
    /// State bits of the kernel.
    pub state: u64,
    /// Packets per turn.
    pub weight: u32,
    /// Packets that wait between reading and delivery.
    pub tx_queue: u32,
}

/// The limit on what a guest sends ("rate" of its backend).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Credit {
    /// Whether the queue waits for new credit.
    pub is_waiting: bool,
    /// Bytes per interval; `None` if there is no limit.
    pub bytes: Option<u64>,
    /// The interval, microseconds.
    pub interval: u64,
    /// Bytes left in this interval; meaningless without a limit.
    pub remaining: u64,
}

/// Packets for the guest that wait for its buffers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RxQueue {
    /// Bytes that wait.
    pub bytes: u64,
    /// Most bytes that may wait.
    pub bytes_max: u64,
    /// Packets that wait.
    pub packets: u64,
    /// Whether the interface has stopped taking more.
    pub is_stopped: bool,
}

impl NetbackQueue {
    /// Reads the text of an `io_ring_q<N>` file.
    ///
    /// # Errors
    /// A text that the kernel does not make.
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let text = str::from_utf8(text).map_err(|_| WRONG)?;
        Scan(text).queue().ok_or(WRONG)
    }
}

const WRONG: &str = "is no io_ring text";

/// Reads every queue of an interface.
pub(super) fn read(root: &Root, interface: &str) -> Reading<Vec<NetbackQueue>> {
    let directory = format!("{DIRECTORY}/{interface}");
    let names = match root.names(&directory) {
        Reading::Known(names) => names,
        other => return other.map(|_| Vec::new()),
    };
    let mut queues = Vec::new();
    for name in names {
        let is_ring = name
            .strip_prefix("io_ring_q")
            .is_some_and(|number| number.parse::<u32>().is_ok_and(|n| n < MAX_QUEUES));
        if !is_ring {
            continue;
        }
        match root.read(&format!("{directory}/{name}")) {
            Reading::Known(text) => match NetbackQueue::parse(&text) {
                Ok(queue) => queues.push(queue),
                Err(why) => return Reading::Unreadable(BadValue::new(&text, why)),
            },
            Reading::Missing => {}
            other => return other.map(|_| Vec::new()),
        }
    }
    queues.sort_by_key(|queue| queue.queue);
    Reading::Known(queues)
}

/// The text that is left.
struct Scan<'a>(&'a str);

impl<'a> Scan<'a> {
    fn queue(&mut self) -> Option<NetbackQueue> {
        self.words("Queue")?;
        let queue = self.number()?;
        let tx = self.ring("TX: nr_ents")?;
        let (mut pending, mut dealloc) = (None, None);
        if tx.is_some() {
            self.words("pending prod")?;
            self.number::<u32>()?;
            self.words("pending cons")?;
            self.number::<u32>()?;
            self.words("nr_pending_reqs")?;
            pending = Some(self.number()?);
            self.words("dealloc prod")?;
            self.number::<u32>()?;
            self.words("dealloc cons")?;
            self.number::<u32>()?;
            self.words("dealloc_queue")?;
            dealloc = Some(self.number()?);
        }
        let rx = self.ring("RX: nr_ents")?;
        Some(NetbackQueue {
            queue,
            tx,
            pending,
            dealloc,
            rx,
            napi: self.napi()?,
            credit: self.credit()?,
            rx_queue: self.rx_queue()?,
        })
    }

    /// A ring that is there; the kernel leaves out one that is not connected.
    #[expect(
        clippy::option_option,
        reason = "outer: is it text of the kernel; inner: is there a ring"
    )]
    fn ring(&mut self, title: &str) -> Option<Option<NetbackRing>> {
        if self.words(title).is_none() {
            return Some(None);
        }
        let entries = self.number()?;
        self.words("req prod")?;
        let req_prod = self.index()?;
        self.words("cons")?;
        let req_cons = self.index()?;
        self.words("event")?;
        let req_event = self.index()?;
        self.words("rsp prod")?;
        let rsp_prod = self.index()?;
        self.words("pvt")?;
        let rsp_pvt = self.index()?;
        self.words("event")?;
        let rsp_event = self.index()?;
        Some(Some(NetbackRing {
            entries,
            req_prod,
            req_cons,
            req_event,
            rsp_prod,
            rsp_pvt,
            rsp_event,
        }))
    }

    fn napi(&mut self) -> Option<Napi> {
        self.words("NAPI state:")?;
        let state = u64::from_str_radix(self.word()?, 16).ok()?;
        self.words("NAPI weight:")?;
        let weight = self.number()?;
        self.words("TX queue len")?;
        Some(Napi {
            state,
            weight,
            tx_queue: self.number()?,
        })
    }

    fn credit(&mut self) -> Option<Credit> {
        self.words("Credit timer_pending:")?;
        let is_waiting = self.number::<u32>()? != 0;
        self.words("credit:")?;
        let bytes: u64 = self.number()?;
        self.words("usec:")?;
        let interval = self.number()?;
        self.words("remaining:")?;
        let remaining = self.number()?;
        self.words("expires:")?;
        self.number::<u64>()?;
        self.words("now:")?;
        self.number::<u64>()?;
        // No limit is the largest `unsigned long` of the backend's kernel.
        let is_limited = bytes != u64::MAX && bytes != u64::from(u32::MAX);
        Some(Credit {
            is_waiting,
            bytes: is_limited.then_some(bytes),
            interval,
            remaining,
        })
    }

    fn rx_queue(&mut self) -> Option<RxQueue> {
        self.words("Rx internal queue: len")?;
        let bytes = self.number()?;
        self.words("max")?;
        let bytes_max = self.number()?;
        self.words("pkts")?;
        let packets = self.number()?;
        let is_stopped = match self.word()? {
            "running" => false,
            "stopped" => true,
            _ => return None,
        };
        Some(RxQueue {
            bytes,
            bytes_max,
            packets,
            is_stopped,
        })
    }

    fn word(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }

    /// Takes these words; nothing if they are not next.
    fn words(&mut self, words: &str) -> Option<()> {
        let mut ahead = Scan(self.0);
        for word in words.split(' ') {
            if ahead.word()? != word {
                return None;
            }
        }
        self.0 = ahead.0;
        Some(())
    }

    fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.word()?.trim_end_matches(',').parse().ok()
    }

    /// An index, and after it the same relative to the responses: `(12)`, `(-423)` or `(base)`.
    fn index(&mut self) -> Option<u32> {
        let index = self.number()?;
        let relative = self.word()?.strip_prefix('(')?.strip_suffix(')')?;
        (relative == "base" || relative.parse::<i64>().is_ok()).then_some(index)
    }
}

#[cfg(test)]
mod tests;
