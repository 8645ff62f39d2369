//! Playing an unprivileged domain.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};

use crate::daemon::Daemon;
use crate::raw;
use crate::run_dir::{PAGE, RunDir};

/// What the hypervisor says about a domain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DomainState {
    /// It runs.
    Running,
    /// It shut itself down; its memory is still there.
    ShutDown,
    /// It crashed; its memory is still there.
    Crashed,
    /// It is being destroyed.
    Dying,
    /// It is destroyed, but not everybody has let go of its memory.
    Dead,
    /// There is no such domain.
    Gone,
}

impl DomainState {
    /// The byte that stands for it in the shim's table.
    fn byte(self) -> u8 {
        match self {
            Self::Running => 1,
            Self::ShutDown => 1 | 2,
            Self::Crashed => 1 | 4,
            Self::Dying => 1 | 8,
            Self::Dead => 1 | 16,
            Self::Gone => 0,
        }
    }
}

impl Daemon {
    /// Changes what the hypervisor says about a domain, creating or removing it, and tells the daemon to look.
    ///
    /// # Panics
    /// If the harness's files cannot be written.
    pub fn set_domain(&self, domid: u32, state: DomainState) {
        self.run()
            .set_domain(domid, state.byte())
            .and_then(|()| self.run().raise_domain_exception())
            .expect("the daemon's table of domains");
    }

    /// Tells the daemon to look at the domains again, though nothing changed.
    ///
    /// # Panics
    /// If the harness's files cannot be written.
    pub fn raise_domain_exception(&self) {
        self.run()
            .raise_domain_exception()
            .expect("the daemon's events");
    }

    /// Creates domain `domid`, makes its home (owned by it, closed to others), and introduces it to the store with an
    /// empty ring page.
    ///
    /// # Panics
    /// If the daemon does not do it.
    pub fn introduce(&self, domid: u32) -> Guest {
        let guest = self.create(domid);
        self.make_home(domid)
            .and_then(|()| guest.introduce())
            .unwrap_or_else(|error| panic!("{self:?} does not introduce domain {domid}: {error}"));
        guest
    }

    /// Makes the home of a domain that exists and introduces it, for a daemon that was restarted.
    ///
    /// # Panics
    /// If the daemon does not do it.
    pub fn introduce_again(&self, guest: &Guest) {
        self.make_home(guest.domid)
            .and_then(|()| guest.introduce())
            .unwrap_or_else(|error| panic!("{self:?} does not introduce {guest:?}: {error}"));
    }

    /// Creates domain `domid` with an empty ring page, without telling the store anything. A domain that the store still
    /// has must not be created again: its page would be cut off under the daemon.
    ///
    /// # Panics
    /// If the harness's files cannot be written.
    pub fn create(&self, domid: u32) -> Guest {
        let guest = Guest {
            domid,
            port: 5,
            run: Arc::clone(self.run()),
            socket: self.socket().to_owned(),
        };
        guest
            .prepare()
            .expect("the files of a domain in the daemon's directory");
        self.set_domain(domid, DomainState::Running);
        guest
    }

    fn make_home(&self, domid: u32) -> io::Result<()> {
        let home = format!("/local/domain/{domid}\0");
        let mut raw = self.raw()?;
        raw.request(raw::MKDIR, home.as_bytes())?;
        raw.request(raw::SET_PERMS, format!("{home}n{domid}\0").as_bytes())?;
        Ok(())
    }
}

/// The hypervisor's side of a domain that a test plays: its ring page and event channel.
#[derive(Clone, Debug)]
pub struct Guest {
    domid: u32,
    port: u32,
    run: Arc<RunDir>,
    socket: std::path::PathBuf,
}

impl Guest {
    /// Number of the domain.
    pub fn domid(&self) -> u32 {
        self.domid
    }

    /// The domain's event channel to the store.
    pub fn port(&self) -> u32 {
        self.port
    }

    /// The domain's ring page: a file of 4096 bytes, to be mapped shared.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub fn page(&self) -> File {
        File::options()
            .read(true)
            .write(true)
            .open(self.run.file(&format!("dom{}.page", self.domid)))
            .expect("the ring page of the domain")
    }

    /// The domain's end of its event channel.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub fn doorbell(&self) -> Doorbell {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fifo = open(self.run.file(&self.fifo()), flags, Mode::empty())
            .expect("the event channel of the domain");
        Doorbell {
            fifo: fifo.into(),
            guest: self.clone(),
        }
    }

    /// Introduces the domain, or introduces it again.
    ///
    /// # Errors
    /// The store's answer.
    pub fn introduce(&self) -> io::Result<()> {
        let Self { domid, port, .. } = self;
        // The frame number is not used: the shim knows the domain's page.
        self.request(raw::INTRODUCE, &format!("{domid}\x001\0{port}\0"))
    }

    /// Makes the store forget the domain.
    ///
    /// # Errors
    /// The store's answer.
    pub fn release(&self) -> io::Result<()> {
        self.request(raw::RELEASE, &format!("{}\0", self.domid))
    }

    fn request(&self, op: u32, payload: &str) -> io::Result<()> {
        let timeout = std::time::Duration::from_secs(20);
        raw::Raw::connect(&self.socket, timeout)?
            .request(op, payload.as_bytes())
            .map(drop)
    }

    fn prepare(&self) -> io::Result<()> {
        File::create(self.run.file(&format!("dom{}.page", self.domid)))?.set_len(PAGE)?;
        self.run.make_fifo(&self.fifo())
    }

    fn fifo(&self) -> String {
        format!("dom{}.evtchn", self.domid)
    }
}

/// A domain's end of its event channel to the store.
#[derive(Debug)]
pub struct Doorbell {
    fifo: File,
    guest: Guest,
}

impl Doorbell {
    /// Notifies the store.
    ///
    /// # Errors
    /// The system's, or [`io::ErrorKind::WouldBlock`] if thousands of events wait for a daemon that does not run.
    pub fn ring(&self) -> io::Result<()> {
        self.guest.run.raise(self.guest.domid, self.guest.port)
    }

    /// Makes [`Doorbell::wait`] return, now or at its next call.
    pub fn wake(&self) {
        // Fails only if the FIFO is full, and then it wakes as well.
        rustix::io::write(&self.fifo, b"!").ok();
    }

    /// Waits, not past `deadline`, until the store has notified the domain since the last call.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] at the deadline.
    pub fn wait(&self, deadline: Option<Instant>) -> io::Result<()> {
        loop {
            let mut events = [0; 256];
            match rustix::io::read(&self.fifo, &mut events) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::AGAIN) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(
                &mut [PollFd::new(&self.fifo, PollFlags::IN)],
                timeout.as_ref(),
            ) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fifo.as_fd()
    }
}
