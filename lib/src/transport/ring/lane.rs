//! One direction of a shared ring: 1024 bytes and two indexes that run freely.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use super::page::{Interface, RING_SIZE};

/// The other side left the rules: the ring is of no more use.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Broken {
    /// More bytes between the indexes than the ring has.
    #[error("the peer's ring index is impossible ({used} bytes in a ring of {RING_SIZE})")]
    Index {
        /// Bytes that the indexes claim.
        used: u32,
    },
    /// Our own index is not what we left there: the peer started the ring anew, or scribbles.
    #[error("the ring was reset by the peer")]
    Reset,
}

/// The sending end of a direction.
#[derive(Debug)]
pub(crate) struct Producer {
    /// Our index, kept where the peer cannot reach it.
    index: u32,
}

/// The receiving end of a direction.
#[derive(Debug)]
pub(crate) struct Consumer {
    /// Our index, kept where the peer cannot reach it.
    index: u32,
}

/// A direction of an [`Interface`].
#[derive(Clone, Copy)]
pub(crate) struct Lane<'a> {
    bytes: &'a [AtomicU8; RING_SIZE],
    cons: &'a AtomicU32,
    prod: &'a AtomicU32,
}

impl<'a> Lane<'a> {
    /// From the domain to the store.
    pub(crate) fn requests(page: &'a Interface) -> Self {
        Self {
            bytes: &page.req,
            cons: &page.req_cons,
            prod: &page.req_prod,
        }
    }

    /// From the store to the domain.
    pub(crate) fn replies(page: &'a Interface) -> Self {
        Self {
            bytes: &page.rsp,
            cons: &page.rsp_cons,
            prod: &page.rsp_prod,
        }
    }

    fn place(&self, index: u32) -> &'a AtomicU8 {
        // Masked, so in the array whatever the index is.
        &self.bytes[index as usize % RING_SIZE]
    }
}

/// Bytes between two indexes, if that many fit.
fn used(prod: u32, cons: u32) -> Result<usize, Broken> {
    let used = prod.wrapping_sub(cons);
    if used as usize > RING_SIZE {
        return Err(Broken::Index { used });
    }
    Ok(used as usize)
}

impl Producer {
    /// Goes on where the shared index is.
    pub(crate) fn new(lane: Lane<'_>) -> Self {
        Self {
            index: lane.prod.load(Ordering::Acquire),
        }
    }

    /// Bytes that fit now.
    pub(crate) fn space(&self, lane: Lane<'_>) -> Result<usize, Broken> {
        if lane.prod.load(Ordering::Relaxed) != self.index {
            return Err(Broken::Reset);
        }
        Ok(RING_SIZE - used(self.index, lane.cons.load(Ordering::Acquire))?)
    }

    /// Puts as many bytes into the ring as fit and returns how many that are.
    pub(crate) fn write(&mut self, lane: Lane<'_>, bytes: &[u8]) -> Result<usize, Broken> {
        let count = self.space(lane)?.min(bytes.len());
        for byte in &bytes[..count] {
            lane.place(self.index).store(*byte, Ordering::Relaxed);
            self.index = self.index.wrapping_add(1);
        }
        // Publishes the bytes with the index.
        lane.prod.store(self.index, Ordering::Release);
        Ok(count)
    }
}

impl Consumer {
    /// Goes on where the shared index is.
    pub(crate) fn new(lane: Lane<'_>) -> Self {
        Self {
            index: lane.cons.load(Ordering::Acquire),
        }
    }

    /// Bytes that can be read now.
    pub(crate) fn available(&self, lane: Lane<'_>) -> Result<usize, Broken> {
        if lane.cons.load(Ordering::Relaxed) != self.index {
            return Err(Broken::Reset);
        }
        used(lane.prod.load(Ordering::Acquire), self.index)
    }

    /// Takes as many bytes out of the ring as there are and fit into `buffer`, and returns how many that are.
    pub(crate) fn read(&mut self, lane: Lane<'_>, buffer: &mut [u8]) -> Result<usize, Broken> {
        let count = self.available(lane)?.min(buffer.len());
        for byte in &mut buffer[..count] {
            *byte = lane.place(self.index).load(Ordering::Relaxed);
            self.index = self.index.wrapping_add(1);
        }
        // After the bytes were read: then the peer may overwrite them.
        lane.cons.store(self.index, Ordering::Release);
        Ok(count)
    }

    /// Drops what is in the ring.
    pub(crate) fn discard(&mut self, lane: Lane<'_>) {
        self.index = lane.prod.load(Ordering::Acquire);
        lane.cons.store(self.index, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::atomic::Ordering::Relaxed;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_come_out_as_they_went_in_across_wrapping_indexes(
            start: u32,
            steps in prop::collection::vec((any::<bool>(), 1..1500usize), 1..60),
        ) {
            let page = Interface::default();
            page.req_prod.store(start, Relaxed);
            page.req_cons.store(start, Relaxed);
            let lane = Lane::requests(&page);
            let (mut producer, mut consumer) = (Producer::new(lane), Consumer::new(lane));
            let (mut model, mut next) = (VecDeque::new(), 0u8);
            for (write, count) in steps {
                if write {
                    let bytes: Vec<u8> = (0..count).map(|_| { next = next.wrapping_add(1); next }).collect();
                    let written = producer.write(lane, &bytes).unwrap();
                    prop_assert_eq!(written, count.min(RING_SIZE - model.len()));
                    model.extend(&bytes[..written]);
                    next = next.wrapping_sub(u8::try_from((count - written) % 256).unwrap());
                } else {
                    let mut buffer = vec![0; count];
                    let read = consumer.read(lane, &mut buffer).unwrap();
                    prop_assert_eq!(read, count.min(model.len()));
                    let expected: Vec<u8> = model.drain(..read).collect();
                    prop_assert_eq!(&buffer[..read], &expected[..]);
                }
            }
        }

        #[test]
        fn no_index_of_the_peer_is_believed_beyond_the_ring(prod: u32, cons: u32, count in 0..5000usize) {
            let page = Interface::default();
            page.rsp_prod.store(prod, Relaxed);
            page.rsp_cons.store(cons, Relaxed);
            let lane = Lane::replies(&page);
            let possible = prod.wrapping_sub(cons) <= 1024;
            let mut buffer = vec![0; count];
            prop_assert_eq!(Consumer::new(lane).read(lane, &mut buffer).is_ok(), possible);
            page.rsp_cons.store(cons, Relaxed);
            prop_assert_eq!(Producer::new(lane).write(lane, &buffer).is_ok(), possible);
        }
    }

    #[test]
    fn an_index_of_ours_that_the_peer_changed_means_a_reset() {
        let page = Interface::default();
        let lane = Lane::requests(&page);
        let (mut producer, mut consumer) = (Producer::new(lane), Consumer::new(lane));
        producer.write(lane, b"abc").unwrap();
        page.req_prod.store(0, Relaxed);
        assert_eq!(producer.write(lane, b"d"), Err(Broken::Reset));
        page.req_cons.store(1, Relaxed);
        assert_eq!(consumer.read(lane, &mut [0]), Err(Broken::Reset));
    }
}
