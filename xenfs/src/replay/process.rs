//! The helper's process and the socket to it.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, recv, send, shutdown,
    socketpair,
};

use super::Detached;
use super::helper::VARIABLE;

/// Longest message: some steps with paths of at most 4096 bytes.
pub(super) const MESSAGE_MAX: usize = 64 * 1024;

/// The program that runs as the helper.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its file.
    pub path: PathBuf,
    /// What it is called.
    pub name: OsString,
}

impl Default for Program {
    /// This program itself.
    fn default() -> Self {
        Self {
            path: "/proc/self/exe".into(),
            name: "xenfs-replay".into(),
        }
    }
}

/// A running helper; dropping it ends and reaps it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    channel: Arc<Channel>,
}

impl Process {
    pub(super) fn spawn(program: &Program, detached: &Detached) -> io::Result<Self> {
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let child = Command::new(&program.path)
            .arg0(&program.name)
            .env_clear()
            .env(VARIABLE, detached.describe())
            .current_dir("/")
            .stdin(theirs)
            .stdout(detached.root()?)
            .stderr(Stdio::null())
            .spawn()?;
        let channel = Channel { socket: ours };
        let process = Self {
            child,
            channel: Arc::new(channel),
        };
        match process.channel.results(1)?[..] {
            [0] => Ok(process),
            [errno] => Err(io::Error::from_raw_os_error(errno)),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn channel(&self) -> Arc<Channel> {
        Arc::clone(&self.channel)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whoever waits for an answer gets the end of the stream.
        let _gone_already = shutdown(&self.channel.socket, Shutdown::Both);
        drop(self.child.kill());
        let pid = rustix::process::Pid::from_child(&self.child);
        // It may be in the middle of a step that only the mount's own threads can end: not to be waited for here.
        let waiting = std::thread::Builder::new()
            .name("xenfs-reaper".into())
            .spawn(move || reap(pid));
        drop(waiting);
    }
}

/// Waits for a process that nobody else waits for.
fn reap(pid: rustix::process::Pid) {
    use rustix::process::{WaitOptions, waitpid};
    while let Err(Errno::INTR) = waitpid(Some(pid), WaitOptions::empty()) {}
}

/// The socket to a helper.
#[derive(Debug)]
pub(super) struct Channel {
    socket: OwnedFd,
}

impl Channel {
    /// Sends orders and waits for their results: 0 each, or an error number, and then it is the last.
    pub(super) fn ask(&self, orders: &[Vec<u8>]) -> io::Result<Vec<i32>> {
        let mut results = Vec::with_capacity(orders.len());
        let mut message = Vec::new();
        let mut inside = 0;
        for (at, order) in orders.iter().enumerate() {
            message
                .extend_from_slice(&u16::try_from(order.len()).unwrap_or(u16::MAX).to_ne_bytes());
            message.extend_from_slice(order);
            inside += 1;
            let next = orders.get(at + 1);
            if next.is_none_or(|next| message.len() + 2 + next.len() > MESSAGE_MAX) {
                results.extend(self.exchange(&message, inside)?);
                if results.len() <= at || results.last() != Some(&0) {
                    break;
                }
                message.clear();
                inside = 0;
            }
        }
        Ok(results)
    }

    fn exchange(&self, message: &[u8], orders: usize) -> io::Result<Vec<i32>> {
        send(&self.socket, message, SendFlags::NOSIGNAL)?;
        self.results(orders)
    }

    fn results(&self, orders: usize) -> io::Result<Vec<i32>> {
        let mut buffer = vec![0; orders * 4];
        let length = loop {
            match recv(&self.socket, &mut buffer[..], RecvFlags::empty()) {
                Ok((length, _)) => break length,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        };
        if length == 0 || length % 4 != 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (results, _) = buffer[..length].as_chunks::<4>();
        Ok(results
            .iter()
            .map(|bytes| i32::from_ne_bytes(*bytes))
            .collect())
    }
}

/// The orders in a message.
pub(super) fn split(mut message: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = message.split_first_chunk()?;
        let (order, rest) = rest.split_at_checked(u16::from_ne_bytes(*length).into())?;
        message = rest;
        Some(order)
    })
}
