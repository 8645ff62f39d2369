//! Messages as they travel: `monitor` of our own connection, `proxy` for the others'.

use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use xenbus::store::listener::Listener;

use super::{Args, Changes, Command, Group, Kind, Operand, session, valued};
use crate::exit::{Exit, Failure, Outcome, say, shown};
use crate::notice::Notices;
use crate::output::Format;
use crate::proxy::{Proxy, Stopper};
use crate::record::{Event, Records, Teller, Told, recording};
use crate::shell::{Mode, Shell, file_name};

/// How long nothing may come before one looks whether to end.
const PATIENCE: Duration = Duration::from_millis(50);

pub(super) const MONITOR: Command = Command {
    name: "monitor",
    aliases: &[],
    group: Group::Watch,
    summary: "show the messages of this shell's own connection",
    options: &[],
    operands: &[Operand::any("on|off|COMMAND", Kind::Line)],
    text: "Runs COMMAND, or a block, and prints on standard error each message that goes to the store (>) and comes from it (<, \
           and ! for events), with its answer's time. 'monitor on' shows the messages of all commands that follow until \
           'monitor off'. A new connection is made for it; watches in the background keep theirs. With -o jsonl each \
           message is a JSON object. For the messages of other programs there is 'proxy'.",
    examples: &[
        ("monitor ls -l @1", "see what a listing asks"),
        (
            "monitor { tx { set /a 1; cat /a } }",
            "a transaction on the wire",
        ),
    ],
    changes: Changes::Nothing,
    run: monitor,
};

