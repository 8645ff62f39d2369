//! `xsh serve`: the embedded store as a daemon.

use std::io::Write as _;
use std::path::Path;

use rustix::process::{Resource, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
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
    let mut signals = match Signals::new([SIGTERM, SIGINT, SIGHUP]) {
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
    signals.forever().next();
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
    Demo(Host),
}

impl Store {
    fn start(args: &ServeArgs) -> Result<Self> {
        let options = StoreOptions::of(args.personality.0);
        match &args.demo {
            None => Server::start(options).map(Self::Plain),
            Some(name) => Host::start_on(&Scenario::find(name)?, options).map(Self::Demo),
        }
    }

    fn server(&self) -> &Server {
        match self {
            Self::Plain(server) => server,
            Self::Demo(host) => host.server(),
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
