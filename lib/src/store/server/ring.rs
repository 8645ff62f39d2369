//! The store's end of a domain's shared ring.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::store::core::RingTerms;
use crate::transport::ring::{Broken, Consumer, Features, Interface, Lane, Page, Producer};
use crate::transport::ring::{EventPair, RingError};

/// The store's end of an event channel to a domain: a descriptor that is readable when the domain has notified.
pub trait Channel: Send + Sync + fmt::Debug {
    /// What to poll.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Takes the notification: the descriptor is readable again at the next one.
    ///
    /// # Errors
    /// If the channel is lost.
    fn clear(&self) -> io::Result<()>;

    /// Notifies the domain; never blocks.
    ///
    /// # Errors
    /// If the channel is lost.
    fn notify(&self) -> io::Result<()>;
}

impl Channel for EventPair {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }

    fn clear(&self) -> io::Result<()> {
        EventPair::clear(self)
    }

    fn notify(&self) -> io::Result<()> {
        use crate::transport::ring::Doorbell as _;
        self.ring()
    }
}

/// What a domain granted: its page, and the other end of its event channel.
#[derive(Clone, Debug)]
pub(in crate::store) struct Grant {
    pub(in crate::store) page: Page,
    pub(in crate::store) channel: Arc<dyn Channel>,
}

/// A ring that is served.
///
/// What the domain writes into the page is never believed: the store keeps its own indexes, and what the domain's claim
/// is checked before each use.
#[derive(Debug)]
pub(in crate::store) struct RingEnd {
    grant: Grant,
    requests: Consumer,
    replies: Producer,
    terms: RingTerms,
    /// Bytes were moved of which the domain was not told.
    moved: bool,
}

impl RingEnd {
    /// Takes a ring at the domain's introduction.
    pub(in crate::store) fn attach(grant: Grant, terms: RingTerms) -> Self {
        let page = grant.page.interface();
        if terms.starts_empty {
            empty(page);
        }
        let mut ring = Self {
            requests: Consumer::new(Lane::requests(page)),
            replies: Producer::new(Lane::replies(page)),
            grant,
            terms,
            // The domain may wait for it (dom0less, or after a restart of the store).
            moved: true,
        };
        ring.announce();
        ring
    }

    /// Says that the store is here.
    fn announce(&mut self) {
        let page = self.grant.page.interface();
        page.server_features
            .store(self.terms.features, Ordering::Relaxed);
        page.error.store(0, Ordering::Relaxed);
        // After the indexes and features, which the domain looks at once it sees this.
        page.connection.store(0, Ordering::Release);
    }

    pub(in crate::store) fn channel(&self) -> &dyn Channel {
        &*self.grant.channel
    }

    /// Starts the ring anew if the domain asks for it, and it was offered. Whether it was so: everything that the
    /// connection had is then to be forgotten.
    pub(in crate::store) fn reconnects(&mut self) -> bool {
        let page = self.grant.page.interface();
        let offered = Features(self.terms.features).has(Features::RECONNECTION);
        if !offered || page.connection.load(Ordering::Acquire) != 1 {
            return false;
        }
        empty(page);
        self.requests = Consumer::new(Lane::requests(page));
        self.replies = Producer::new(Lane::replies(page));
        self.moved = true;
        self.announce();
        true
    }

    /// Takes what is there; 0: nothing.
    pub(in crate::store) fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
        let lane = Lane::requests(self.grant.page.interface());
        let count = self.requests.read(lane, buffer)?;
        self.moved |= count > 0;
        Ok(count)
    }

    /// Puts in what fits; 0: nothing.
    pub(in crate::store) fn send(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let lane = Lane::replies(self.grant.page.interface());
        let count = self.replies.write(lane, bytes)?;
        self.moved |= count > 0;
        Ok(count)
    }

    /// Tells the domain of what was moved since the last time.
    pub(in crate::store) fn tell(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.moved) {
            self.grant.channel.notify()?;
        }
        Ok(())
    }

    /// Tells the domain why the ring is given up.
    pub(in crate::store) fn give_up(&mut self, why: RingError) {
        if self.terms.error_word {
            let page = self.grant.page.interface();
            page.error.store(why.0, Ordering::Release);
            // It may be gone; then there is nobody to tell.
            drop(self.grant.channel.notify());
        }
    }
}

/// Forgets what is in the ring.
fn empty(page: &Interface) {
    for index in [
        &page.req_cons,
        &page.req_prod,
        &page.rsp_cons,
        &page.rsp_prod,
    ] {
        index.store(0, Ordering::Relaxed);
    }
}
