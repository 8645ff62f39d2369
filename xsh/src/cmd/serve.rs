//! `xsh serve`: the embedded store as a daemon.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use xenbus::demo::{Host, Scenario};
use xenbus::error::{Error, Result};
use xenbus::store::{Server, StoreOptions};
use xenbus::value::escape;

use crate::cli::ServeArgs;
use crate::exit::Exit;

/// Serves until a signal ends it.
pub(crate) fn run(args: &ServeArgs) -> Exit {
    allow_many_clients();
    // Before anything is made, so that a signal finds it and it is cleaned up.
    let mut signals = match Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1]) {
        Ok(signals) => signals,
        Err(error) => {
            return fail(&Error::io("prepare for signals", error), Exit::FAILURE);
        }
    };
    let store = match Store::start(args) {
        Ok(store) => store,
        Err(error) => {
            let exit = match error {
                Error::Invalid { .. } => Exit::USAGE,
                _ => Exit::FAILURE,
            };
            return fail(&error, exit);
        }
    };
    if let Err(error) = store.server().listen(&args.socket) {
        return fail(&error, Exit::UNREACHABLE);
    }
    announce(&args.socket);
    for signal in &mut signals {
        if signal != SIGUSR1 {
            break;
        }
        if let Err(error) = store.step() {
            // It goes on as before.
            drop(writeln!(std::io::stderr().lock(), "xsh: {error}"));
        }
    }
    drop(store);
    Exit::SUCCESS
}

/// Every client is a descriptor, and the usual limit is low for the sake of programs that use `select`.
fn allow_many_clients() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Refused nowhere that is known, and the lower limit is respected as well.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// A store, alone or with the host that lives in it.
enum Store {
    Plain(Server),
    /// With the length of a step, where time is stepped.
    Demo(Host, Duration),
}

impl Store {
    fn start(args: &ServeArgs) -> Result<Self> {
        let options = StoreOptions::of(args.personality.0);
        match &args.demo {
            None => Server::start(options).map(Self::Plain),
            Some(name) => {
                let scenario = Scenario::find(name)?;
                let step = Duration::from_secs_f64(scenario.step.unwrap_or(1.0));
                let mut host = Host::start_on(&scenario, options)?;
                if let Some(directory) = &args.sysroot {
                    host.keep_sysroot(directory)?;
                }
                Ok(Self::Demo(host, step))
            }
        }
    }

    fn server(&self) -> &Server {
        match self {
            Self::Plain(server) => server,
            Self::Demo(host, _) => host.server(),
        }
    }

    /// Lets the time of one step pass.
    fn step(&self) -> Result<()> {
        match self {
            // Nothing of a plain store depends on time.
            Self::Plain(_) => Ok(()),
            Self::Demo(host, step) => host.advance(*step),
        }
    }
}

/// Says that the store is ready, and how to use it.
fn announce(socket: &Path) {
    let path = escape(socket.as_os_str().as_encoded_bytes()).to_string();
    // With standard error closed there is nobody to tell.
    drop(writeln!(
        std::io::stderr().lock(),
        "serving on {path}\n  XENSTORED_PATH={path} xenstore-ls -f"
    ));
}

fn fail(error: &Error, exit: Exit) -> Exit {
    drop(writeln!(std::io::stderr().lock(), "xsh: {error}"));
    exit
}
