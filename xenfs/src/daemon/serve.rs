//! Serving a mount: from connecting to the store to the end.

use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use fuser::SessionACL;
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use xenbus::address::Address;

use super::ready::{self, Ready};
use crate::cli::{MountPoint, Plan};
use crate::error::{Error, Result};
use crate::fs::XenFs;
use crate::live::Live;
use crate::log;
use crate::mount::Mount;
use crate::mounted::{Mounted, Origin};
use crate::replay::Program;
use crate::settings::Subdir;

/// How long requests under way may take to end after a signal. A mount that is still in use ends only with the
/// process.
const GRACE: Duration = Duration::from_secs(2);

/// What ends a mount.
enum Event {
    Signal,
    Ended(std::io::Result<()>),
}

/// Mounts and serves until the mount ends.
///
/// The order matters: whatever can fail comes before the parent is told; the mount comes before the threads, because
/// a program that must run single-threaded beside them (one that repeats changes on the own mount, say) is started
/// between the answer to INIT and the first of them.
pub(super) fn serve(mut plan: Plan, ready: Ready) -> Result<()> {
    if ready.is_background() {
        detach()?;
    }
    make_absolute(&mut plan)?;
    let client = plan.connect.client()?;
    let filesystem = XenFs::new(client, &plan.options.settings)
        .map_err(|error| explain(error, &plan.options.settings.subdir))?;
    let (sender, events) = mpsc::channel();
    watch_signals(sender.clone())?;
    let mount = Mount::new(&plan.point, &plan.source, &plan.options)?;
    let origin = Origin {
        source: plan.source.to_string_lossy().into_owned(),
    };
    let live = Live::start(
        Mounted::new(Arc::new(filesystem), origin),
        &mount,
        &plan.options,
        admitted(&plan),
        Program::default(),
        move |result| drop(sender.send(Event::Ended(result))),
    );
    let served = live.and_then(|live| {
        for note in live.notes() {
            log::warning(format_args!("{note}"));
        }
        if ready.is_background() {
            rustix::process::chdir("/").map_err(|error| Error::mount("chdir /", error))?;
        }
        ready.tell()?;
        Ok(live)
    });
    let live = match served {
        Ok(live) => live,
        Err(error) => {
            // The first error is the one to tell.
            drop(mount.unmount());
            return Err(error);
        }
    };
    let source = plan.source.to_string_lossy();
    log::notice(format_args!("mounted {source} on {}", plan.point));
    let ended = match events.recv() {
        Ok(Event::Ended(result)) => ended(&mount, result),
        Ok(Event::Signal) | Err(_) => {
            ready::tell_systemd(&[NotifyState::Stopping]);
            mount.unmount()?;
            live.release();
            wait_for_end(&events);
            Ok(())
        }
    };
    if ended.is_ok() {
        log::notice(format_args!("unmounted {}", plan.point));
    }
    ended
}

/// Leaves the terminal and its session, so neither Ctrl-C nor its end reaches us.
fn detach() -> Result<()> {
    rustix::process::setsid().map_err(|error| Error::mount("leave the session", error))?;
    // Started through /proc/self/exe the kernel calls us "exe"; ps and pgrep should find "xenfs".
    rustix::thread::set_name(c"xenfs").map_err(|error| Error::mount("name the process", error))
}

/// The background process works in `/`, so a relative path to the store is resolved now.
fn make_absolute(plan: &mut Plan) -> Result<()> {
    let Some(Address::Unix(path) | Address::Device(path) | Address::Path(path)) =
        &mut plan.connect.connect
    else {
        return Ok(());
    };
    *path = std::path::absolute(&path)
        .map_err(|error| Error::mount(format!("resolve {}", path.display()), error))?;
    Ok(())
}

/// A shell replaces the `~` of `subdir=~` by the user's home directory unless it is quoted.
fn explain(error: xenbus::Error, subdir: &Subdir) -> Error {
    let home = std::env::var_os("HOME");
    match (subdir, home) {
        (Subdir::Node(path), Some(home)) if path.as_bytes() == home.as_bytes() => {
            Error::mount("mount", error)
                .or("the shell has replaced the ~ of subdir=~; quote it: -o 'subdir=~'")
        }
        _ => error.into(),
    }
}

/// From now on the signals that end a daemon end the mount first. A second one ends the process at once.
fn watch_signals(sender: Sender<Event>) -> Result<()> {
    let failed = |error| Error::mount("watch for signals", error);
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(failed)?;
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for _ in signals.forever() {
                if sender.send(Event::Signal).is_err() {
                    return;
                }
            }
        })
        .map_err(failed)?;
    Ok(())
}

/// Who may come in besides what the kernel checks. It does on our own mounts: without `allow_other` only the user who
/// mounts passes, and modes count always. A mount that others made without `default_permissions` has no modes: then
/// only the own user may use it, whatever `allow_other` says.
fn admitted(plan: &Plan) -> SessionACL {
    match plan.point {
        MountPoint::Inherited(_) if !plan.options.default_permissions => SessionACL::Owner,
        MountPoint::Inherited(_) | MountPoint::Path(_) => SessionACL::All,
    }
}

fn wait_for_end(events: &mpsc::Receiver<Event>) {
    match events.recv_timeout(GRACE) {
        Ok(_) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
    }
}

fn ended(mount: &Mount, result: std::io::Result<()>) -> Result<()> {
    let Err(error) = result else { return Ok(()) };
    drop(mount.unmount());
    Err(Error::mount("serve the mount", error))
}