/// A thread that prints the messages of our connection.
pub(crate) struct Monitor {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Monitor {
    fn start(
        mut records: Records,
        mut teller: Teller,
        notices: Option<Notices>,
    ) -> Result<Self, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let run = move || {
            loop {
                // Asked before looking, so that what came before the stop is told.
                let stops = stopping.load(Ordering::SeqCst);
                let line = match records.next(PATIENCE) {
                    Told::Nothing if stops => return,
                    Told::Nothing => continue,
                    Told::Dropped(count) => teller.dropped(count),
                    Told::Record(record) => teller.line(&record),
                };
                match &notices {
                    Some(notices) => notices.tell(line),
                    None => say(&line),
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("monitor".into())
            .spawn(run)
            .map_err(|error| Failure::io("cannot start a thread", &error))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say if it panicked.
            drop(thread.join());
        }
    }
}

fn monitor(shell: &mut Shell, args: &Args) -> Outcome {
    if args.block.is_none() && args.operands.len() == 1 {
        match args.word(0)? {
            Some("on") => {
                let notices = (shell.mode == Mode::Interactive).then(|| shell.notices.clone());
                start(shell, notices)?;
                return Ok(Exit::SUCCESS);
            }
            Some("off") => {
                shell.set_tap(None)?;
                shell.monitor = None;
                return Ok(Exit::SUCCESS);
            }
            _ => {}
        }
    }
    start(shell, None)?;
    let outcome = session::run_rest(shell, args, 0);
    let flushed = shell.out.flush();
    // A transaction that the command has opened stays, and is seen until its end.
    if shell.transaction().is_none() {
        shell.set_tap(None)?;
        shell.monitor = None;
    }
    flushed?;
    outcome
}

fn start(shell: &mut Shell, notices: Option<Notices>) -> Result<(), Failure> {
    let (recorder, records) = recording();
    shell.set_tap(Some(recorder))?;
    let is_terminal = rustix::termios::isatty(rustix::stdio::stderr());
    let has_color = is_terminal && shell.out.has_color;
    let teller = Teller::new(shell.out.style.format, has_color);
    shell.monitor = Some(Monitor::start(records, teller, notices)?);
    Ok(())
}

pub(super) const PROXY: Command = Command {
    name: "proxy",
    aliases: &[],
    group: Group::Watch,
    summary: "record what other programs and the store say to each other",
    options: &[
        valued('c', "count", ("N", Kind::Number), "End after N messages"),
        valued(
            't',
            "timeout",
            ("SECS", Kind::Seconds),
            "End after SECS seconds",
        ),
    ],
    operands: &[Operand::one("SOCKET", Kind::File)],
    text: "Listens on SOCKET (mode 0600) and passes everything on to the store and back, unchanged; a program uses it when \
           XENSTORED_PATH names it: xl, the daemons of libvirt and xapi, xenstore-ls. Each message is a line: the time (UTC), the \
           number of the connection, > for a request, < for its answer with the time it took, ! for an event. \
           With -o jsonl it is a JSON object.\n\n\
           Traffic never waits for the output: what cannot be written in time is dropped, and counted. Ctrl-C ends \
           it, and with it the connections that go through it.",
    examples: &[(
        "proxy -t 60 /tmp/seen",
        "then, elsewhere: XENSTORED_PATH=/tmp/seen xl list",
    )],
    changes: Changes::Nothing,
    run: proxy,
};

fn proxy(shell: &mut Shell, args: &Args) -> Outcome {
    let name = args
        .operands
        .first()
        .ok_or_else(|| args.wrong("SOCKET is missing"))?;
    let most: Option<u64> = args.number("count")?;
    let deadline = args.seconds("timeout")?.map(|time| Instant::now() + time);
    let connector = shell.connector()?;
    let path = file_name(&name.bytes);
    // Before the socket is made, so that a signal finds it and it is removed.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP])
        .map_err(|error| Failure::io("cannot prepare for signals", &error))?;
    let listener = Listener::bind(&path)
        .map_err(|error| Failure::new(Exit::UNREACHABLE, error.to_string()))?;
    let (recorder, mut records) = recording();
    let proxy = Proxy::start(listener, Arc::clone(&connector), recorder)?;
    let stopper = proxy.stopper();
    let guard = Guard::start(signals, stopper.clone())?;
    let address = connector.address();
    let path = shown(path.as_os_str().as_bytes());
    say(&format!(
        "recording on {path}, before {address}\n  XENSTORED_PATH={path} xenstore-ls -f"
    ));
    let mut teller = Teller::new(shell.out.style.format, shell.out.has_color);
    let is_text = shell.out.style.format == Format::Text;
    let mut messages = 0;
    loop {
        shell.interrupt.check()?;
        if stopper.has_stopped() || deadline.is_some_and(|at| Instant::now() >= at) {
            break;
        }
        let line = match records.next(PATIENCE) {
            Told::Nothing => {
                shell.out.flush()?;
                continue;
            }
            Told::Dropped(count) => teller.dropped(count),
            Told::Record(record) => {
                messages += u64::from(matches!(record.event, Event::Message { .. }));
                teller.line(&record)
            }
        };
        writeln!(shell.out, "{line}")?;
        if is_text {
            shell.out.tick()?;
        }
        if most.is_some_and(|most| messages >= most) {
            break;
        }
    }
    drop(guard);
    Ok(Exit::SUCCESS)
}

/// Stops the proxy at a signal. Whoever reads the output may have stopped reading, and writing then has no end: the
/// process ends without it.
struct Guard {
    signals: Handle,
    finished: Arc<AtomicBool>,
}

impl Guard {
    /// How long the output may take after a signal.
    const GRACE: Duration = Duration::from_secs(1);

    fn start(mut signals: Signals, stopper: Stopper) -> Result<Self, Failure> {
        let guard = Self {
            signals: signals.handle(),
            finished: Arc::default(),
        };
        let finished = Arc::clone(&guard.finished);
        let run = move || {
            if signals.forever().next().is_some() {
                stopper.stop();
                std::thread::sleep(Self::GRACE);
                if !finished.load(Ordering::SeqCst) {
                    std::process::exit(0);
                }
            }
        };
        let thread = std::thread::Builder::new().name("signals".into());
        thread
            .spawn(run)
            .map_err(|error| Failure::io("cannot start a thread", &error))?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.finished.store(true, Ordering::SeqCst);
        self.signals.close();
    }
}
