//! Where bytes go.

use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Where bytes go.
pub(crate) enum Sink {
    Stdout(BufWriter<Stdout>),
    File(BufWriter<File>),
    /// A program that reads them.
    Pipe(Box<Child>, Option<BufWriter<ChildStdin>>),
    /// A screenful in memory, then a pager.
    Pager(Pager),
}

/// Bytes that are handed over together.
const BUFFER: usize = 64 * 1024;

impl Sink {
    pub(crate) fn stdout() -> Self {
        Self::Stdout(BufWriter::with_capacity(BUFFER, io::stdout()))
    }

    pub(crate) fn file(file: File) -> Self {
        Self::File(BufWriter::with_capacity(BUFFER, file))
    }

    /// A pipeline of the outer shell, whose output is ours.
    pub(crate) fn pipe(program: &[u8]) -> io::Result<Self> {
        let mut child = shell(program).stdin(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        let writer = stdin.map(|stdin| BufWriter::with_capacity(BUFFER, stdin));
        Ok(Self::Pipe(Box::new(child), writer))
    }

    /// Ends it; the status of the program behind it.
    pub(crate) fn end(&mut self) -> io::Result<Option<u8>> {
        match self {
            Self::Pipe(child, stdin) => {
                let flushed = stdin.take().map_or(Ok(()), |mut stdin| stdin.flush());
                let status = status(child.wait()?);
                match flushed {
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
                    _ => Ok(Some(status)),
                }
            }
            Self::Pager(pager) => pager.end().map(|()| None),
            Self::Stdout(_) | Self::File(_) => Ok(None),
        }
    }

    /// `None` after the end of a pipe.
    fn writer(&mut self) -> Option<&mut dyn Write> {
        Some(match self {
            Self::Stdout(stdout) => stdout,
            Self::File(file) => file,
            Self::Pipe(_, stdin) => stdin.as_mut()?,
            Self::Pager(pager) => pager,
        })
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer()
            .map_or(Ok(bytes.len()), |writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().map_or(Ok(()), Write::flush)
    }
}

/// A command line of the outer shell.
pub(crate) fn shell(program: &[u8]) -> Command {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(OsStr::from_bytes(program));
    command
}

/// The status of a program as a shell has it: 128 and the signal, if one ended it.
pub(crate) fn status(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Shows what fits on the screen as it is, and more than that through the user's pager.
pub(crate) struct Pager {
    held: Vec<u8>,
    lines: usize,
    rows: usize,
    child: Option<(Child, ChildStdin)>,
}

impl Pager {
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            held: Vec::new(),
            lines: 0,
            rows,
            child: None,
        }
    }

    fn start(&mut self) -> io::Result<()> {
        let pager = std::env::var_os("PAGER").unwrap_or_else(|| "less".into());
        let mut command = shell(pager.as_encoded_bytes());
        // As git does: leave the screen as it is, quit if it fits, show colours.
        if std::env::var_os("LESS").is_none() {
            command.env("LESS", "FRX");
        }
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(&std::mem::take(&mut self.held))?;
        self.child = Some((child, stdin));
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if let Some((mut child, stdin)) = self.child.take() {
            drop(stdin);
            child.wait()?;
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(&std::mem::take(&mut self.held))?;
        stdout.flush()
    }
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some((_, stdin)) = &mut self.child {
            return stdin.write(bytes);
        }
        self.held.extend_from_slice(bytes);
        self.lines += bytes.split(|byte| *byte == b'\n').count() - 1;
        if self.lines >= self.rows {
            self.start()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.child {
            Some((_, stdin)) => stdin.flush(),
            None => Ok(()),
        }
    }
}
