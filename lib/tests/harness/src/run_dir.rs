//! The directory in which a daemon runs, and with it the hypervisor that the shim plays.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use tempfile::TempDir;

/// Domain ids end here (`DOMID_FIRST_RESERVED`).
pub(crate) const DOMAINS: u32 = 0x7FF0;

/// Instead of a domain: a virtual interrupt.
pub(crate) const VIRQ_DOMAIN: u32 = u32::MAX;

/// `VIRQ_DOM_EXC`: something happened to some domain.
const VIRQ_DOM_EXC: u32 = 3;

/// Number of ring bytes: one page.
pub(crate) const PAGE: u64 = 4096;

/// A daemon's own short-lived directory. The files in it are described in `shim/shim.c`.
#[derive(Debug)]
pub(crate) struct RunDir {
    directory: TempDir,
}

impl RunDir {
    pub(crate) fn create() -> io::Result<Self> {
        // A socket's path is limited to 107 bytes, and the daemons add `/socket`.
        let mut parent = std::env::temp_dir();
        if parent.as_os_str().len() > 70 {
            parent = "/tmp".into();
        }
        let this = Self {
            directory: tempfile::Builder::new().prefix("xs-").tempdir_in(parent)?,
        };
        File::create(this.file("domains"))?.set_len(DOMAINS.into())?;
        File::create(this.file("xsd_kva"))?.set_len(PAGE)?;
        // Without a newline: oxenstored takes the whole content for the number.
        std::fs::write(this.file("xsd_port"), "1")?;
        this.set_domain(0, 1)?;
        Ok(this)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Makes an empty FIFO in place of whatever was there.
    pub(crate) fn make_fifo(&self, name: &str) -> io::Result<()> {
        let path = self.file(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(mknodat(
            CWD,
            &path,
            FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )?)
    }

    /// State byte of a domain; 0 is no domain.
    pub(crate) fn set_domain(&self, domid: u32, state: u8) -> io::Result<()> {
        File::options()
            .write(true)
            .open(self.file("domains"))?
            .write_all_at(&[state], domid.into())
    }

    /// Tells the daemon that something happened to some domain.
    pub(crate) fn raise_domain_exception(&self) -> io::Result<()> {
        self.raise(VIRQ_DOMAIN, VIRQ_DOM_EXC)
    }

    /// Puts an event before the daemon; without a daemon there is nobody to tell.
    pub(crate) fn raise(&self, domid: u32, port: u32) -> io::Result<()> {
        let event = [domid, port].map(u32::to_ne_bytes).concat();
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match open(self.file("evtchn"), flags, Mode::empty()) {
            Ok(fifo) => {
                // Records this short are written whole or not at all.
                rustix::io::write(&fifo, &event)?;
                Ok(())
            }
            Err(rustix::io::Errno::NXIO) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
